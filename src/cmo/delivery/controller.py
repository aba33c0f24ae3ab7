"""The hand that moves a rollout: reads what was seen, asks the gates and `advance`, writes once.

::

    lease --mine?--> rollout at version n, what was not counted --gates, advance--> written where it is still n
                                                                    '--it is not--> nothing; the next look sees why

Everything that a step changes is one transaction: status, evidence, what was counted, the audit. A controller that dies
anywhere leaves either all of a step or nothing of it, and two of them do each step once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final
from uuid import uuid4

from cmo.delivery.flags import completed, named, share
from cmo.delivery.gates import Judged, Verdict
from cmo.delivery.rollout import Command, Phase, Plan, Status, advance, plan_of
from cmo.delivery.watch import Watch, judge, resumed, see
from cmo.errors import NotFound, NotNow, SettingsError
from cmo.kit.clock import Clock
from cmo.model.delivery import Act, Current, DeliveryStore, Facts, Lease, Setting, StoredRollout

log = logging.getLogger("cmo.delivery")

LEASE: Final = "controller"
LEASE_SECONDS: Final = 15.0
EVERY_SECONDS: Final = 1.0
_TRIES: Final = 20
_RECORDED_SECONDS: Final = 30.0
"""Seconds between points of evidence where nothing else happens."""

Told = Callable[[StoredRollout, Status, Judged], None]


def nobody_told(_rollout: StoredRollout, _status: Status, _judged: Judged) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one look came to."""

    rollout: str = ""
    before: Status | None = None
    after: Status | None = None
    judged: Judged = field(default_factory=Judged)
    written: bool = False


class Controller:
    """Moves the live rollout. Any number may run; whoever has the lease acts.

    Args:
        store: where rollouts are kept.
        clock: the time.
        holder: who this is; a name of its own by default.
        told: hears of every change after it was written.
        given: switches as the environment gives them; what is stored comes first.
        every: seconds between looks.
    """

    def __init__(
        self,
        store: DeliveryStore,
        clock: Clock,
        *,
        holder: str = "",
        told: Told = nobody_told,
        given: Mapping[str, Setting] | None = None,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self.holder = holder or f"controller-{uuid4().hex[:12]}"
        self._told = told
        self._given = given or {}
        self._every = every
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent = False

    def step(self) -> Step:
        """One look.

        Raises:
            StoreError: the store cannot be used; nothing was changed.
        """
        now = self._clock.now().timestamp()
        current = completed(self._store.current(), self._given)
        if current.rollout is None or current.rollout.status["phase"] == Phase.BACK:
            return Step()
        lease = self._store.lease(LEASE, self.holder, now, LEASE_SECONDS)
        if lease is None:
            return Step(current.rollout.name)
        return self._moved(current, lease, now)

    def start(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="cmo-delivery-controller", daemon=True)
        self._thread.start()

    def run(self, until: threading.Event | None = None) -> None:
        """Look again and again, until told to stop."""
        stop = until or self._stop
        while not stop.wait(self._every):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - a background loop goes on, whatever the store does
                if not self._silent:
                    log.warning("releases: the controller cannot act, everything stays as it is: %s", error)
                self._silent = True
                continue
            self._silent = False

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _moved(self, current: Current, lease: Lease, now: float) -> Step:
        assert current.rollout is not None
        unseen = self._store.unseen(current.rollout.name)
        if unseen is None or not unseen.rollout.live:
            return Step()
        rollout = unseen.rollout
        plan, status = plan_of(rollout.spec["plan"]), Status.of(rollout.status)
        watch = Watch.of(rollout.spec.get("gates", {}))
        percent = share(replace(current, rollout=rollout))
        since = int(rollout.evidence.get("from", 0))
        fresh = [o for o in unseen.observations if o.step >= since]  # others were seen before it began anew
        seen = see(watch, resumed(watch, rollout.evidence), fresh, status.steps, percent)
        judged, verdict = judge(watch, seen, percent, unseen.exposed)
        after = advance(plan, status, verdict, now)
        facts = _said(after, verdict, judged)
        if after == status and not unseen.observations:
            return Step(rollout.name, status, after, judged)
        evidence = seen.as_json() | {"said": facts, "from": since, "recorded": rollout.evidence.get("recorded", 0.0)}
        due = after != status or abs(now - evidence["recorded"]) >= _RECORDED_SECONDS
        if due:
            evidence["recorded"] = now
        written = self._store.change(
            replace(rollout, status=after.as_json(), evidence=evidence, at=now),
            counted=unseen.observations,
            act=replace(_act(status, after, judged), at=now, actor=self.holder, subject=rollout.name)
            if after != status
            else None,
            finding=facts if due else None,
            lease=lease,
        )
        if written and after != status:
            log.info("release %s: %s at %g %% (%s)", rollout.release, after.phase, after.percent, after.reason)
            self._told(rollout, after, judged)
        return Step(rollout.name, status, after, judged, written)


def _act(before: Status, after: Status, judged: Judged) -> Act:
    failed = [f.text for f in judged.findings if f.verdict is Verdict.FAIL]
    reason = "; ".join([after.reason, *failed]) if after.percent < before.percent else after.reason
    return Act(0.0, "", _action(before, after), "", reason, _change(before, after))


def _action(before: Status, after: Status) -> str:
    if after.percent < before.percent or after.phase in {Phase.BACK, Phase.BACKING}:
        return "back"
    return "promote" if after.phase is Phase.DONE else "hold" if after.phase is Phase.HELD else "advance"


def _change(before: Status, after: Status) -> Facts:
    return {
        "from": {"percent": before.percent, "phase": before.phase.value, "stage": before.stage},
        "to": {"percent": after.percent, "phase": after.phase.value, "stage": after.stage},
    }


def _said(status: Status, verdict: Verdict, judged: Judged) -> dict[str, Any]:
    gates = [asdict(f) | {"verdict": f.verdict.value, "evidence": min(1e6, f.evidence)} for f in judged.findings]
    return {"percent": status.percent, "phase": status.phase.value, "verdict": verdict.value, "gates": gates}


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
    """What humans do with rollouts, from wherever they do it; each act has its actor and reason.

    Args:
        store: where rollouts are kept.
        clock: the time.
    """

    def __init__(self, store: DeliveryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def start(self, wish: Wish, actor: str, reason: str) -> StoredRollout:
        """Begin a rollout. What was promoted before becomes its baseline.

        Raises:
            NotFound: there is no such release.
            SettingsError: another one is under way, a flag sets what the release changes, or the name is taken.
        """
        release = self._store.release(wish.release)
        if release is None:
            raise NotFound(f"There is no release {wish.release!r}. `cmo rollout releases` lists those that are there.")
        current, now = self._store.current(), self._clock.now().timestamp()
        self._refuse_contradictions(current, dict(release.settings))
        before = current.rollout
        baseline = "" if before is None else before.release if _is(before, Phase.DONE) else before.baseline
        if baseline == release.name:
            raise SettingsError(f"The release {release.name!r} answers everybody already.")
        name = named(wish.name or f"{release.name[:40]}-{int(now)}")
        Watch.of(wish.gates or {})
        spec = {
            "plan": wish.plan.as_json(), "gates": dict(wish.gates or {}), "salt": f"rollout:{name}",
            "allowed": sorted(wish.allowed), "denied": sorted(wish.denied), "cohorts": sorted(wish.cohorts),
        }  # fmt: skip
        status = Status.begin(wish.plan, now)
        rollout = StoredRollout(name, release.name, baseline, spec, status.as_json(), {}, 0, begun_at=now, at=now)
        act = Act(now, actor, "start", name, reason, {"release": release.name, "plan": wish.plan.name})
        if not self._store.begin(rollout, before, act):
            raise SettingsError(f"Rollout {name!r} cannot begin: the name is taken, or somebody was faster.")
        return replace(rollout, version=1)

    def command(self, command: Command, actor: str, reason: str, name: str = "") -> StoredRollout:
        """Say something to the live rollout.

        Raises:
            NotFound: there is none, or another one.
            SettingsError: it makes no sense in its phase.
            NotNow: the controller was always faster.
        """
        for _ in range(_TRIES):
            rollout = self._live(name)
            now = self._clock.now().timestamp()
            plan, status = plan_of(rollout.spec["plan"]), Status.of(rollout.status)
            after = advance(plan, status, Verdict.UNSURE, now, command)
            said = rollout.evidence.get("said", {}) | {"percent": after.percent, "phase": after.phase.value}
            act = Act(now, actor, command.value, rollout.name, reason, _change(status, after))
            changed = replace(rollout, status=after.as_json(), at=now, evidence={**rollout.evidence, "said": said})
            if command is Command.RESUME and status.phase is Phase.BACK:
                changed = replace(
                    changed, evidence={"from": after.steps}
                )  # what it failed by is not held against it twice
            if self._store.change(changed, act=act, finding=said):
                return replace(changed, version=rollout.version + 1)
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
            raise SettingsError(f"Rollout {before.name!r} is under way. End it first: `cmo rollout back`.")
        if both := sorted(set(settings) & set(current.flags)):
            raise SettingsError(
                f"A flag sets {', '.join(both)}, which the release changes: both arms would be alike. "
                "Remove the flag first: `cmo flags set NAME --remove`."
            )


def _is(rollout: StoredRollout, phase: Phase) -> bool:
    return bool(rollout.status["phase"] == phase)
