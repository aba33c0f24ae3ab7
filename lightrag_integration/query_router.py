"""`BiomedicalQueryRouter`: the documented router over ours.

By default it is the keyword router of the documents: cue words alone, no model, the same answer every time. The cascade
(rules, head, calibrated probabilities) is opt-in by `use_cascade`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from cmo.app import App
from cmo.model.ports import Router
from cmo.model.routes import Conditions, Destination, ResearchCategory, Route
from cmo.oracle import admit
from cmo.route import KeywordRouter, shipped_rules
from cmo.route.rules import Reading
from cmo.settings import Settings, read_settings

_LEVELS = ((0.8, "high"), (0.6, "medium"), (0.4, "low"), (0.0, "very_low"))
_CURRENT = (Destination.PERPLEXITY, Destination.HYBRID)


class RoutingDecision(StrEnum):
    """Where a question goes, as the documents write it."""

    LIGHTRAG = "lightrag"
    PERPLEXITY = "perplexity"
    EITHER = "either"
    HYBRID = "hybrid"
    NEITHER = "neither"
    """Out of scope or unsafe; the documents leave it open."""


@dataclass(frozen=True, slots=True)
class ConfidenceMetrics:
    """How sure a route is, and of what."""

    overall_confidence: float
    """Probability that the destination is right; calibrated where the cascade decides."""
    research_category_confidence: float
    temporal_analysis_confidence: float
    """That the question does, or does not, need what is current."""
    signal_strength_confidence: float
    """One less the width of the interval of `overall_confidence`; 0 where none is known."""
    context_coherence_confidence: float
    """That it is a question for us."""
    keyword_density: float
    """Share of its words that are cue words."""
    pattern_match_strength: float
    """Cue groups that speak, 1 from four on."""
    biomedical_entity_count: int
    """Identifiers that it names (HMDB, KEGG, m/z …); concepts are linked by the search that follows."""
    ambiguity_score: float
    """Entropy of the probabilities, 0 to 1."""
    conflict_score: float
    """How evenly settled and current knowledge are called for, 0 to 1."""
    alternative_interpretations: list[tuple[RoutingDecision, float]]
    """The other destinations, likeliest first."""
    calculation_time_ms: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        others = [(decision.value, share) for decision, share in self.alternative_interpretations]
        return {**asdict(self), "alternative_interpretations": others}


@dataclass(frozen=True, slots=True)
class RoutingPrediction:
    """A decision with its reasons."""

    routing_decision: RoutingDecision
    confidence: float
    reasoning: list[str]
    """Strongest first."""
    research_category: ResearchCategory
    confidence_metrics: ConfidenceMetrics
    temporal_indicators: list[str] = field(default_factory=list)
    """Words that speak of what moves."""
    knowledge_indicators: list[str] = field(default_factory=list)
    """Words that speak of settled knowledge."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def confidence_level(self) -> str:
        """``high`` from .8, ``medium`` from .6, ``low`` from .4, else ``very_low``."""
        return next(name for least, name in _LEVELS if self.confidence >= least)

    def get_alternative_routes(self) -> list[tuple[RoutingDecision, float]]:
        """The other destinations, likeliest first."""
        return list(self.confidence_metrics.alternative_interpretations)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, fit for JSON."""
        return {
            "routing_decision": self.routing_decision.value,
            "confidence": self.confidence,
            "confidence_level": self.confidence_level,
            "reasoning": list(self.reasoning),
            "research_category": self.research_category.value,
            "confidence_metrics": self.confidence_metrics.to_dict(),
            "temporal_indicators": list(self.temporal_indicators),
            "knowledge_indicators": list(self.knowledge_indicators),
            "metadata": dict(self.metadata),
        }


class BiomedicalQueryRouter:
    """Questions to where they go.

    Args:
        use_cascade: decide by rules, head and calibration instead of cue words alone; loads the embedder.
        config: settings of the cascade; read from the environment when not given.
    """

    def __init__(self, *, use_cascade: bool = False, config: Settings | None = None) -> None:
        self._use_cascade = use_cascade
        self._config = config

    def route_query(self, query_text: str, context: Mapping[str, Any] | None = None) -> RoutingPrediction:
        """Where a question goes.

        Args:
            query_text: the question.
            context: ``system_health`` (engines that work, by name) and ``budget_status`` (share that is left).

        Raises:
            BadQuestion: it cannot be asked as it stands.
        """
        began = time.perf_counter()
        text = admit(query_text).text
        route = self._router.route(text, _conditions(context or {}))
        reading = shipped_rules().read(text, self._house.year())
        return _prediction(route, reading, (time.perf_counter() - began) * 1000)

    @cached_property
    def _house(self) -> App:
        return App(self._config or read_settings())

    @cached_property
    def _router(self) -> Router:
        return self._house.router if self._use_cascade else KeywordRouter(shipped_rules(), self._house.year)


def _conditions(context: Mapping[str, Any]) -> Conditions:
    """As far as the context tells; what it does not say is well."""
    health, budget = context.get("system_health"), context.get("budget_status")
    works = health if isinstance(health, Mapping) else {}
    left = float(budget) if isinstance(budget, (int, float)) else 1.0
    return Conditions(
        local=bool(works.get("lightrag", True)),
        web=bool(works.get("perplexity", True)),
        budget_left=max(0.0, min(1.0, left)),
    )


def _prediction(route: Route, reading: Reading, milliseconds: float) -> RoutingPrediction:
    timely = [cue for cue in reading.of_kind("time") if cue.group.name != "past"]
    settled = [cue for cue in reading.cues.values() if cue not in timely and cue.group.kind in {"form", "work", "own"}]
    return RoutingPrediction(
        routing_decision=_decision(route.destination),
        confidence=route.probability,
        reasoning=[reason.text for reason in route.reasons],
        research_category=route.research,
        confidence_metrics=_metrics(route, reading, milliseconds),
        temporal_indicators=[phrase for cue in timely for phrase in cue.words],
        knowledge_indicators=[phrase for cue in settled for phrase in cue.words],
        metadata={
            "category": route.category.value,
            "scope": route.scope.value,
            "engines": [engine.value for engine in route.engines],
            "decided_by": route.decided_by.value,
            "version": route.version,
        },
    )


def _metrics(route: Route, reading: Reading, milliseconds: float) -> ConfidenceMetrics:
    chances = route.probabilities
    current = sum(chances[d] for d in _CURRENT)
    settled = chances[Destination.LIGHTRAG] + chances[Destination.HYBRID]
    entropy = -sum(p * math.log(p) for p in chances.values() if p > 0) / math.log(len(chances))
    cued = {word for cue in reading.cues.values() for phrase in cue.words for word in phrase.split()}
    others = sorted(((_decision(d), p) for d, p in chances.items() if d is not route.destination), key=lambda o: -o[1])
    return ConfidenceMetrics(
        overall_confidence=route.probability,
        research_category_confidence=route.research_probability,
        temporal_analysis_confidence=round(max(current, 1 - current), 4),
        signal_strength_confidence=round(1 - (route.interval[1] - route.interval[0]), 4),
        context_coherence_confidence=round(1 - chances[Destination.NEITHER], 4),
        keyword_density=round(sum(w.text in cued for w in reading.words) / max(1, len(reading.words)), 4),
        pattern_match_strength=min(1.0, len(reading.cues) / 4),
        biomedical_entity_count=len(reading.identifiers),
        ambiguity_score=round(max(0.0, entropy), 4),
        conflict_score=round(2 * min(current, settled) / max(1e-9, current + settled), 4),
        alternative_interpretations=others,
        calculation_time_ms=round(milliseconds, 4),
    )


def _decision(destination: Destination) -> RoutingDecision:
    return RoutingDecision(destination.value.lower())
