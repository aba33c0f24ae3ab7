"""Our flags as an OpenFeature provider; with another one in its place, its flags decide instead.

::

    who asks by OpenFeature --> client of the domain `cmo` --> this provider --> what was last known
    Traffic, where another provider is set --> client --> that one: value, variant, reason

Only our own provider says in which stretch and by which share a unit was put, so only its outcomes count in gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final, TypeVar

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from cmo.delivery.flags import RELEASE, Evaluated, evaluate, evaluate_release
from cmo.delivery.flags import Reason as Why
from cmo.delivery.state import LastKnown
from cmo.delivery.traffic import Asker
from cmo.errors import ReleaseRefused
from cmo.model.delivery import Setting

DOMAIN: Final = "cmo"
COHORT: Final = "cohort"
T = TypeVar("T", bool, int, float, str)
V = TypeVar("V")


class StoredProvider(AbstractProvider):
    """Flags as they are stored.

    Args:
        state: what was last known.
        defaults: values of settings where no flag is stored, such as the environment gives them.
    """

    def __init__(self, state: LastKnown, defaults: Mapping[str, Setting]) -> None:
        super().__init__()
        self._state = state
        self._defaults = defaults

    def get_metadata(self) -> Metadata:
        """Its name."""
        return Metadata("cmo-stored")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """A switch."""
        return self._resolved(flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """A word; `release` is the name of the release that answers."""
        return self._resolved(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """A whole number."""
        return self._resolved(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """A number."""
        return self._resolved(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """`release`: the settings of the release that answers."""
        given = self._evaluated(flag_key, evaluation_context)
        if given is None or flag_key != RELEASE:
            return _missing(flag_key, default_value)
        release = self._state.now().current.releases.get(str(given.value))
        settings: Mapping[str, FlagValueType] = dict(release.settings) if release else {}
        return FlagResolutionDetails(
            settings, variant=given.variant, reason=given.reason.value, flag_metadata=given.facts
        )

    def _resolved(self, key: str, default: T, context: EvaluationContext | None) -> FlagResolutionDetails[T]:
        given = self._evaluated(key, context)
        if given is None:
            return _missing(key, default)
        value = given.value
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(default) and not (isinstance(value, str) and isinstance(default, str)):
            return FlagResolutionDetails(
                default,
                reason=Reason.ERROR,
                error_code=ErrorCode.TYPE_MISMATCH,
                error_message=f"{key} is {value!r}, no {type(default).__name__}",
            )
        return FlagResolutionDetails(value, variant=given.variant, reason=given.reason.value, flag_metadata=given.facts)

    def _evaluated(self, key: str, context: EvaluationContext | None) -> Evaluated | None:
        known, unit, cohort = self._state.now(), "", ""
        if context is not None:
            unit, cohort = context.targeting_key or "", str(context.attributes.get(COHORT, ""))
        if key == RELEASE:
            return evaluate_release(known.current, unit, cohort, stale=known.stale)
        stored = evaluate(known.current, key, unit, cohort)
        if stored is not None:
            return stored
        return Evaluated(self._defaults[key], "off", Why.DEFAULT) if key in self._defaults else None


def provider_at(place: str) -> AbstractProvider:
    """Another provider, as ``package.module:factory`` names whoever makes it.

    Raises:
        ReleaseRefused: there is nothing at that place, or it makes no provider.
    """
    module, _, factory = place.partition(":")
    try:
        made = getattr(import_module(module), factory)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ReleaseRefused(
            f"No OpenFeature provider is made by {place!r}: {error}. Name it as package.module:factory."
        ) from error
    if not isinstance(made, AbstractProvider):
        raise ReleaseRefused(f"{place!r} makes {type(made).__name__}, which is no OpenFeature provider.")
    return made


def _missing(key: str, default: V) -> FlagResolutionDetails[V]:
    message = f"there is no flag {key!r}"
    return FlagResolutionDetails(
        default, reason=Reason.ERROR, error_code=ErrorCode.FLAG_NOT_FOUND, error_message=message
    )


@dataclass(frozen=True, slots=True)
class ThroughOpenFeature:
    """Evaluates through an OpenFeature client, whichever provider stands behind it."""

    client: OpenFeatureClient

    @classmethod
    def with_provider(cls, provider: AbstractProvider, domain: str = DOMAIN) -> ThroughOpenFeature:
        """Register a provider and ask it from now on; each service has a domain of its own."""
        api.set_provider_and_wait(provider, domain)
        return cls(api.get_client(domain))

    def release(self, asker: Asker) -> Evaluated:
        """The flag `release`."""
        context = EvaluationContext(asker.unit or None, {COHORT: asker.cohort} if asker.cohort else {})
        found = self.client.get_string_details(RELEASE, "", context)
        reason = Why(found.reason) if found.reason in set(Why) else Why.DEFAULT
        return Evaluated(found.value, found.variant or "control", reason, dict(found.flag_metadata))
