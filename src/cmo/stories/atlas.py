"""Looking at the graph: a concept by any of its names, and what is said around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise

import numpy as np

from cmo.answer.quote import quote
from cmo.errors import NotFound
from cmo.index.graph import GraphView
from cmo.model.evidence import Evidence
from cmo.model.graph import Edge, Fact, Node
from cmo.model.ports import Linker, Searchable

_LOOKED_AT = 50
"""Statements of a relation among which those are found that can be quoted."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A sentence behind a relation."""

    evidence: Evidence
    against: bool
    """It denies the relation, or states its opposite."""


@dataclass(frozen=True, slots=True)
class Told:
    """A relation as it is shown."""

    edge: Edge
    subject: Node
    object: Node
    sentences: tuple[Stated, ...]


class Atlas:
    """One graph with the names by which its concepts are found.

    Args:
        graph: of one snapshot.
        passages: of the same.
        linker: names to concepts; asked for when a name is looked up.
    """

    def __init__(self, graph: GraphView, passages: Searchable, linker: Callable[[], Linker]) -> None:
        self.graph = graph
        self._passages = passages
        self._linker = linker

    def find(self, name: str) -> Node:
        """The node of a concept by id, by name, or by an identifier that it has elsewhere.

        Raises:
            NotFound: no paper speaks of it.
        """
        linker = self._linker()
        known = linker.concept(name)
        linked = [mention.concept for mention in linker.link_question(name)]
        whole = [m.concept for m in linker.guesses(name) if m.end - m.start == len(name.strip())]
        ids = [name, *([known.id] if known else []), *self._most_told(whole), *linked]
        for number in self.graph.find(ids).tolist():
            if number >= 0:
                return self.graph.node(number)
        raise NotFound(f"No paper here speaks of {name!r}. `cmo graph stats` shows what they speak of most.")

    def told(self, edge: Edge, sentences: int = 0) -> Told:
        """A relation with its ends and so many of the sentences behind it, for and against, surest first.

        Where more than one is shown and any speaks against it, one that does is among them.
        """
        stated = self.graph.facts(edge, _LOOKED_AT) if sentences else []
        quotable = [fact for fact in stated if fact.row >= 0 and not fact.apart]
        facts, against = quotable[:sentences], [fact for fact in quotable if _denies(fact, edge)]
        if sentences > 1 and against and against[0] not in facts:
            facts[-1] = against[0]
        rows = [fact.row for fact in facts]
        found = self._passages.passages(rows, [0.0] * len(rows), [{}] * len(rows))
        return Told(
            edge,
            self.graph.node(edge.subject),
            self.graph.node(edge.object),
            tuple(
                Stated(
                    quote(passage, passage.sentences[fact.sentence], fact.probability),
                    against=_denies(fact, edge),
                )
                for fact, passage in zip(facts, found, strict=True)
            ),
        )

    def ways(self, start: Node, end: Node, hops: int, limit: int) -> list[tuple[float, list[Edge]]]:
        """The surest ways from one node to another, each with its probability."""
        found = self.graph.paths(start.number, end.number, hops, limit)
        return [(way.probability, [self._between(a, b) for a, b in pairwise(way.nodes)]) for way in found]

    def between(self, concepts: Sequence[str], pairs: int, sentences: int) -> Iterator[Told]:
        """What is told between some concepts, for so many pairs of them at most, with the sentences behind it."""
        numbers = [int(number) for number in self.graph.find(concepts) if number >= 0]
        for one, other in islice(combinations(numbers, 2), pairs):
            for edge in self.graph.edges(np.array([one]), np.array([other]), 3):
                yield self.told(edge, sentences)

    def _between(self, one: int, other: int) -> Edge:
        return self.graph.edges(np.array([one]), np.array([other]), 1)[0]

    def _most_told(self, ids: Sequence[str]) -> list[str]:
        """Concepts of the graph that only papers know, what most of them name first."""
        nodes = [self.graph.node(number) for number in self.graph.find(ids).tolist() if number >= 0]
        return [node.concept for node in sorted(nodes, key=lambda node: -node.papers)]

    def around(self, start: Node, hops: int, limit: int) -> Mapping[int, list[Edge]]:
        """The surest relations of each node that is reached, each told once, in the order in which they are reached."""
        layers: dict[int, list[Edge]] = {}
        frontier = [start.number]
        for _ in range(hops):
            for number in frontier:
                told = {edge for edges in layers.values() for edge in edges}
                found = self.graph.edges(np.array([number]), None, limit)
                layers[number] = [edge for edge in found if edge not in told]
            reached = dict.fromkeys(end for n in frontier for e in layers[n] for end in (e.subject, e.object))
            frontier = [number for number in reached if number not in layers]
        return layers


def _denies(fact: Fact, edge: Edge) -> bool:
    return fact.negated or fact.type is not edge.type
