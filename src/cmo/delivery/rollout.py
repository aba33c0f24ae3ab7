"""One step of a rollout, as a pure function.

::

    plan, status, verdict, now, command --advance--> status

A stage is left upwards only with a passing verdict and after its bake time. An unsure verdict holds, and after the plan's
patience asks a human. A failing one takes the release back from any stage, after promotion as well. Time only ever
delays: a clock that jumps back makes a stage wait longer, one that jumps ahead still needs the verdict.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Self

from cmo.delivery.gates import Verdict
from cmo.delivery.releases import checked, read
from cmo.errors import NotFound, ReleaseRefused
from cmo.model.delivery import Facts, Setting

_ALL = 100.0
_SMALL = 10.0
"""A share of at most so much is not halved any more."""


class Phase(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    HELD = "held"
    """Too little evidence for longer than the plan's patience: a human should look."""
    WAITING = "waiting"
    """For approval of the next stage."""
    FROZEN = "frozen"
    """By a human; still watched, and taken back if it fails."""
    BACKING = "backing"
    """Going down step by step."""
    BACK = "back"
    """Taken back: nobody gets the new one."""
    DONE = "done"
    """Promoted to all; still watched."""


class Command(StrEnum):
    """What a human may say."""

    APPROVE = "approve"
    FREEZE = "freeze"
    RESUME = "resume"
    ROLLBACK = "rollback"
    DISABLE = "disable"
    """At once, whatever the plan says."""


_DONE_TO_IT = {
    Command.APPROVE: "approved: no stage waits for it",
    Command.FREEZE: "paused",
    Command.RESUME: "resumed",
    Command.ROLLBACK: "taken back",
    Command.DISABLE: "stopped",
}
_UP = frozenset({Phase.RUNNING, Phase.HELD, Phase.WAITING, Phase.FROZEN, Phase.DONE})


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a rollout."""

    name: str
    stages: tuple[float, ...]
    """Percent of the users, ascending, the last 100."""
    bake: float
    """Seconds that each stage lasts at least."""
    patience: float
    """Seconds beyond `bake` that it waits for evidence."""
    gradual: bool = False
    """Whether a failing release is halved step by step instead of stopped."""
    step: float = 0.0
    """Seconds between such steps."""
    approvals: frozenset[int] = field(default_factory=frozenset)
    """Numbers of stages that begin only when a human approves."""
    then: Mapping[str, Setting] = field(default_factory=dict)
    """Settings that change when all is done, in a rollout of their own."""
    then_stages: tuple[float, ...] = (_SMALL, _ALL)
    """Of that rollout."""
    about: str = ""

    def __post_init__(self) -> None:
        for stages in (self.stages, self.then_stages):
            steady = all(a < b for a, b in pairwise(stages))
            if not stages or not steady or stages[-1] != _ALL or stages[0] < 0:
                raise ReleaseRefused(
                    f"The stages {list(stages)} of plan {self.name!r} must rise from 0 or more to 100."
                )
        if min(self.bake, self.patience, self.step) < 0:
            raise ReleaseRefused(f"Plan {self.name!r} has a negative duration.")

    def as_json(self) -> dict[str, Any]:
        """Plain values, in the words of `plans.toml`."""
        return {
            **{name: getattr(self, name) for name in ("name", "bake", "patience", "step", "about")},
            "stages": list(self.stages),
            "down": "gradual" if self.gradual else "instant",
            "approvals": sorted(self.approvals),
            "then": dict(self.then),
            "then_stages": list(self.then_stages),
        }

    @property
    def following(self) -> Plan | None:
        """The plan of what follows; None where nothing does."""
        if not self.then:
            return None
        return replace(self, name=f"{self.name}-then", stages=self.then_stages, approvals=frozenset(), then={})


@dataclass(frozen=True, slots=True)
class Status:
    """All that a controller needs to go on after a restart."""

    plan: str
    stage: int
    percent: float
    phase: Phase
    since: float
    """When this stage, or this step down, began: seconds of the clock that `advance` is given."""
    reason: str
    steps: int = 0
    """Changes so far; rises by one with each."""

    @classmethod
    def begin(cls, plan: Plan, now: float) -> Self:
        """The first stage."""
        return cls(plan.name, 0, plan.stages[0], Phase.RUNNING, now, "begun")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From what `as_json` gave.

        Raises:
            ValueError: it is no status.
        """
        try:
            return cls(**{**facts, "phase": Phase(facts["phase"])})
        except (TypeError, KeyError) as error:
            message = f"no status of a rollout: {error}"
            raise ValueError(message) from error


def advance(plan: Plan, status: Status, verdict: Verdict, now: float, command: Command | None = None) -> Status:
    """What a rollout is to be now: the same status where nothing changes.

    Args:
        plan: whose stages it follows.
        status: what it is.
        verdict: of all gates together.
        now: seconds on a clock that may jump.
        command: what a human said since the last call.

    Raises:
        ReleaseRefused: the command makes no sense in this phase.
    """
    if command is not None:
        status = _obeyed(plan, status, command, now)
    if status.phase in _UP and verdict is Verdict.FAIL:
        return _down(plan, status, now, "a gate failed")
    if status.phase is Phase.BACKING:
        return _lower(status, now, "step by step") if _elapsed(status, now) >= plan.step else status
    if status.phase not in {Phase.RUNNING, Phase.HELD} or _elapsed(status, now) < plan.bake:
        return status
    if verdict is Verdict.PASS:
        return _up(plan, status, now)
    if status.phase is Phase.RUNNING and _elapsed(status, now) >= plan.bake + plan.patience:
        return _changed(status, phase=Phase.HELD, reason="too little evidence: more users, more time, or a human")
    return status


def _up(plan: Plan, status: Status, now: float) -> Status:
    following = status.stage + 1
    if following == len(plan.stages):
        return _changed(status, phase=Phase.DONE, reason="all gates passed at every stage")
    if following in plan.approvals:
        return _changed(status, phase=Phase.WAITING, reason=f"stage {following + 1} needs approval")
    return _entered(plan, status, following, now)


def _entered(plan: Plan, status: Status, stage: int, now: float) -> Status:
    percent = plan.stages[stage]
    return _changed(
        status, stage=stage, percent=percent, phase=Phase.RUNNING, since=now, reason=f"gates passed: {percent:g} %"
    )


def _down(plan: Plan, status: Status, now: float, reason: str) -> Status:
    return _lower(status, now, reason) if plan.gradual else _stopped(status, now, reason)


def _lower(status: Status, now: float, reason: str) -> Status:
    if status.percent <= _SMALL:
        return _stopped(status, now, reason)
    percent = max(_SMALL, status.percent / 2)
    return _changed(status, percent=percent, phase=Phase.BACKING, since=now, reason=f"{reason}: {percent:g} %")


def _stopped(status: Status, now: float, reason: str) -> Status:
    return _changed(status, percent=0.0, phase=Phase.BACK, since=now, reason=reason)


def _obeyed(plan: Plan, status: Status, command: Command, now: float) -> Status:
    match command, status.phase:
        case Command.DISABLE, _:
            return _stopped(status, now, "disabled by a human")
        case Command.ROLLBACK, phase if phase in _UP:
            return _down(plan, status, now, "rolled back by a human")
        case Command.FREEZE, Phase.RUNNING | Phase.HELD | Phase.WAITING:
            return _changed(status, phase=Phase.FROZEN, reason="frozen by a human")
        case Command.RESUME, Phase.FROZEN | Phase.HELD:
            return _changed(status, phase=Phase.RUNNING, since=now, reason="resumed by a human")
        case Command.RESUME, Phase.BACK:
            return replace(Status.begin(plan, now), reason="begun anew by a human", steps=status.steps + 1)
        case Command.APPROVE, Phase.WAITING:
            return _entered(plan, status, status.stage + 1, now)
    raise ReleaseRefused(
        f"A rollout that is {status.phase} cannot be {_DONE_TO_IT[command]}. See `cmo rollout status`, and begin another "
        "one with `cmo rollout start`."
    )


def _changed(status: Status, **facts: Any) -> Status:
    return replace(status, **{"steps": status.steps + 1, **facts})


def _elapsed(status: Status, now: float) -> float:
    return max(0.0, now - status.since)


def changed(before: Status, after: Status) -> Facts:
    """What an act changed, for the audit."""
    return {
        "from": {"percent": before.percent, "phase": before.phase.value, "stage": before.stage},
        "to": {"percent": after.percent, "phase": after.phase.value, "stage": after.stage},
    }


@cache
def plans() -> Mapping[str, Plan]:
    """The plans that are shipped, by name."""
    facts = tomllib.loads((files("cmo.delivery") / "plans.toml").read_text("utf-8"))
    return {name: _plan(name, plan) for name, plan in facts.items()}


def plan(name: str) -> Plan:
    """A plan by name.

    Raises:
        NotFound: there is none.
    """
    if name not in plans():
        raise NotFound(f"There is no plan {name!r}. The plans are: {', '.join(plans())}.")
    return plans()[name]


def plan_of(facts: Mapping[str, Any], name: str = "") -> Plan:
    """From what `Plan.as_json` gave, or a file says in the words of `plans.toml`.

    Raises:
        ReleaseRefused: it is no plan.
    """
    try:
        return _plan(name or str(facts["name"]), facts)
    except (KeyError, TypeError, ValueError) as error:
        wanted = "It needs stages, bake, patience and down, as in `cmo rollout plans --json`."
        raise ReleaseRefused(f"This is no plan: {type(error).__name__} {error}. {wanted}") from error


def _plan(name: str, facts: Mapping[str, Any]) -> Plan:
    return Plan(
        name,
        tuple(map(float, facts["stages"])),
        float(facts["bake"]),
        float(facts["patience"]),
        gradual=facts["down"] == "gradual",
        step=float(facts.get("step", 0)),
        approvals=frozenset(facts.get("approvals", ())),
        then={name.casefold(): checked(name.casefold(), value) for name, value in _given(facts).items()},
        then_stages=tuple(map(float, facts.get("then_stages", (_SMALL, _ALL)))),
        about=str(facts.get("about", "")),
    )


def _given(facts: Mapping[str, Any]) -> dict[str, Setting]:
    """What follows; as people write it, such as the documents' ``MAX_HOPS = "2"``, too."""
    return {
        name: read(value) if isinstance(value, str) else value for name, value in dict(facts.get("then", {})).items()
    }
