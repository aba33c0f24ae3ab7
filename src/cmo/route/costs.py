"""What a wrong choice of engine costs, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from cmo.model.routes import Destination


class Action(StrEnum):
    """Whom to ask."""

    LOCAL = "local"
    WEB = "web"
    BOTH = "both"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Costs:
    """In units of an answer that is wrong or missing."""

    wrong: Mapping[Destination, Mapping[Action, float]]
    """By what a question needs and what is done."""
    seconds: Mapping[Action, float]
    """Within which 95 of 100 answers are there."""
    waiting: float
    """Of a second."""
    money: Mapping[Action, float]
    """Divided by the share of the budget that is left."""
    even: float
    slope: float
    """The own papers hold what is asked with P = 1 / (1 + exp((even - cosine of their nearest passage) / slope))."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From plain values.

        Raises:
            ValueError: a need or an action is missing.
        """
        wrong = {need: {action: float(facts["wrong"][need][action]) for action in Action} for need in Destination}
        return cls(
            wrong=wrong,
            seconds=_engines(facts["seconds"], max),
            waiting=float(facts["waiting"]),
            money=_engines(facts["money"], lambda a, b: a + b),
            even=float(facts["base"]["even"]),
            slope=float(facts["base"]["slope"]),
        )

    def holds(self, nearest: float) -> float:
        """How likely the own papers hold what is asked."""
        return 1.0 / (1.0 + math.exp(max(-30.0, min(30.0, (self.even - nearest) / self.slope))))


def _engines(facts: Mapping[str, float], joined: Any) -> dict[Action, float]:
    local, web = float(facts["local"]), float(facts["web"])
    return {Action.LOCAL: local, Action.WEB: web, Action.BOTH: float(joined(local, web)), Action.NOBODY: 0.0}
