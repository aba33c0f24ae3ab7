"""Where a question goes, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SURE = 0.9
"""Probability from which a question is refused unread as unsafe."""


class Destination(StrEnum):
    """Where the answer to a question comes from best; `bench/routing/LABELS.md` tells how questions are labelled."""

    LIGHTRAG = "LIGHTRAG"
    """Settled knowledge, as the group's own papers hold it."""
    PERPLEXITY = "PERPLEXITY"
    """What is recent or moves: from the web."""
    EITHER = "EITHER"
    """General or definitional; both serve."""
    HYBRID = "HYBRID"
    """A settled part and a current part: from both."""
    NEITHER = "NEITHER"
    """Out of scope, or unsafe to answer."""


class Category(StrEnum):
    """The three classes of the documented classifier."""

    KNOWLEDGE_GRAPH = "KNOWLEDGE_GRAPH"
    REAL_TIME = "REAL_TIME"
    GENERAL = "GENERAL"


class ResearchCategory(StrEnum):
    """What kind of work a question belongs to."""

    METABOLITE_IDENTIFICATION = "metabolite_identification"
    PATHWAY_ANALYSIS = "pathway_analysis"
    BIOMARKER_DISCOVERY = "biomarker_discovery"
    DRUG_DISCOVERY = "drug_discovery"
    CLINICAL_DIAGNOSIS = "clinical_diagnosis"
    DATA_PREPROCESSING = "data_preprocessing"
    STATISTICAL_ANALYSIS = "statistical_analysis"
    LITERATURE_SEARCH = "literature_search"
    KNOWLEDGE_EXTRACTION = "knowledge_extraction"
    DATABASE_INTEGRATION = "database_integration"
    EXPERIMENTAL_VALIDATION = "experimental_validation"
    GENERAL = "general"
    SYSTEM_MAINTENANCE = "system_maintenance"


class Scope(StrEnum):
    """Whether a question is one for us."""

    IN = "in"
    OUT = "out"
    """About something else than biomedicine or this tool."""
    UNSAFE = "unsafe"
    """Asks for personal medical advice, or for help to do harm."""


class Decider(StrEnum):
    """What settled a route."""

    RULES = "rules"
    HEAD = "head"
    LLM = "llm"
    KEYWORDS = "keywords"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that spoke for or against a route."""

    name: str
    """Such as ``rule:temporal`` or ``base:nearest``."""
    text: str
    """For people."""
    weight: float
    """How much it moved the destination chosen, in logits; 0 where it settled the matter alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the own papers could say to a question, as far as one look at them tells."""

    nearest: float
    """Cosine of the nearest passage."""
    newest: int | None = None
    """Year of the newest paper."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the world allows now; a router takes it as given."""

    local: bool = True
    """Whether the own papers can be asked."""
    web: bool = True
    """Whether the web can be asked."""
    llm: bool = True
    """Whether a language model may be asked for the route."""
    seconds_left: float = float("inf")
    """Until the answer is due."""
    budget_left: float = 1.0
    """Share of the budget that is left; at 0 nothing that costs is called."""


@dataclass(frozen=True, slots=True)
class Route:
    """A decision with its reasons."""

    destination: Destination
    category: Category
    research: ResearchCategory
    scope: Scope
    engines: tuple[Destination, ...]
    """Whom to ask under the present conditions, in this order: LIGHTRAG, PERPLEXITY, both or nobody."""
    probability: float
    """That the destination is right; calibrated."""
    interval: tuple[float, float]
    """Venn-ABERS bounds of that probability."""
    novelty: float
    """How unlike all questions that the router knows, 0 to 1."""
    probabilities: Mapping[Destination, float]
    possible: tuple[Destination, ...]
    """Conformal set: holds the right destination in 95 of 100 cases."""
    research_probability: float
    decided_by: Decider
    reasons: tuple[Reason, ...]
    """Strongest first."""
    version: str
    """Of rules and head together: part of every cache key."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Counts of what was looked at, such as words and cues."""

    @property
    def refuses(self) -> bool:
        """Whether it is not to be answered whatever the papers say: unsafe, and surely so."""
        return self.scope is Scope.UNSAFE and self.probability >= SURE
