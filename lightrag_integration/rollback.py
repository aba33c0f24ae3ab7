"""`AutoRollback` and `ManualRollback`: the documented classes that take releases back, tell people and write it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cmo.delivery import told
from cmo.delivery.flags import CAP
from cmo.delivery.rollout import Command, Phase
from cmo.delivery.watch import Watch, resumed
from cmo.errors import SettingsError
from cmo.model.notices import Notice, Severity
from cmo.settings import Settings
from lightrag_integration.feature_flags import ACTOR, House

_LOWER_IS_WORSE: Final = (
    "quality",
    "satisfaction",
    "confidence",
    "support",
    "citation",
    "availability",
    "success",
    "hit",
)
"""Parts of names of metrics that fail by falling; all others fail by rising."""
_CHANNELS: Final = frozenset({"slack", "email"})
_ALL = 100.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """A metric that must not stay beyond a limit for so long."""

    metric: str
    threshold: float
    duration_minutes: float = 0.0

    def beyond(self, value: float) -> bool:
        """Whether a value is beyond the limit."""
        falls = any(part in self.metric.casefold() for part in _LOWER_IS_WORSE)
        return value < self.threshold if falls else value > self.threshold


DEFAULTS: Final = (
    {"metric": "error_rate", "threshold": 0.1, "duration_minutes": 5},
    {"metric": "quality_score", "threshold": 0.7, "duration_minutes": 10},
    {"metric": "response_time", "threshold": 10_000, "duration_minutes": 5},
)
"""The triggers of the documents; response times in milliseconds."""


class _Takes:
    """Takes back what is under way."""

    def __init__(self, config: Settings | None) -> None:
        self._house = House(config)

    def _back(self, target: float, reason: str) -> None:
        desk = self._house.desk
        rollout = self._house.opened.delivery.current().rollout
        if target > 0:
            desk.set_flag(CAP, target, {}, ACTOR, reason)
        elif rollout is not None and rollout.status["phase"] != Phase.BACK:
            desk.command(Command.DISABLE, ACTOR, reason)

    def _tell(self, message: str, facts: Mapping[str, Any]) -> bool:
        rows = tuple((str(name), str(value)) for name, value in facts.items())
        notice = Notice(f"rollback/{message[:80]}", message, severity=Severity.CRITICAL, facts=rows)
        return self._house.app.trials.notifier.tell(notice)

    async def close(self) -> None:
        """Close the database."""
        await self._house.run(self._house.close)


class AutoRollback(_Takes):
    """Takes a release back where figures stay beyond limits; the gates of the service need no such limits.

    Args:
        triggers: dictionaries with `metric`, `threshold`, `duration_minutes`; the documents' when not given.
        rollback_target_percentage: percent of the users who keep it; 0 takes it from everybody.
        notification_channels: `slack`, `email`: where they are set up, people are told.
        config: settings; read from the environment when not given.
    """

    def __init__(
        self,
        triggers: Sequence[Mapping[str, Any]] = DEFAULTS,
        rollback_target_percentage: float = 0,
        notification_channels: Sequence[str] = ("slack", "email"),
        config: Settings | None = None,
    ) -> None:
        super().__init__(config)
        try:
            self.triggers = tuple(Trigger(**trigger) for trigger in triggers)
        except TypeError as error:
            raise SettingsError(f"A trigger has metric, threshold and duration_minutes: {error}.") from error
        if not 0 <= rollback_target_percentage <= _ALL:
            raise SettingsError(f"{rollback_target_percentage:g} is no percentage. Give one from 0 to 100.")
        if unknown := set(notification_channels) - _CHANNELS:
            raise SettingsError(f"There are no channels {sorted(unknown)}. There are slack and email.")
        self.rollback_target_percentage = float(rollback_target_percentage)
        self.notification_channels = tuple(notification_channels)
        self.reasons: list[str] = []
        """Why it triggered last."""
        self._since: dict[Trigger, float] = {}

    def should_trigger_rollback(self, metrics: Mapping[str, float] | object) -> bool:
        """Whether a figure has been beyond its limit for as long as its trigger says; call it about once a minute.

        A figure that is missing neither triggers nor clears anything.
        """
        now = self._house.app.clock.monotonic()
        self.reasons = []
        for trigger in self.triggers:
            value = (
                metrics.get(trigger.metric) if isinstance(metrics, Mapping) else getattr(metrics, trigger.metric, None)
            )
            if value is None:
                continue
            if not trigger.beyond(float(value)):
                self._since.pop(trigger, None)
                continue
            since = self._since.setdefault(trigger, now)
            if now - since >= 60 * trigger.duration_minutes:
                limit = f"{trigger.threshold:g} for {trigger.duration_minutes:g} min"
                self.reasons.append(f"{trigger.metric} is {float(value):g}, beyond {limit}")
        return bool(self.reasons)

    async def execute_rollback(self, reason: str = "") -> None:
        """Take it back, in every process within a second."""
        why = reason or "; ".join(self.reasons) or "execute_rollback"
        await self._house.run(lambda: self._back(self.rollback_target_percentage, why))

    async def send_notifications(self, message: str, metrics: Mapping[str, Any] | None = None) -> bool:
        """Tell people, with the figures; False where no channel is named, or they heard it just now."""
        return bool(self.notification_channels) and self._tell(message, metrics or {})


async def get_current_metrics(config: Settings | None = None) -> dict[str, float]:
    """What the gates have seen of the release under way: `error_rate`, `refusal_rate`, `slow_rate`, `quality_score`.

    What nobody saw yet is left out; without a release under way there is nothing.
    """
    house = House(config)
    try:
        return await house.run(lambda: _seen(house))
    finally:
        await house.run(house.close)


async def send_emergency_notification(message: str, config: Settings | None = None) -> bool:
    """Tell people now: in the log, and by webhook and e-mail where they are set up; False where they heard it just now."""
    takes = _Takes(config)
    try:
        return await takes._house.run(lambda: takes._tell(message, {}))  # noqa: SLF001 - of this file
    finally:
        await takes.close()


class _EmergencyNotifications:
    """The same under its second name."""

    async def send_all(self, message: str) -> bool:
        """Tell people now."""
        return await send_emergency_notification(message)


emergency_notifications: Final = _EmergencyNotifications()
_RATES: Final = {"errors": "error_rate", "refusals": "refusal_rate", "slow": "slow_rate"}


def _seen(house: House) -> dict[str, float]:
    rollout = house.opened.delivery.current().rollout
    if rollout is None:
        return {}
    watch = Watch.of(rollout.spec.get("gates", {}))
    found: dict[str, float] = {}
    for gate, standing in zip(watch.gates, resumed(watch, rollout.evidence).standings, strict=True):
        if (name := _RATES.get(gate.metric)) is not None and standing.requests > 0:
            found[name] = float(standing.events / standing.requests)
        elif name is None and standing.new.n > 0:  # support comes after citations, and says more
            found["quality_score"] = float(standing.new.mean)
    return found


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """What happened, as it is written down."""

    reason: str
    created_at: str
    rollout: dict[str, Any] | None
    history: list[dict[str, Any]]
    evidence: list[dict[str, Any]]

    def __str__(self) -> str:
        lines = ["# Incident", "", f"At {self.created_at}: {self.reason}", ""]
        if self.rollout is not None:
            facts = self.rollout
            what = f"Release {facts['release']} ({facts['settings']}), rollout {facts['name']}"
            lines += [
                f"{what}: {facts['phase']} at {facts['percent']:g} %, {facts['reason']}.",
                "",
                *(f"- {gate['gate']}: {gate['verdict']}, {gate['text']}" for gate in facts["gates"]),
                "",
            ]
        lines += ["## Who did what", ""]
        lines += [
            f"- {datetime.fromtimestamp(act['at'], UTC).isoformat(' ', 'seconds')} {act['actor']} {act['action']} "
            f"{act['subject']}: {act['reason']}"
            for act in self.history
        ]
        return "\n".join(lines)


class ManualRollback(_Takes):
    """Takes back what is under way because a human says so, and writes it up.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)

    async def execute(self, reason: str) -> IncidentReport:
        """Take it back at once, forget the answers that are kept, tell people, and write it up."""
        await self._house.run(lambda: self._back(0.0, reason))
        await self._house.run(self._house.app.keeping.disown)
        await self._house.run(lambda: self._tell("A release was taken back by a human", {"reason": reason}))
        return await self.generate_incident_report(reason)

    async def generate_incident_report(self, reason: str) -> IncidentReport:
        """Where the release stands, what each gate saw over time, and who did what; printed, it is Markdown."""
        return await self._house.run(lambda: self._report(reason))

    def _report(self, reason: str) -> IncidentReport:
        store = self._house.opened.delivery
        current = store.current()
        rollout = current.rollout
        return IncidentReport(
            reason,
            self._house.app.clock.now().isoformat(timespec="seconds"),
            told.rollout(rollout, current) if rollout else None,
            [told.act(act) for act in store.history(most=100)],
            told.evidence(store.findings(rollout.name)) if rollout else [],
        )
