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

from cmo.delivery.desk import Desk
from cmo.delivery.flags import completed, share
from cmo.delivery.gates import Judged, Verdict
from cmo.delivery.rollout import Phase, Status, advance, changed, plan_of
from cmo.delivery.watch import Watch, judge, resumed, see
from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.model.delivery import Act, Current, DeliveryStore, Lease, Setting, StoredRollout

log = logging.getLogger("cmo.delivery")

LEASE: Final = "controller"
LEASE_SECONDS: Final = 6.0
EVERY_SECONDS: Final = 2.0
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
        self._lease: Lease | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._silent = False
        self._refused = ""

    def step(self) -> Step:
        """One look.

        Raises:
            StoreError: the store cannot be used; nothing was changed.
        """
        now = self._clock.now().timestamp()
        current = completed(self._store.current(), self._given)
        if current.rollout is None or current.rollout.status["phase"] == Phase.BACK:
            return Step()
        lease = self._leased(now)
        if lease is None:
            return Step(current.rollout.name)
        if self._follows(current.rollout):
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

    def _leased(self, now: float) -> Lease | None:
        """The lease; renewed when half of it has passed. Whether it still holds is asked again with each write."""
        held = self._lease
        if held is None or not 0 < held.until - now - LEASE_SECONDS / 2 <= LEASE_SECONDS / 2:
            self._lease = self._store.lease(LEASE, self.holder, now, LEASE_SECONDS)
        return self._lease

    def _follows(self, rollout: StoredRollout) -> bool:
        """Begin what the plan says that follows, where all of it is done; whether it was begun.

        Its name says what it follows: of several controllers, and of one that dies in between, it is begun once.
        """
        plan = plan_of(rollout.spec["plan"]).following
        if plan is None or rollout.status["phase"] != Phase.DONE or rollout.name == self._refused:
            return False
        try:
            begun = Desk(self._store, self._clock).follow(rollout, plan, self.holder)
        except SettingsError as error:  # a flag sets the same, or somebody used the name: people decide
            self._refused = rollout.name
            log.warning("release %s: what follows it was not begun: %s", rollout.release, error)
            return False
        if begun is None:
            self._refused = rollout.name
            return False
        log.info("release %s: followed by %s", rollout.release, begun.release)
        self._told(begun, Status.of(begun.status), Judged())
        return True

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
        if not written:
            self._lease = None  # somebody else may have it
        if written and after != status:
            log.info("release %s: %s at %g %% (%s)", rollout.release, after.phase, after.percent, after.reason)
            self._told(rollout, after, judged)
        return Step(rollout.name, status, after, judged, written)


def _act(before: Status, after: Status, judged: Judged) -> Act:
    failed = [f.text for f in judged.findings if f.verdict is Verdict.FAIL]
    reason = "; ".join([after.reason, *failed]) if after.percent < before.percent else after.reason
    return Act(0.0, "", _action(before, after), "", reason, changed(before, after))


def _action(before: Status, after: Status) -> str:
    if after.percent < before.percent or after.phase in {Phase.BACK, Phase.BACKING}:
        return "back"
    return "promote" if after.phase is Phase.DONE else "hold" if after.phase is Phase.HELD else "advance"


def _said(status: Status, verdict: Verdict, judged: Judged) -> dict[str, Any]:
    gates = [asdict(f) | {"verdict": f.verdict.value, "evidence": min(1e6, f.evidence)} for f in judged.findings]
    return {"percent": status.percent, "phase": status.phase.value, "verdict": verdict.value, "gates": gates}
