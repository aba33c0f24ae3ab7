"""What a reader yields, held against itself: each id once, no concept broader than itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cmo.model.concepts import Concept, CuratedEdge
from cmo.vocabulary.hierarchy import circular
from cmo.vocabulary.sources.notes import Notes, Problem
from cmo.vocabulary.sources.rows import Item

_TELL_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Sifted:
    """What can be installed."""

    concepts: tuple[Concept, ...]
    edges: tuple[CuratedEdge, ...]


def sift(items: Iterable[Item], notes: Notes, progress: Callable[[int], None]) -> Sifted:
    """Read everything; of concepts with one id the first stays, and a parent that closes a circle goes.

    Args:
        items: what a reader yields.
        notes: told what is wrong, and where.
        progress: told now and then how many items were read.
    """
    concepts: dict[str, Concept] = {}
    places: dict[str, str] = {}
    edges: dict[CuratedEdge, None] = {}
    for count, (where, item) in enumerate(items):
        if not count % _TELL_EVERY:
            progress(count)
        if isinstance(item, CuratedEdge):
            edges[item] = None
        elif item.id in concepts:
            notes.wrong(Problem.DUPLICATE, where, f"{item.id} stands at {places[item.id]} as well")
        else:
            concepts[item.id], places[item.id] = item, where
    for child, parent in circular({concept.id: concept.parents for concept in concepts.values()}):
        notes.wrong(Problem.CYCLE, places[child], f"{parent} is at once above and below {child}")
        kept = tuple(p for p in concepts[child].parents if p != parent)
        concepts[child] = replace(concepts[child], parents=kept)
    return Sifted(tuple(concepts.values()), tuple(edges))
