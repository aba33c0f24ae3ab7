"""Leads: single relations, and pairs of them, that may be what a question asks for.

::

    direct    A --- B             both are named
    shared    A --- x --- B       x is related to both: "which disorder is seen after A and after B"
    bridge    A --- x --- y       y is of the kind asked for: "which gene goes with the disease that A treats"
    single    A --- x             x is of the kind asked for, or the relation is the one asked for

What a lead is worth counts first how well it meets the question, then whether papers state it all, then how sure its
relations are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from cmo.model.graph import Edge, Node
from cmo.model.ports import Graph
from cmo.retrieve.intent import Intent

_AROUND, _BEYOND, _BRIDGES = 60, 30, 6
"""Relations that are looked at around each named concept, around what it leads to, and how many such there are."""
_SEEDS = 4
_PAPERS = "papers"
_TWO = 2


@dataclass(frozen=True, slots=True)
class Lead:
    """One or two relations that together may be the answer."""

    edges: tuple[Edge, ...]
    meets: int
    """In how many ways it meets the question; with 0 it is only in the neighbourhood."""
    probability: float
    """Product of its edges'."""

    @property
    def worth(self) -> tuple[int, bool, float]:
        """For ranking leads of one question: what papers state before what a vocabulary does, however sure."""
        return self.meets, all(edge.source == _PAPERS for edge in self.edges), self.probability


class Asked(Protocol):
    """What leads are looked for from."""

    @property
    def graph(self) -> Graph:
        """The graph."""
        ...

    @property
    def seeds(self) -> tuple[Node, ...]:
        """The concepts that the question names."""
        ...

    @property
    def intent(self) -> Intent:
        """What it wants to know of them."""
        ...

    @property
    def hops(self) -> int:
        """How many relations may be followed."""
        ...


def leads(asked: Asked) -> Iterator[Lead]:
    """All leads of a question, in no order."""
    around = {seed.number: asked.graph.edges(np.array([seed.number]), None, _AROUND) for seed in asked.seeds[:_SEEDS]}
    yield from _singles(asked, around)
    if not (
        asked.intent.polar and _met(around)
    ):  # whether X is raised in Y is answered, so what lies between is not asked
        yield from _shared(asked, around)
    if asked.hops >= _TWO and asked.intent.kinds:
        yield from _bridges(asked, around)


def _singles(asked: Asked, around: Mapping[int, list[Edge]]) -> Iterator[Lead]:
    # "What is X associated with?": whatever is related to it is what is asked.
    anything = asked.intent.relates and not asked.intent.types and not asked.intent.kinds and len(asked.seeds) == 1
    # "Is X raised in Y?": what else X is raised in says nothing of that.
    elsewhere = asked.intent.polar and len(around) >= _TWO
    for edge in dict.fromkeys(edge for edges in around.values() for edge in edges):
        both = edge.subject in around and edge.object in around
        kinds = {_kind(asked, end) for end in (edge.subject, edge.object) if end not in around}
        typed = edge.type in (asked.intent.decisive if both else asked.intent.types)
        meets = 3 * both + typed + bool(kinds & asked.intent.kinds) + anything
        # "Which are not raised in Y?": what papers say and none denies is no answer either.
        beside = (elsewhere and not both) or (asked.intent.denied and not edge.papers_against)
        yield Lead((edge,), 0 if beside else meets, edge.probability)


def _shared(asked: Asked, around: Mapping[int, list[Edge]]) -> Iterator[Lead]:
    surest: dict[int, dict[int, Edge]] = defaultdict(dict)
    for seed, edges in around.items():
        for edge in sorted(edges, key=lambda e: (e.type in asked.intent.types, e.probability)):
            surest[_far(edge, seed)][seed] = edge
    for middle, of in surest.items():
        if middle in around:
            continue
        fit = _kind(asked, middle) in asked.intent.kinds
        for one, other in combinations(of.values(), 2):
            typed = one.type in asked.intent.types or other.type in asked.intent.types
            yield Lead((one, other), 2 + fit + typed, one.probability * other.probability)


def _bridges(asked: Asked, around: Mapping[int, list[Edge]]) -> Iterator[Lead]:
    for seed, edges in around.items():
        ways = [
            e for e in edges if _kind(asked, _far(e, seed)) not in asked.intent.kinds and _far(e, seed) not in around
        ]
        ways.sort(key=lambda e: (-(e.type in asked.intent.types), -e.probability))
        for way in ways[:_BRIDGES]:
            middle = _far(way, seed)
            for beyond in asked.graph.edges(np.array([middle]), None, _BEYOND):
                if _kind(asked, end := _far(beyond, middle)) in asked.intent.kinds and end not in around:
                    yield Lead(
                        (way, beyond), 1 + (way.type in asked.intent.types), way.probability * beyond.probability
                    )


def _met(around: Mapping[int, list[Edge]]) -> bool:
    """Whether two of the named concepts are related themselves."""
    return any(edge.subject in around and edge.object in around for edges in around.values() for edge in edges)


def _far(edge: Edge, near: int) -> int:
    return edge.object if edge.subject == near else edge.subject


def _kind(asked: Asked, number: int) -> str:
    return asked.graph.node(number).kind
