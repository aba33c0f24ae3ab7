"""What humans do with releases, rollouts and flags, from wherever they do it; each act has its actor and reason.

::

    act --> look at the state --> may it be? --> write where nobody was faster, with its line in the audit
                                                     '--somebody was--> look again
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cmo.delivery.flags import flag, named
from cmo.delivery.gates import Verdict
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, Phase, Plan, Status, advance, changed, plan_of
from cmo.delivery.watch import Watch
from cmo.errors import NotFound, NotNow, ReleaseRefused
from cmo.kit.clock import Clock
from cmo.model.delivery import Act, Current, DeliveryStore, Facts, Release, Setting, StoredRollout

_TRIES: Final = 20
_STEM: Final = 57
"""Letters of a name that leave room for more."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A rollout as a human wants it."""

    release: str
    plan: Plan
    name: str = ""
    """The release's name and the time, where nothing is given."""
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    gates: Mapping[str, Any] | None = None


class Desk:
    """Takes the wishes of humans.

    Args:
        store: where rollouts are kept.
        clock: the time.
    """

    def __init__(self, store: DeliveryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keep(self, kept: Release, actor: str, reason: str) -> Release:
        """Keep a release.

        Raises:
            ReleaseRefused: its name stands for other settings already.
        """
        made = replace(kept, at=self._clock.now().timestamp())
        if not self._store.add_release(made, Act(made.at, actor, "release", made.name, reason, dict(made.settings))):
            raise ReleaseRefused(
                f"The release {made.name!r} is there with other settings, and never changes. Choose another name."
            )
        return made

    def set_flag(self, name: str, value: Setting | None, who: Facts, actor: str, reason: str) -> Facts | None:
        """Set a flag, or take it away where there is no value.

        Raises:
            ReleaseRefused: it cannot be set.
            NotFound: there is none to take away.
            NotNow: others set it all the time.
        """
        at = self._clock.now().timestamp()
        if value is None:
            if not self._store.drop_flag(name, Act(at, actor, "flag", name, reason, {"removed": True})):
                raise NotFound(f"The flag {name!r} is not set. `cmo flags list` shows those that are.")
            return None
        for _ in range(_TRIES):
            made = replace(flag(name, value, self._store.current(), **who), at=at)
            if self._store.put_flag(made, Act(at, actor, "flag", name, reason, made.spec)):
                return made.spec
        raise NotNow(f"Others set the flag {name!r} all the time. Try again.")

    def start(self, wish: Wish, actor: str, reason: str) -> StoredRollout:
        """Begin a rollout. What was promoted before becomes its baseline.

        Raises:
            NotFound: there is no such release.
            ReleaseRefused: another one is under way, a flag sets what the release changes, or the name is taken.
        """
        wanted = self._store.release(wish.release)
        if wanted is None:
            raise NotFound(f"There is no release {wish.release!r}. `cmo rollout releases` lists those that are there.")
        current, now = self._store.current(), self._clock.now().timestamp()
        self._refuse_contradictions(current, dict(wanted.settings))
        before = current.rollout
        baseline = "" if before is None else before.release if _is(before, Phase.DONE) else before.baseline
        if baseline == wanted.name:
            raise ReleaseRefused(f"The release {wanted.name!r} answers everybody already.")
        name = named(wish.name or f"{wanted.name[:40]}-{int(now)}")
        Watch.of(wish.gates or {})
        spec = {
            "plan": wish.plan.as_json(), "gates": dict(wish.gates or {}), "salt": f"rollout:{name}",
            "allowed": sorted(wish.allowed), "denied": sorted(wish.denied), "cohorts": sorted(wish.cohorts),
        }  # fmt: skip
        status = Status.begin(wish.plan, now)
        rollout = StoredRollout(name, wanted.name, baseline, spec, status.as_json(), {}, 0, begun_at=now, at=now)
        act = Act(now, actor, "start", name, reason, {"release": wanted.name, "plan": wish.plan.name})
        if not self._store.begin(rollout, before, act):
            raise ReleaseRefused(f"Rollout {name!r} cannot begin: the name is taken, or somebody was faster.")
        return replace(rollout, version=1)

    def follow(self, done: StoredRollout, plan: Plan, actor: str) -> StoredRollout | None:
        """Begin what a plan says that follows, with the same gates and the same users; None where nothing would change.

        Raises:
            ReleaseRefused: a flag sets the same, or somebody else has the name.
        """
        before = self._store.release(done.release)
        settings = dict(before.settings) if before else {}
        then = {**settings, **plan_of(done.spec["plan"]).then}
        if then == settings:
            return None
        about = f"what follows {done.release} by the plan {plan.name}"
        name, reason = f"{done.release[:_STEM]}-then", f"{done.name} is done, and its plan goes on"
        self.keep(release(name, then, about), actor, reason)
        who = {key: tuple(done.spec.get(key, ())) for key in ("allowed", "denied", "cohorts")}
        wish = Wish(name, plan, f"{done.name[:_STEM]}-then", gates=done.spec.get("gates"), **who)
        return self.start(wish, actor, reason)

    def command(self, command: Command, actor: str, reason: str, name: str = "") -> StoredRollout:
        """Say something to the live rollout.

        Raises:
            NotFound: there is none, or another one.
            ReleaseRefused: it makes no sense in its phase.
            NotNow: the controller was always faster.
        """
        for _ in range(_TRIES):
            rollout = self._live(name)
            now = self._clock.now().timestamp()
            plan, status = plan_of(rollout.spec["plan"]), Status.of(rollout.status)
            after = advance(plan, status, Verdict.UNSURE, now, command)
            said = rollout.evidence.get("said", {}) | {"percent": after.percent, "phase": after.phase.value}
            act = Act(now, actor, command.value, rollout.name, reason, changed(status, after))
            moved = replace(rollout, status=after.as_json(), at=now, evidence={**rollout.evidence, "said": said})
            if command is Command.RESUME and status.phase is Phase.BACK:
                # What it failed by is not held against it twice.
                moved = replace(moved, evidence={"from": after.steps})
            if self._store.change(moved, act=act, finding=said):
                return replace(moved, version=rollout.version + 1)
        raise NotNow(f"Rollout {name!r} changes all the time. Try again.")

    def _live(self, name: str) -> StoredRollout:
        rollout = self._store.current().rollout
        if rollout is None or (name and rollout.name != name):
            wanted = f"no rollout {name!r} under way" if name else "no rollout under way"
            raise NotFound(f"There is {wanted}. `cmo rollout history` shows those that were.")
        return rollout

    def _refuse_contradictions(self, current: Current, settings: Mapping[str, Any]) -> None:
        before = current.rollout
        if before is not None and not (_is(before, Phase.DONE) or _is(before, Phase.BACK)):
            raise ReleaseRefused(
                f"Rollout {before.name!r} is under way at {before.status['percent']:g} %, and one is at a time: of two that move "
                "together nobody could tell which did what. Wait until it is at all users, or end it (`cmo rollout back`). "
                "Beside it `cmo experiment start` can try something else, and `cmo flags set` changes what it does not."
            )
        if both := sorted(set(settings) & set(current.flags)):
            raise ReleaseRefused(
                f"A flag sets {', '.join(both)}, which the release changes: both arms would be alike. "
                "Remove the flag first: `cmo flags set NAME --remove`."
            )


def _is(rollout: StoredRollout, phase: Phase) -> bool:
    return bool(rollout.status["phase"] == phase)
