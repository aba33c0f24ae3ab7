"""The service watches itself, for those without Prometheus: the same table of alerts over what it counted itself.

::

    counts of all workers --every 5 s--> looks --rules--> where each holds --long enough--> firing --people are told--> resolved,
                                                                              '--not yet--> pending                    told as well

Of one subject only the most urgent is told; what goes on is told again after a while; what is silenced is not told. It
cannot see that the service is gone: that takes somebody else (docs/how-to/watch-the-service.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from cmo.kit.clock import Clock
from cmo.model.notices import Notice, Notifier, Severity
from cmo.ops.alerts.rule import AGAIN_SECONDS, Priority, Rule
from cmo.ops.alerts.series import Looks, Sample

_CLEAR_SECONDS: Final = 60.0
"""An alert is over once its condition did not hold for so long: one that flaps is told once."""
_ORDER: Final = list(Priority)


class Spot(NamedTuple):
    """A rule, and which of those that it tells apart."""

    rule: str
    key: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands."""

    since: float
    """Its condition holds, in monotonic seconds."""
    seen: float
    """When it held last."""
    value: float
    firing: bool = False
    told: float | None = None
    """When people were told last; None where they were not."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, for people who look."""

    rule: Rule
    key: str
    value: float
    seconds: float
    """For which it holds."""


class Watch:
    """Judges and tells. One process of the service does it, one thread at a time.

    Args:
        rules: the alerts.
        notifier: tells people.
        clock: the time.
        silenced: whether nobody is to be told of a rule, or of one of those that it tells apart.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        notifier: Notifier,
        clock: Clock,
        silenced: Callable[[Rule, str], bool] = lambda _rule, _key: False,
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._notifier = notifier
        self._clock = clock
        self._silenced = silenced
        self._looks = Looks(one for rule in rules for one in rule.series())
        self._standings: dict[Spot, Standing] = {}

    def look(self, samples: Iterable[Sample]) -> None:
        """Take what the service counted, all its processes together, and tell what there is to tell."""
        now = self._clock.monotonic()
        self._looks.add(now, samples)
        before = self._standings
        held = {Spot(rule.name, key): v for rule in self._rules.values() for key, v in rule.held(self._looks).items()}
        after = {
            spot: standing
            for spot in before.keys() | held.keys()
            if (standing := advanced(self._rules[spot.rule], before.get(spot), held.get(spot), now)) is not None
        }
        self._standings = dict(self._told(after, now))
        for spot in before.keys() - after.keys():
            if before[spot].told is not None:
                self._notifier.tell(_over(self._rules[spot.rule], spot.key, before[spot], now))

    def firing(self) -> list[Firing]:
        """What fires now, the most urgent first."""
        now = self._clock.monotonic()
        found = [
            Firing(self._rules[spot.rule], spot.key, standing.value, now - standing.since)
            for spot, standing in self._standings.items()
            if standing.firing
        ]
        return sorted(found, key=lambda one: (one.rule.priority, one.rule.name, one.key))

    def _told(self, standings: dict[Spot, Standing], now: float) -> Iterator[tuple[Spot, Standing]]:
        """The same; people are told of what fires, is not silenced, and is not covered by something more urgent."""
        worst = self._worst(standings)
        for spot, standing in standings.items():
            rule = self._rules[spot.rule]
            due = standing.told is None or now - standing.told >= AGAIN_SECONDS[rule.priority]
            covered = _ORDER.index(rule.priority) > worst.get((rule.subject, spot.key), len(_ORDER))
            if standing.firing and due and not covered and not self._silenced(rule, spot.key):
                self._notifier.tell(_on(rule, spot.key, standing, now))
                yield spot, replace(standing, told=now)
            else:
                yield spot, standing

    def _worst(self, standings: dict[Spot, Standing]) -> dict[tuple[str, str], int]:
        """By subject and key, how urgent the most urgent one is that fires."""
        worst: dict[tuple[str, str], int] = {}
        for spot, standing in standings.items():
            if standing.firing:
                rule = self._rules[spot.rule]
                where, urgency = (rule.subject, spot.key), _ORDER.index(rule.priority)
                worst[where] = min(urgency, worst.get(where, urgency))
        return worst


def advanced(rule: Rule, standing: Standing | None, value: float | None, now: float) -> Standing | None:
    """How a rule stands after one more look, `value` being what its figure is where it holds; None where it is over."""
    if value is None:
        if standing is None or not standing.firing or now - standing.seen >= _CLEAR_SECONDS:
            return None
        return standing
    if standing is None:
        standing = Standing(now, now, value)
    firing = standing.firing or now - standing.since >= 60 * rule.minutes
    return replace(standing, seen=now, value=value, firing=firing)


def _on(rule: Rule, key: str, standing: Standing, now: float) -> Notice:
    again = standing.told is not None
    lasting = f"for {_long(now - standing.since)}"
    return Notice(
        f"alert/{rule.name}/{key}/{now:.0f}",
        f"{rule.priority} {_called(rule, key)}{' still' if again else ''}: {rule.summary}",
        f"It is {rule.spoken(standing.value)}, {lasting}." + (f" What to do: {rule.runbook}" if rule.runbook else ""),
        rule.severity,
        ((rule.by, key),) if rule.by else (),
        rule.priority.level,
    )


def _over(rule: Rule, key: str, standing: Standing, now: float) -> Notice:
    return Notice(
        f"alert/{rule.name}/{key}/{now:.0f}/over",
        f"Resolved: {_called(rule, key)}",
        f"It lasted {_long(standing.seen - standing.since)}.",
        Severity.INFO,
        ((rule.by, key),) if rule.by else (),
    )


def _called(rule: Rule, key: str) -> str:
    return f"{rule.name} ({key})" if key else rule.name


def _long(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if minutes < 1 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004
