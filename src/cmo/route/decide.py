"""Decisions, pure: from probabilities to a destination, and from there to whom to ask now.

The destination says what the question needs. The engines are the choice that costs least on average, given how sure
that is, what works at present, how much time and money is left, and whether the own papers hold what is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cmo.model.routes import Category, Conditions, Destination, Scope, Standing
from cmo.route.costs import Action, Costs
from cmo.route.head import Need

_CATEGORIES: Mapping[Destination, Category] = {
    Destination.LIGHTRAG: Category.KNOWLEDGE_GRAPH,
    Destination.PERPLEXITY: Category.REAL_TIME,
    Destination.HYBRID: Category.REAL_TIME,
    Destination.EITHER: Category.GENERAL,
    Destination.NEITHER: Category.GENERAL,
}


def category(destination: Destination) -> Category:
    """The documented class of a destination."""
    return _CATEGORIES[destination]


def destinations(needs: Mapping[Need, float]) -> dict[Destination, float]:
    """Probabilities of destinations: what is out of scope and what is unsafe go the same way."""
    found = dict.fromkeys(Destination, 0.0)
    for need, probability in needs.items():
        found[need.destination] += probability
    return found


def scope(needs: Mapping[Need, float], destination: Destination) -> Scope:
    """Why a question is nobody's, if it is."""
    if destination is not Destination.NEITHER:
        return Scope.IN
    return Scope.UNSAFE if needs[Need.UNSAFE] > needs[Need.OUT] else Scope.OUT


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a choice of engines has to reckon with."""

    conditions: Conditions
    costs: Costs
    standing: Standing | None = None
    """None where nobody looked at the papers."""
    years: tuple[int, ...] = ()
    """That the question names."""


def engines(probabilities: Mapping[Destination, float], now: Circumstances) -> tuple[Destination, ...]:
    """Whom to ask, the likelier one first; nobody where nobody can be asked, or where it is not our question."""
    expected = {action: _expected(action, probabilities, now) for action in Action}
    best = min(expected, key=lambda action: expected[action])
    settled = probabilities[Destination.LIGHTRAG] + probabilities[Destination.HYBRID]
    both = (Destination.LIGHTRAG, Destination.PERPLEXITY)
    return {
        Action.LOCAL: (Destination.LIGHTRAG,),
        Action.WEB: (Destination.PERPLEXITY,),
        Action.BOTH: both if settled >= probabilities[Destination.PERPLEXITY] else both[::-1],
        Action.NOBODY: (),
    }[best]


def _expected(action: Action, probabilities: Mapping[Destination, float], now: Circumstances) -> float:
    costs, budget = now.costs, now.conditions.budget_left
    if not _possible(action, now):
        return math.inf
    wrong = sum(p * costs.wrong[need][action] for need, p in probabilities.items())
    money = costs.money[action] / budget if costs.money[action] else 0.0
    return wrong + _lacking(action, probabilities, now) + costs.waiting * costs.seconds[action] + money


def _possible(action: Action, now: Circumstances) -> bool:
    conditions = now.conditions
    asks_local = action in {Action.LOCAL, Action.BOTH}
    asks_web = action in {Action.WEB, Action.BOTH}
    if (asks_local and not conditions.local) or (asks_web and not conditions.web):
        return False
    if now.costs.money[action] and conditions.budget_left <= 0:
        return False
    return now.costs.seconds[action] <= conditions.seconds_left


def _lacking(action: Action, probabilities: Mapping[Destination, float], now: Circumstances) -> float:
    """What it costs that the own papers may not hold the answer, where they alone are asked."""
    if now.standing is None or action is not Action.LOCAL:
        return 0.0
    holds = now.costs.holds(now.standing.nearest)
    newest = now.standing.newest
    if now.years and newest is not None and max(now.years) > newest:
        holds = 0.0
    theirs = probabilities[Destination.LIGHTRAG] + probabilities[Destination.EITHER]
    return (1 - holds) * theirs
