"""Coverage and quality of a knowledge base in numbers, as the documents ask for them when answers disappoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cmo.app import App, opened
from cmo.settings import read_settings
from cmo.vocabulary.starter import starter

LEAST_COVERAGE = 0.7
"""Below this the documents speak of thin coverage: add papers."""
LEAST_EMBEDDING = 0.75


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


async def analyze_knowledge_coverage() -> Coverage:
    """Count which concepts of the field the base of the environment mentions."""
    return await asyncio.to_thread(_coverage)


async def check_embedding_quality() -> EmbeddingQuality:
    """Compare the vector search with an exact one."""
    return await asyncio.to_thread(_embedding)


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
