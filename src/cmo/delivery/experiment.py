"""An experiment: which arms, what counts, how many users it takes; and its life from plan to end.

::

    planned --start--> running (run 1: a salt of its own) --stop--> stopped --start--> running (run 2: another salt)

Users are put into arms by their hash with a salt that nothing else uses, so that who came first in a ramp does not end
up in one arm. What is planned is fixed while it runs: a change of arms, metric or size is another run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from cmo.delivery.arms import COUNTS, Metric
from cmo.delivery.assign import arm as arm_of
from cmo.errors import ExperimentRefused

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ARM = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
_MOST_ARMS = 8
LOWER_IS_BETTER = COUNTS | {Metric.COST, Metric.LATENCY}
SUBJECT = "experiment/"
"""Before the name of an experiment, where rollouts have names beside it."""


class Phase(StrEnum):
    """Where an experiment stands."""

    PLANNED = "planned"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to answer."""

    name: str
    share: float
    """Of the users, 0 to 1."""
    release: str = ""
    """The bundle of settings that answers; empty for what is in place."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What an experiment is to find out."""

    name: str
    arms: tuple[Arm, ...]
    """The first one is the control."""
    primary: Metric = Metric.SUPPORT
    """The one metric that decides."""
    least: float = 0.02
    """The smallest difference that matters, in the metric's own unit."""
    planned: int = 2_000
    """Users an arm at which it is to be decided."""
    alpha: float = 0.05
    """Chance to find a difference where there is none, over all looks together."""
    guardrails: tuple[Metric, ...] = (Metric.ERRORS, Metric.SLOW, Metric.REFUSALS)
    """What must not become worse meanwhile."""
    slow_ms: float = 3_000.0
    """An answer after this is a slow one."""
    about: str = ""
    outside: bool = False
    """Whether somebody else answers the arms: then the service puts nobody into them."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ExperimentRefused(
                f"{self.name[:60]!r} is no name of an experiment. Take small letters, digits and hyphens, 40 at most."
            )
        names = [arm.name for arm in self.arms]
        if len(set(names)) < max(2, len(names)) or len(names) > _MOST_ARMS or not all(map(_ARM.fullmatch, names)):
            raise ExperimentRefused(
                f"An experiment has 2 to {_MOST_ARMS} arms of different names, 16 small letters, digits and hyphens at "
                "most; the control comes first."
            )
        shares = [arm.share for arm in self.arms]
        if min(shares) <= 0 or sum(shares) > 1 + 1e-9:
            raise ExperimentRefused(f"The arms' shares {shares} must be above 0 and at most 1 together.")
        if not (math.isfinite(self.least) and self.least > 0 and self.planned > 1 and 0 < self.alpha < 1):
            raise ExperimentRefused("An experiment needs a least difference above 0, users to plan for, and an alpha.")
        if self.primary in self.guardrails:
            raise ExperimentRefused(f"{self.primary} cannot be the metric that decides and a guardrail at once.")

    @property
    def subject(self) -> str:
        """Under which its exposures and scores are kept."""
        return SUBJECT + self.name

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the arms among those who take part; 1 together."""
        whole = sum(arm.share for arm in self.arms)
        return tuple(arm.share / whole for arm in self.arms)

    @property
    def higher_is_better(self) -> bool:
        """Of the metric that decides."""
        return self.primary not in LOWER_IS_BETTER

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From what `as_json` gave.

        Raises:
            ExperimentRefused: it is no experiment.
        """
        try:
            arms = tuple(Arm(**arm) for arm in facts["arms"])
            guardrails = tuple(map(Metric, facts["guardrails"]))
            return cls(**{**facts, "arms": arms, "guardrails": guardrails, "primary": Metric(facts["primary"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ExperimentRefused(f"The stored experiment cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True)
class Status:
    """Where an experiment stands."""

    phase: Phase = Phase.PLANNED
    run: int = 0
    """How often it was started; each run puts users into arms anew."""
    since: float = 0.0
    reason: str = "planned"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From what `as_json` gave.

        Raises:
            ExperimentRefused: it is no status.
        """
        try:
            return cls(**{**facts, "phase": Phase(facts["phase"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ExperimentRefused(f"The stored status of an experiment cannot be read: {error}.") from error


def started(status: Status, now: float, reason: str) -> Status:
    """Running, with a fresh draw of the arms.

    Raises:
        ExperimentRefused: it runs already.
    """
    if status.phase is Phase.RUNNING:
        raise ExperimentRefused("This experiment runs already. Stop it first; its next run draws the arms anew.")
    return Status(Phase.RUNNING, status.run + 1, now, reason)


def stopped(status: Status, now: float, reason: str) -> Status:
    """Over: everybody gets what is in place again.

    Raises:
        ExperimentRefused: it does not run.
    """
    if status.phase is not Phase.RUNNING:
        raise ExperimentRefused("This experiment does not run.")
    return replace(status, phase=Phase.STOPPED, since=now, reason=reason)


def assigned(spec: Spec, status: Status, unit: str) -> Arm | None:
    """The arm that a unit (a user; a session where none is known) is in; None where it takes no part."""
    if status.phase is not Phase.RUNNING:
        return None
    number = arm_of(salt(spec.name, status.run), unit, [arm.share for arm in spec.arms])
    return None if number < 0 else spec.arms[number]


def salt(name: str, run: int) -> str:
    """Of one run; nothing else has it."""
    return f"{SUBJECT}{name}/{run}"
