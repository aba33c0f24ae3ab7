"""The cascade: rules, then the head, then a language model where the head is in doubt.

::

    question --rules--> settled? ----------------------------------------------------------> Route
                 | no                                                                          ^
                 '--features--head--calibration--> sure enough, or nobody to ask? -------------|
                                                        | no                                   |
                                                        '--a second opinion, joined or late ---'

Decisions are pure (`cmo.route.decide`); this file measures, asks and puts the reasons together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cmo.kit.hashing import hex_hash
from cmo.kit.spans import span
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder
from cmo.model.routes import (
    Conditions,
    Decider,
    Destination,
    Reason,
    ResearchCategory,
    Route,
    Standing,
)
from cmo.route import decide, reasons
from cmo.route.calibrate import Calibration, joined
from cmo.route.features import flags, grams, pools, spans
from cmo.route.head import NEEDS, WORKS, Head, Need, Scores, softmax
from cmo.route.opinion import Adviser, Opinion
from cmo.route.rules import Reading, Rules

T = TypeVar("T", bound=Hashable)
_SURE = 0.98
"""Probability of what the rules settle."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A head and what its scores mean."""

    head: Head
    calibration: Calibration

    @property
    def version(self) -> str:
        """Of both."""
        return hex_hash(self.head.version, repr(self.calibration.as_json()), size=4)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A question as the head saw it."""

    reading: Reading
    flags: Mapping[str, float]
    scores: Scores
    needs: FloatArray
    """Probabilities (`NEEDS`,)."""
    works: FloatArray
    """Probabilities (`WORKS`,)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a question needs, and who says so."""

    needs: Mapping[Need, float]
    decider: Decider
    opinion: Opinion | None = None


class Cascade:
    """Routes by rules, head and second opinion. Safe to share between threads.

    Args:
        rules: cue words.
        model: head and calibration.
        embedder: the one that the head was fitted with.
        year: the present one.
        adviser: asked in doubt; None where no model may be.
    """

    def __init__(
        self, rules: Rules, model: Model, embedder: Embedder, year: Callable[[], int], adviser: Adviser | None = None
    ) -> None:
        self._rules = rules
        self._model = model
        self._embedder = embedder
        self._year = year
        self._adviser = adviser
        advised = adviser.version if adviser else ""
        self.version = f"cascade-{hex_hash(rules.version, model.version, advised, size=5)}"

    def route(self, text: str, conditions: Conditions, standing: Standing | None = None) -> Route:
        """Where a question goes."""
        with span("route"):
            (seen,) = self._see([self._rules.read(text, self._year())])
            return self._decided(seen, conditions, standing)

    def routes(self, texts: Sequence[str], conditions: Conditions) -> list[Route]:
        """Where questions go, encoded together."""
        readings = [self._rules.read(text, self._year()) for text in texts]
        return [self._decided(seen, conditions, None) for seen in self._see(readings)]

    def doubtful(self, route: Route) -> bool:
        """Whether a second opinion might change a route that the head decided."""
        sure = max(route.probabilities.values()) >= self._model.calibration.uncertain
        return route.decided_by is Decider.HEAD and not sure

    def reconsidered(self, text: str, opinion: Opinion, conditions: Conditions) -> Route:
        """Where a question goes after a second opinion that was got elsewhere."""
        (seen,) = self._see([self._rules.read(text, self._year())])
        now = decide.Circumstances(conditions, self._rules.costs, None, seen.reading.years)
        needs = dict(zip(NEEDS, seen.needs.tolist(), strict=True))
        needs = advised(needs, opinion.need, self._model.calibration.trust)
        return self._route(seen, Verdict(needs, Decider.LLM, opinion), now)

    def _see(self, readings: Sequence[Reading]) -> list[Seen]:
        """Questions as the head sees them, encoded together with each of their words."""
        encoded = self._embedder.encode_passages([r.asked for r in readings], [spans(r) for r in readings])
        return [self._seen(reading, pools(one)) for reading, one in zip(readings, encoded, strict=True)]

    def _seen(self, reading: Reading, pooled: FloatArray) -> Seen:
        head, calibration = self._model.head, self._model.calibration
        found = flags(reading, self._year())
        scores = head.scores(head.meaning(pooled), found, grams(reading.words))
        needs = softmax(scores.needs, calibration.temperature)
        return Seen(reading, found, scores, needs, softmax(scores.works, calibration.work_temperature))

    def _decided(self, seen: Seen, conditions: Conditions, standing: Standing | None) -> Route:
        now = decide.Circumstances(conditions, self._rules.costs, standing, seen.reading.years)
        settled = unmistakable(seen.reading)
        if settled is not None:
            return self._route(seen, Verdict(_certain(settled), Decider.RULES), now)
        needs = dict(zip(NEEDS, seen.needs.tolist(), strict=True))
        opinion = self._opinion(seen, needs, conditions)
        if opinion is None:
            return self._route(seen, Verdict(needs, Decider.HEAD), now)
        needs = advised(needs, opinion.need, self._model.calibration.trust)
        return self._route(seen, Verdict(needs, Decider.LLM, opinion), now)

    def _opinion(self, seen: Seen, needs: Mapping[Need, float], conditions: Conditions) -> Opinion | None:
        if self._adviser is None or not conditions.llm or conditions.budget_left <= 0:
            return None
        sure = max(decide.destinations(needs).values()) >= self._model.calibration.uncertain
        if sure or conditions.seconds_left < self._adviser.seconds:
            return None
        return self._adviser.ask(seen.reading.asked, conditions.seconds_left)

    def _route(self, seen: Seen, verdict: Verdict, now: decide.Circumstances) -> Route:
        calibration, probabilities = self._model.calibration, decide.destinations(verdict.needs)
        destination = max(probabilities, key=lambda d: probabilities[d])
        interval = calibration.right.interval(probabilities[destination])
        works = self._works(seen, verdict, destination)
        research = max(works, key=lambda work: works[work])
        nearest = seen.scores.nearest
        return Route(
            destination=destination,
            category=decide.category(destination),
            research=research,
            scope=decide.scope(verdict.needs, destination),
            engines=decide.engines(probabilities, now),
            probability=round(joined(interval), 4),
            interval=interval,
            novelty=calibration.novelty(nearest),
            probabilities={d: round(p, 4) for d, p in probabilities.items()},
            possible=tuple(d for d, p in probabilities.items() if d is destination or calibration.possible(d, p)),
            research_probability=round(works[research], 4),
            decided_by=verdict.decider,
            reasons=self._reasons(seen, verdict),
            version=self.version,
            facts=_facts(seen.reading, nearest, now.standing),
        )

    def _works(self, seen: Seen, verdict: Verdict, destination: Destination) -> dict[ResearchCategory, float]:
        if destination is Destination.NEITHER:  # by the label guide, of what is not ours no kind of work is told
            return {ResearchCategory.GENERAL: max(verdict.needs.values())}
        works = dict(zip(WORKS, seen.works.tolist(), strict=True))
        opinion = verdict.opinion
        return works if opinion is None else advised(works, opinion.research, self._model.calibration.trust)

    def _reasons(self, seen: Seen, verdict: Verdict) -> tuple[Reason, ...]:
        if verdict.decider is Decider.RULES:
            return reasons.of_rules(seen.reading)
        need = max(verdict.needs, key=lambda name: verdict.needs[name])
        parts = self._model.head.parts(NEEDS.index(need), seen.scores, seen.flags)
        said = reasons.of_head(seen.reading, need, parts, self._model.calibration.temperature)
        if verdict.opinion is None:
            return said
        return (reasons.of_opinion(verdict.opinion.need, need, self._model.calibration.trust), *said)


def unmistakable(reading: Reading) -> Need | None:
    """What nothing but the words is needed for: a cry for help; a greeting and no more; orders and no question."""
    if "crisis" in reading.cues:
        return Need.UNSAFE
    for name in ("chat", "injection"):
        if reading.covers(name):
            return Need.OUT
    return None


def advised(chances: Mapping[T, float], said: T, trust: float) -> dict[T, float]:
    """Probabilities after an opinion that counts so many log-odds."""
    powers = {name: p * (math.exp(trust) if name == said else 1.0) for name, p in chances.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def _certain(need: Need) -> dict[Need, float]:
    rest = (1 - _SURE) / (len(NEEDS) - 1)
    return {name: _SURE if name is need else rest for name in NEEDS}


def _facts(reading: Reading, nearest: float, standing: Standing | None) -> dict[str, float]:
    found = {
        "words": float(len(reading.words)),
        "cues": float(len(reading.cues)),
        "parts": float(reading.parts),
        "nearest_known": round(nearest, 4),
    }
    return found if standing is None else {**found, "nearest_passage": round(standing.nearest, 4)}
