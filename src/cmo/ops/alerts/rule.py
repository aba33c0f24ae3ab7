"""What an alert is: conditions that hold for a time, how urgent that is, who says so, and the page that says what to do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cmo.model.notices import Severity
from cmo.ops.alerts.series import Looks, Series
from cmo.ops.alerts.signals import Condition, Figures


class Priority(StrEnum):
    """Who moves, and how fast (document 004)."""

    P0 = "P0"
    """Everybody who can help, at once: down, more than one in twenty fails, data in danger."""
    P1 = "P1"
    """Whoever is on call, now."""
    P2 = "P2"
    """Somebody, today."""
    P3 = "P3"
    """Somebody, this week."""

    @property
    def level(self) -> int:
        """As loud the log says it."""
        return {"P2": logging.WARNING, "P3": logging.INFO}.get(self.value, logging.ERROR)


AGAIN_SECONDS: Final = {Priority.P0: 900.0, Priority.P1: 3_600.0, Priority.P2: 14_400.0, Priority.P3: 86_400.0}
"""After which people are told again that it is still so; deploy/alertmanager says the same."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert. The figure of its first condition is what people are told."""

    name: str
    subject: str
    """What it is about: the runbook's name. Of one subject only the most urgent alert is told."""
    priority: Priority
    severity: Severity
    when: tuple[Condition, ...]
    """All of them must hold."""
    minutes: float
    """For which they must hold."""
    summary: str
    """One sentence: what is wrong."""
    source: str
    """Which document asks for it, or why it is here."""
    unit: str = "%"
    """Of the figure: ``%``, ``s``, ``$`` or none."""

    @property
    def by(self) -> str:
        """The label by which it is told apart; empty where it is not."""
        return self.when[0].signal.by

    @property
    def runbook(self) -> str:
        """The page that says what to do, in the repository; empty where there is none."""
        return f"docs/runbooks/{self.subject}.md" if self.subject else ""

    def series(self) -> tuple[Series, ...]:
        """All that its conditions look at."""
        return tuple(one for condition in self.when for one in condition.signal.series())

    def promql(self) -> str:
        """All conditions, for Prometheus."""
        first, *more = self.when
        joins = (" and on () " if condition.signal.by != self.by else " and " for condition in more)
        return first.promql() + "".join(join + f"({c.promql()})" for join, c in zip(joins, more, strict=True))

    def held(self, looks: Looks) -> Figures:
        """Where all conditions hold, with the first one's figures."""
        first, *more = self.when
        found = dict(first.held(looks))
        for condition in more:
            other = condition.held(looks)
            if condition.signal.by != self.by:
                found = found if other else {}
            else:
                found = {key: value for key, value in found.items() if key in other}
        return found

    def spoken(self, value: float) -> str:
        """A figure as people read it."""
        return f"{100 * value:.3g} %" if self.unit == "%" else f"{value:.3g} {self.unit}".strip()
