"""The documented keyword router: cue words alone, no model, the same answer every time.

It is the baseline that everything else is measured against, and what decides where the head cannot: another embedder,
or none. Each cue of `rules.yaml` adds its points to a destination; the most points win.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from cmo.model.routes import (
    Conditions,
    Decider,
    Destination,
    Reason,
    ResearchCategory,
    Route,
    Standing,
)
from cmo.route import decide
from cmo.route.head import Need
from cmo.route.reasons import quoted
from cmo.route.rules import Reading, Rules

T = TypeVar("T")
_SETTLED = 1.0
"""Points of `LIGHTRAG` before anything is said: most questions are asked of papers."""
_SHARPNESS = 0.9
"""Of the points, as probabilities."""
_IDENTIFIER = 1.5
"""Points of `LIGHTRAG` where an identifier is named."""
_JOINED = 2.5
"""Points of `HYBRID` where one part of a question speaks of now and another does not."""
_BROAD = 1.5
"""Points of `EITHER` where a broad subject is to be defined."""
_TWICE = 2
"""Two phrases of personal advice, harm or another subject count double: one alone may be chance."""
_YEAR = 3.0
"""Points of `PERPLEXITY` where a year close to now is named."""


class KeywordRouter:
    """Routes by cue words. Safe to share between threads.

    Args:
        rules: the cue words.
        year: the present one; a function, so that a service may run into the next.
    """

    def __init__(self, rules: Rules, year: Callable[[], int]) -> None:
        self._rules = rules
        self._year = year

    @property
    def version(self) -> str:
        """Of the rules."""
        return f"keywords-{self._rules.version}"

    def route(self, text: str, conditions: Conditions, standing: Standing | None = None) -> Route:
        """Where a question goes."""
        reading = self._rules.read(text, self._year())
        needs = self.needs(reading)
        probabilities = decide.destinations(needs)
        destination = max(probabilities, key=lambda d: probabilities[d])
        works = self.works(reading)
        research = max(works, key=lambda work: works[work])
        if destination is Destination.NEITHER:
            research = ResearchCategory.GENERAL
        probability = round(probabilities[destination], 4)
        return Route(
            destination=destination,
            category=decide.category(destination),
            research=research,
            scope=decide.scope(needs, destination),
            engines=decide.engines(
                probabilities, decide.Circumstances(conditions, self._rules.costs, standing, reading.years)
            ),
            probability=probability,
            interval=(0.0, 1.0),
            novelty=0.0,
            probabilities={d: round(p, 4) for d, p in probabilities.items()},
            possible=tuple(d for d in Destination if probabilities[d] >= probability / 4),
            research_probability=round(works[research], 4),
            decided_by=Decider.KEYWORDS,
            reasons=reasons(reading),
            version=self.version,
            facts={"words": len(reading.words), "cues": len(reading.cues), "parts": reading.parts},
        )

    def routes(self, texts: Sequence[str], conditions: Conditions) -> list[Route]:
        """Where questions go."""
        return [self.route(text, conditions) for text in texts]

    def needs(self, reading: Reading) -> dict[Need, float]:
        """Points as probabilities; they are not calibrated."""
        points = dict.fromkeys(Need, 0.0)
        points[Need.LIGHTRAG] = _SETTLED
        for cue in reading.cues.values():
            times = min(_TWICE, len(cue.words)) if cue.group.kind == "bound" else 1
            for name, value in cue.group.points.items():
                points[Need(name)] += value * times
        if reading.mixed and "join" in reading.cues:
            points[Need.HYBRID] += _JOINED + min(points[Need.PERPLEXITY], points[Need.LIGHTRAG])
        if {"define", "broad"} <= reading.cues.keys():
            points[Need.EITHER] += _BROAD
        if any(year >= self._year() - 1 for year in reading.years):
            points[Need.PERPLEXITY] += _YEAR
        points[Need.LIGHTRAG] += _IDENTIFIER * bool(reading.identifiers - {"nct"})
        return _shares(points)

    def works(self, reading: Reading) -> dict[ResearchCategory, float]:
        """The same for research categories: each phrase of theirs is a point."""
        points = dict.fromkeys(ResearchCategory, 0.0)
        points[ResearchCategory.GENERAL] = 0.5 + 1.0 * ({"define", "broad"} <= reading.cues.keys())
        for cue in reading.cues.values():
            if cue.group.work is not None:
                points[cue.group.work] += float(len(cue.words))
        return _shares(points)


def reasons(reading: Reading) -> tuple[Reason, ...]:
    """What the cues say, for people; the words are quoted as they were found."""
    found = [
        Reason(f"rule:{name}", f"{cue.group.says}: {quoted(cue.words)}", max(cue.group.points.values(), default=0.0))
        for name, cue in reading.cues.items()
    ]
    return tuple(sorted(found, key=lambda reason: -reason.weight))


def _shares(points: dict[T, float]) -> dict[T, float]:
    powers = {name: math.exp(_SHARPNESS * value) for name, value in points.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}
