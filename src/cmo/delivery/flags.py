"""One evaluation of a flag, as a pure function: a value, its variant, and why.

::

    emergency switch, store silent for too long --> the baseline
    else a stored flag --> else the release whose rollout has the unit's place --> else what the settings say

A flag is one setting for a share of the users; the flag `release` is the bundle that a rollout moves. A setting that a live
release changes cannot be a flag as well: nobody could tell which of them did what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from cmo.delivery.assign import Ramp, Why, assign
from cmo.delivery.releases import KINDS, NAME, checked, unknown
from cmo.delivery.rollout import Phase
from cmo.errors import ReleaseRefused
from cmo.model.delivery import Current, Facts, Setting, StoredFlag, StoredRollout

RELEASE: Final = "release"
"""The flag whose value is the name of the release that answers; empty for the settings."""
ENABLED: Final = "lightrag_enabled"
"""Whether any release may answer at all; false is the emergency switch."""
CAP: Final = "rollout_percentage"
"""Most percent of the users that a release under way may get, whatever its rollout says."""
SWITCHES: Final[Mapping[str, str]] = {
    ENABLED: "whether releases may answer at all: true or false",
    CAP: "most percent of the users that a release under way may get: 0 to 100",
}
NEW, CONTROL = "new", "control"
_ALL = 100.0


class Reason(StrEnum):
    """Why a flag has its value, in the words of OpenFeature."""

    STATIC = "STATIC"
    """It is the same for everybody."""
    SPLIT = "SPLIT"
    """By the unit's place in the share."""
    TARGETING_MATCH = "TARGETING_MATCH"
    """The unit is on a list, or of a cohort."""
    DEFAULT = "DEFAULT"
    """Nothing is set."""
    DISABLED = "DISABLED"
    """Releases are switched off."""
    STALE = "STALE"
    """The store has been silent for too long."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A flag's value for one unit, with why."""

    value: Setting
    variant: str
    reason: Reason
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def evaluate_release(current: Current, unit: str, cohort: str = "", *, stale: bool = False) -> Evaluated:
    """Which release answers a unit.

    Args:
        current: the state as it was last known.
        unit: a user, or a session where none is known; empty for nobody, who gets the baseline.
        cohort: a group that the unit is of.
        stale: whether the store has been silent for too long.
    """
    rollout = current.rollout
    if rollout is None:
        return Evaluated("", CONTROL, Reason.DEFAULT)
    if not enabled(current):
        return Evaluated("", CONTROL, Reason.DISABLED)
    percent, step = share(current), int(rollout.status["steps"])
    facts: dict[str, str | int | float | bool] = {
        "rollout": rollout.name, "step": step, "percent": percent, "counted": False, "release": rollout.release,
    }  # fmt: skip
    if rollout.status["phase"] == Phase.BACK:  # for those on the lists as well
        return Evaluated(rollout.baseline, CONTROL, Reason.STATIC, facts)
    settled = rollout.status["phase"] == Phase.DONE and percent >= _ALL
    if stale and not settled:
        return Evaluated(rollout.baseline, CONTROL, Reason.STALE, facts)
    if not unit and not settled:
        return Evaluated(rollout.baseline, CONTROL, Reason.DEFAULT, facts)
    return _assigned(rollout, unit, cohort, percent, facts)


def _assigned(
    rollout: StoredRollout, unit: str, cohort: str, percent: float, facts: Mapping[str, str | int | float | bool]
) -> Evaluated:
    """By the lists, or the unit's place; who nobody knows has what all have."""
    given = assign(_ramp(rollout.spec, percent), unit, cohort) if unit else None
    if given is None or given.exposed:
        arm, value = NEW, rollout.release
    else:
        arm, value = CONTROL, rollout.baseline
    if given is None or given.why is not Why.SHARE:
        return Evaluated(value, arm, Reason.TARGETING_MATCH, facts)
    return Evaluated(value, arm, Reason.SPLIT, {**facts, "counted": True, "place": given.place})


def evaluate(current: Current, name: str, unit: str, cohort: str = "") -> Evaluated | None:
    """A stored flag's value for a unit; None where nothing is stored or the unit is left out."""
    flag = current.flags.get(name)
    if flag is None:
        return None
    spec = flag.spec
    given = assign(_ramp(spec, float(spec.get("percent", _ALL))), unit or "-", cohort)
    if not given.exposed:
        return None
    everybody = given.why is Why.SHARE and float(spec.get("percent", _ALL)) >= _ALL
    reason = Reason.STATIC if everybody else Reason.SPLIT if given.why is Why.SHARE else Reason.TARGETING_MATCH
    return Evaluated(spec["value"], "on", reason, {"version": flag.version})


def completed(current: Current, given: Mapping[str, Setting]) -> Current:
    """A state in which switches that are not stored are as the environment gives them."""
    missing = {name: StoredFlag(name, {"value": value, "salt": name}) for name, value in given.items()}
    return replace(current, flags={**missing, **current.flags}) if missing.keys() - current.flags.keys() else current


def pinned(current: Current, unit: str, cohort: str = "") -> dict[str, Setting]:
    """Settings that stored flags give to a unit."""
    found = ((name, evaluate(current, name, unit, cohort)) for name in current.flags if name in KINDS)
    return {name: given.value for name, given in found if given is not None}


def enabled(current: Current) -> bool:
    """Whether releases may answer at all."""
    flag = current.flags.get(ENABLED)
    return flag is None or flag.spec.get("value") is not False


def share(current: Current) -> float:
    """Percent of the users that the live release gets."""
    if current.rollout is None or not enabled(current):
        return 0.0
    percent = float(current.rollout.status["percent"])
    if current.rollout.status["phase"] == Phase.DONE:
        return percent
    cap = current.flags.get(CAP)
    return percent if cap is None else min(percent, float(cap.spec["value"]))


def flag(name: str, value: Setting, current: Current, **who: Any) -> StoredFlag:
    """A flag as it may be set.

    Args:
        name: a setting of releases, or a switch.
        value: what it is to be.
        current: the state that it is to hold in.
        who: `percent`, `allowed`, `denied`, `cohorts`.

    Raises:
        ReleaseRefused: the name or value cannot be used, or a live release changes the same setting.
    """
    if name in SWITCHES:
        _switch(name, value, who)
    elif name not in KINDS:
        raise ReleaseRefused(unknown(name, f"The flags are: {', '.join((*KINDS, *SWITCHES))}."))
    else:
        checked(name, value)
        _unless_contradicted(name, current)
    spec = {"value": value, "salt": f"flag:{name}"} | {key: given for key, given in who.items() if given is not None}
    _ramp(spec, float(spec.get("percent", _ALL)))
    known = current.flags.get(name)
    return StoredFlag(name, spec, known.version if known else 0)


def _switch(name: str, value: Setting, who: Facts) -> None:
    percent = not isinstance(value, bool | str) and 0 <= value <= _ALL
    if not (isinstance(value, bool) if name == ENABLED else percent):
        raise ReleaseRefused(f"{name} cannot be {value!r}: it says {SWITCHES[name]}.")
    if any(given not in (None, ()) for given in who.values()):
        raise ReleaseRefused(f"{name} holds for everybody: it takes no share and no list.")


def _unless_contradicted(name: str, current: Current) -> None:
    rollout = current.rollout
    if rollout is None or float(rollout.status["percent"]) <= 0:
        return
    release = current.releases.get(rollout.release)
    if release is not None and name in release.settings:
        raise ReleaseRefused(
            f"The release {release.name!r} changes {name}, and rollout {rollout.name!r} measures it: a flag for it would "
            "make both arms alike. Take the release back first."
        )


def _ramp(spec: Facts, percent: float) -> Ramp:
    allowed, denied, cohorts = spec.get("allowed"), spec.get("denied"), spec.get("cohorts")
    if not (allowed or denied or cohorts):  # as nearly all are
        return _ramp_of(spec["salt"], percent, (), (), ())
    return _ramp_of(spec["salt"], percent, tuple(allowed or ()), tuple(denied or ()), tuple(cohorts or ()))


@lru_cache(64)
def _ramp_of(
    salt: str, percent: float, allowed: tuple[str, ...], denied: tuple[str, ...], cohorts: tuple[str, ...]
) -> Ramp:
    return Ramp(salt, percent, frozenset(allowed), frozenset(denied), frozenset(cohorts))


def named(name: str) -> str:
    """A name that flags, releases and rollouts may have.

    Raises:
        ReleaseRefused: they may not.
    """
    if not NAME.fullmatch(name):
        raise ReleaseRefused(f"{name!r} is no name. Use small letters, digits, dots and dashes, 63 at most.")
    return name
