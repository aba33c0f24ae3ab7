"""Coverage and quality of a knowledge base in numbers, as the documents ask for them when answers disappoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cmo.app import App, opened
from cmo.route import shipped_rules
from cmo.settings import read_settings
from cmo.vocabulary.starter import starter

LEAST_COVERAGE = 0.7
"""Below this the documents speak of thin coverage: add papers."""
LEAST_EMBEDDING = 0.75
MOST_COMPLEXITY = 0.8
"""Above this the documents advise to ask in steps: `cmo deep`."""
MOST_QUESTIONS = 1_000
_MANY_WORDS, _MANY_CONCEPTS = 40, 4


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the field the papers speak of."""

    coverage_percentage: float
    """Share, 0 to 1, of the concepts of clinical metabolomics (the starter vocabulary) that at least one paper mentions."""
    by_kind: Mapping[str, float]
    """The same for metabolites, diseases, methods and so on."""
    mentioned: int
    concepts: int
    relations: int
    """Edges that papers state."""


@dataclass(frozen=True, slots=True)
class EmbeddingQuality:
    """How well the vectors find what they should."""

    score: float
    """Share of the ten nearest passages by exact comparison that the search finds, over the base's own passages."""


@dataclass(frozen=True, slots=True)
class QueryPatterns:
    """What the service was asked lately, as far as answers are written down (`CMO_AUDIT_DAYS`)."""

    complexity_score: float
    """Mean over the questions, 0 to 1: a third each for its parts (3 or more count fully), its words (40) and the concepts
    that it names (4)."""
    questions: int
    several_parts: float
    """Share of the questions that ask for more than one thing."""
    refused: float
    """Share of the questions that the papers did not answer."""
    words: float
    """Of a question, on average."""


async def analyze_query_patterns() -> QueryPatterns:
    """Look through the latest thousand questions that the service of the environment answered."""
    return await asyncio.to_thread(_patterns)


async def analyze_knowledge_coverage() -> Coverage:
    """Count which concepts of the field the base of the environment mentions."""
    return await asyncio.to_thread(_coverage)


async def check_embedding_quality() -> EmbeddingQuality:
    """Compare the vector search with an exact one."""
    return await asyncio.to_thread(_embedding)


def _patterns() -> QueryPatterns:
    with opened(read_settings()) as house:
        given = house.record.answers.recent(MOST_QUESTIONS)
        rules, linker, year = shipped_rules(), house.linker, house.year()
        parts = [rules.read(answer.question, year).parts for answer in given]
        words = [len(answer.question.split()) for answer in given]
        named = [len({mention.concept for mention in linker.link_question(answer.question)}) for answer in given]
    count = max(1, len(given))
    complexity = [
        (min(1.0, (part - 1) / 2) + min(1.0, word / _MANY_WORDS) + min(1.0, concepts / _MANY_CONCEPTS)) / 3
        for part, word, concepts in zip(parts, words, named, strict=True)
    ]
    return QueryPatterns(
        complexity_score=round(sum(complexity) / count, 4),
        questions=len(given),
        several_parts=round(sum(part > 1 for part in parts) / count, 4),
        refused=round(sum(not answer.reply["answered"] for answer in given) / count, 4),
        words=round(sum(words) / count, 2),
    )


def _coverage() -> Coverage:
    concepts = starter()
    with opened(read_settings()) as house:
        held = _mentioned(house, [concept.id for concept in concepts])
        graph = house.curator.holdings()
    of = Counter(concept.kind.value for concept in concepts)
    found = Counter(concept.kind.value for concept, there in zip(concepts, held, strict=True) if there)
    return Coverage(
        coverage_percentage=round(sum(held) / len(concepts), 4),
        by_kind={kind: round(found[kind] / count, 4) for kind, count in sorted(of.items())},
        mentioned=sum(held),
        concepts=len(concepts),
        relations=graph.edges - graph.curated_edges,
    )


def _mentioned(house: App, ids: list[str]) -> list[bool]:
    snapshot = house.snapshots.current()
    graph = snapshot.graph if snapshot else None
    if graph is None:
        return [False] * len(ids)
    return [number >= 0 and graph.node(number).papers > 0 for number in graph.find(ids).tolist()]


def _embedding() -> EmbeddingQuality:
    with opened(read_settings()) as house:
        return EmbeddingQuality(round(house.curator.check().recall_at_10, 4))
