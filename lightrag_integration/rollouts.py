"""`GradualRolloutManager` and `CanaryDeployment`: the documented classes over rollouts that are kept in a knowledge base.

The host application asks who gets the new system and tells what came of it; the same gates as the service's own decide.
A base has one rollout at a time, whoever began it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cmo.delivery import told
from cmo.delivery.rollout import Command, Plan
from cmo.errors import NotFound, SettingsError
from cmo.model.notices import Notice, Severity
from cmo.settings import Settings
from lightrag_integration.driven_rollout import DrivenRollout, RolloutMetrics, part

_HOUR: Final = 3600.0
_PATIENCE: Final = 14 * 24 * _HOUR
_LEAST: Final = 50
"""Requests from which an absolute limit is applied."""
_ERRORS, _QUALITY, _SATISFACTION = 0.05, 0.8, 0.85
"""Limits of the document's `should_advance_rollout`."""


class GradualRolloutManager(DrivenRollout):
    """Users get the new system in stages; each is left upwards only with evidence, and any failing gate takes it back.

    Args:
        stages: percent of the users, rising, the last 100.
        stage_duration_hours: that each stage lasts at least.
        quality_gate_threshold: quality below which it is taken back, 0 to 1.
        auto_rollback_enabled: whether `track_metrics` takes a failing one back itself.
        config: settings; read from the environment when not given.
        name: of the rollout; the same name goes on where an earlier process stopped.
        gates: `least` and `fresh` numbers of answers, where the usual ones do not fit.
    """

    def __init__(
        self,
        stages: Sequence[float] = (10, 25, 50, 75, 100),
        stage_duration_hours: float = 48,
        quality_gate_threshold: float = 0.85,
        auto_rollback_enabled: bool = True,
        config: Settings | None = None,
        *,
        name: str = "",
        gates: Mapping[str, Any] | None = None,
    ) -> None:
        stated = tuple(map(float, stages))
        plan = Plan("gradual", stated, stage_duration_hours * _HOUR, _PATIENCE, about="begun by the application")
        usual = {"metrics": ["errors", "support"], "least": 200, "fresh": 50}
        super().__init__(plan, config, {**usual, **(gates or {})}, name)
        self.quality_gate_threshold = quality_gate_threshold
        self.auto_rollback_enabled = auto_rollback_enabled
        self.rollout_stages = list(stated)
        self.validation_period_hours = 24

    @property
    def current_stage(self) -> int:
        """Number of the stage, from 0."""
        return int(self._begin().status["stage"])

    def get_current_percentage(self) -> float:
        """Percent of the users who get the new system now."""
        return float(self._begin().status["percent"])

    def should_use_lightrag(self, user_id: str) -> bool:
        """Whether a user gets it: the same answer as long as the share does not shrink."""
        return self._exposed(user_id)

    async def track_metrics(
        self,
        user_id: str,
        quality_score: float | None = None,
        error_occurred: bool = False,
        error_message: str = "",
        *,
        response_time: float = 0.0,
        user_rating: float | None = None,
    ) -> None:
        """Tell what came of an answer, the old system's too: they are compared. `response_time` in milliseconds."""
        del error_message  # it may name a person
        quality, rating = part(quality_score), part(user_rating)
        await self._house.run(
            lambda: self._note(
                user_id, failed=error_occurred, seconds=response_time / 1000, quality=quality, rating=rating
            )
        )
        if self.auto_rollback_enabled and await self.should_rollback():
            await self.execute_rollback()

    async def should_rollback(self) -> bool:
        """Whether a gate fails, or the quality is below the threshold."""
        metrics = await self.get_quality_metrics()
        low = metrics.average_quality is not None and metrics.average_quality < self.quality_gate_threshold
        if low and metrics.requests >= _LEAST:
            return True
        if self.auto_rollback_enabled:
            await self._house.run(self._step)
        return await self._house.run(self._failing)

    async def execute_rollback(self, reason: str = "a gate failed") -> None:
        """Take it back from everybody, at once."""
        await self._house.run(lambda: self._back(reason))

    async def advance_rollout(self) -> float:
        """Go on if the time and the evidence are there; returns the share. Past the last stage nothing happens."""
        return float((await self._house.run(self._step)).status["percent"])

    async def get_quality_metrics(self, hours_back: float = 24) -> RolloutMetrics:
        """What the new system did, as this process was told."""
        return self._metrics(hours_back)

    def should_advance_rollout(self, metrics: RolloutMetrics) -> bool:
        """Whether figures are as good as the document asks; what nobody told is not asked for, no figures are too few."""
        rate, quality, rating = metrics.error_rate, metrics.average_quality, metrics.user_satisfaction
        return (
            metrics.requests > 0
            and (rate is None or rate < _ERRORS)
            and (quality is None or quality > _QUALITY)
            and (rating is None or rating > _SATISFACTION)
        )

    async def handle_rollout_pause(self, metrics: RolloutMetrics) -> None:
        """Hold it where it is, and tell people."""
        await self._house.run(lambda: self._say(Command.FREEZE, f"paused: {metrics}"))
        await self.notify_team(f"Rollout {self._name} is paused at {self.get_current_percentage():g} %.")

    async def resume_rollout(self, reason: str = "resumed") -> None:
        """Go on after a pause."""
        await self._house.run(lambda: self._say(Command.RESUME, reason))

    async def notify_team(self, message: str) -> bool:
        """Tell people by webhook and e-mail, where they are set up."""
        notice = Notice(f"rollout/{self._name}/said", message, severity=Severity.WARNING)
        return self._house.app.trials.notifier.tell(notice)


class CanaryDeployment(DrivenRollout):
    """A few users get the new system for a while; it is promoted if it is as good, and taken back if it is not.

    Args:
        canary_percentage: of the users.
        success_criteria: limits such as ``{'error_rate': {'max': .02}, 'response_time': {'p95': 5000}, 'quality_score':
            {'min': .8}}``; response times in milliseconds.
        duration_hours: that it lasts at least.
        auto_promote: whether it goes to all by itself; else it waits for `promote`.
        config: settings; read from the environment when not given.
        name: of the rollout; the same name goes on where an earlier process stopped.
        gates: `least` and `fresh` numbers of answers, where the usual ones do not fit.
    """

    def __init__(
        self,
        canary_percentage: float = 5,
        success_criteria: Mapping[str, Mapping[str, float]] | None = None,
        duration_hours: float = 24,
        auto_promote: bool = True,
        config: Settings | None = None,
        *,
        name: str = "",
        gates: Mapping[str, Any] | None = None,
    ) -> None:
        approvals = frozenset() if auto_promote else frozenset({1})
        plan = Plan("canary", (float(canary_percentage), 100.0), duration_hours * _HOUR, _PATIENCE, approvals=approvals)
        usual = {"metrics": ["errors", "support"], "least": 200, "fresh": 50}
        super().__init__(plan, config, {**usual, **(gates or {})}, name)
        self.success_criteria = dict(success_criteria or {})
        if unknown := set(self.success_criteria) - {"error_rate", "response_time", "quality_score"}:
            raise SettingsError(f"There are no criteria {sorted(unknown)}: error_rate, response_time, quality_score.")

    def should_use_canary(self, user_id: str) -> bool:
        """Whether a user gets it."""
        return self._exposed(user_id)

    async def track_success(self, user_id: str, response_time: float = 0.0, quality_score: float | None = None) -> None:
        """An answer was given; `response_time` in milliseconds."""
        quality = part(quality_score)
        await self._house.run(lambda: self._note(user_id, failed=False, seconds=response_time / 1000, quality=quality))
        await self.evaluate()

    async def track_failure(self, user_id: str, error: str = "") -> None:
        """An answer failed."""
        del error  # it may name a person
        await self._house.run(lambda: self._note(user_id, failed=True))
        await self.evaluate()

    async def evaluate(self) -> str:
        """Look at the criteria and the gates, and act: returns the phase."""
        broken = self.broken_criteria()
        if broken:
            await self._house.run(lambda: self._back("; ".join(broken)))
        return str((await self._house.run(self._step)).status["phase"])

    def broken_criteria(self) -> list[str]:
        """Criteria that the canary breaks, once enough was seen of it."""
        seen = self._metrics(1e6)
        if seen.requests < _LEAST:
            return []
        known = {
            ("error_rate", "max"): seen.error_rate,
            ("error_rate", "min"): seen.error_rate,
            ("response_time", "p95"): seen.p95_response_time,
            ("response_time", "max"): seen.p95_response_time,
            ("quality_score", "min"): seen.average_quality,
        }
        limits = (
            (name, kind, limit) for name, wanted in self.success_criteria.items() for kind, limit in wanted.items()
        )
        return [
            f"{name} is {value:g}, {kind} {limit:g}"
            for name, kind, limit in limits
            if (value := known.get((name, kind))) is not None and (value < limit if kind == "min" else value > limit)
        ]

    async def promote(self, reason: str = "promoted by a human") -> float:
        """Let it go to all where it waits for that.

        Raises:
            SettingsError: it does not wait: the evidence or the time is not there yet.
        """
        return float((await self._house.run(lambda: self._say(Command.APPROVE, reason))).status["percent"])

    async def rollback(self, reason: str = "rolled back by a human") -> None:
        """Take it back at once."""
        await self._house.run(lambda: self._back(reason))

    def get_status(self) -> dict[str, Any]:
        """Where it stands, with what each gate says; can be printed as JSON."""
        current = self._house.opened.delivery.current()
        found = self._house.opened.delivery.rollout(self._name)
        if found is None:
            raise NotFound(f"The canary {self._name!r} has not begun: nobody asked about a user yet.")
        return told.rollout(found, current)
