"""A rollout that is kept in a knowledge base and driven by a host application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from cmo.cast.delivering import notice_of
from cmo.delivery.controller import Controller
from cmo.delivery.desk import Wish
from cmo.delivery.flags import NEW, evaluate_release
from cmo.delivery.gates import Verdict
from cmo.delivery.observed import Observer, Outcome, Place
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, Phase, Plan
from cmo.errors import SettingsError
from cmo.model.delivery import StoredFinding, StoredRollout
from cmo.settings import Settings
from lightrag_integration.feature_flags import ACTOR, House

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class RolloutMetrics:
    """What the new system did; None where nobody told."""

    requests: int
    error_rate: float | None
    average_quality: float | None
    user_satisfaction: float | None
    p95_response_time: float | None
    """Milliseconds."""


class DrivenRollout:
    """A rollout that a host application drives."""

    def __init__(self, plan: Plan, settings: Settings | None, gates: Mapping[str, Any], name: str) -> None:
        self._house = House(settings)
        self._plan = plan
        self._gates = gates
        self._name = name or f"{plan.name}-{uuid4().hex[:8]}"
        self._told: list[tuple[float, bool, float | None, float | None, float | None]] = []
        app = self._house.app
        self._observer: Observer | None = None
        self._clock = app.clock

    # -- who gets it ---------------------------------------------------------------------------------------------

    def _exposed(self, user_id: str) -> bool:
        self._begin()
        return evaluate_release(self._house.opened.delivery.current(), user_id).variant == NEW

    def _begin(self) -> StoredRollout:
        """The rollout, begun when it is first asked about."""
        store = self._house.opened.delivery
        found = store.rollout(self._name)
        if found is not None:
            return found
        desk, settings = self._house.desk, self._house.app.settings
        desk.keep(release(self._name, {"engine": settings.engine}, self._plan.about), ACTOR, "begun by the application")
        return desk.start(
            Wish(self._name, self._plan, self._name, gates=self._gates), ACTOR, "begun by the application"
        )

    # -- what came of it -----------------------------------------------------------------------------------------

    def _note(
        self,
        user_id: str,
        *,
        failed: bool,
        seconds: float = 0.0,
        quality: float | None = None,
        rating: float | None = None,
    ) -> None:
        rollout = self._begin()
        current = self._house.opened.delivery.current()
        given = evaluate_release(current, user_id)
        if given.variant == NEW:
            self._told.append((self._clock.now().timestamp(), failed, quality, rating, seconds * 1000))
        if self._observer is None:
            self._observer = Observer(self._house.opened.delivery, self._clock)
        scores = {name: value for name, value in (("support", quality), ("rating", rating)) if value is not None}
        place = Place(rollout.name, int(given.facts.get("step", 0)), given.variant, user_id)
        self._observer.exposed(place)
        self._observer.saw(place, Outcome(seconds, failed=failed, made=not failed, scores=scores))
        self._observer.flush()

    def _metrics(self, hours_back: float) -> RolloutMetrics:
        since = self._clock.now().timestamp() - hours_back * _HOUR
        told = [row for row in self._told if row[0] >= since]
        times = sorted(row[4] for row in told if row[4])
        return RolloutMetrics(
            len(told),
            sum(row[1] for row in told) / len(told) if told else None,
            _mean([row[2] for row in told]),
            _mean([row[3] for row in told]),
            times[min(len(times) - 1, int(0.95 * len(times)))] if times else None,
        )

    # -- moving it -----------------------------------------------------------------------------------------------

    def _step(self) -> StoredRollout:
        self._begin()
        Controller(self._house.opened.delivery, self._clock, holder=f"{ACTOR}:{self._name}", told=self._tell).step()
        return self._begin()

    def _failing(self) -> bool:
        """Whether a gate fails now, or failed so that it was taken back."""
        rollout = self._begin()
        said = rollout.evidence.get("said", {}).get("verdict", Verdict.UNSURE.value)
        return bool(said == Verdict.FAIL or rollout.status["phase"] in {Phase.BACK, Phase.BACKING})

    def _say(self, command: Command, reason: str) -> StoredRollout:
        self._begin()
        return self._house.desk.command(command, ACTOR, reason, self._name)

    def _back(self, reason: str) -> None:
        if self._begin().status["phase"] != Phase.BACK:
            self._say(Command.DISABLE, reason)

    def _tell(self, rollout: StoredRollout, status: Any, judged: Any) -> None:
        notice = notice_of(rollout, status, judged)
        if notice is not None:
            self._house.app.trials.notifier.tell(notice)

    def _evidence(self) -> list[StoredFinding]:
        return self._house.opened.delivery.findings(self._name)

    async def close(self) -> None:
        """Close the database."""
        await self._house.run(self._house.close)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def part(value: float | None) -> float | None:
    """A score between 0 and 1; ratings of five stars as well.

    Raises:
        SettingsError: it is neither.
    """
    if value is None or 0 <= value <= 1:
        return value
    if 1 < value <= 5:  # noqa: PLR2004 - stars
        return (value - 1) / 4
    raise SettingsError(f"{value:g} is no score. Give one from 0 to 1, or 1 to 5 stars.")
