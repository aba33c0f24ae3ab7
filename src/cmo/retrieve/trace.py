"""What a search tells of its way through the graph: relations with the sentences that state them, and paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import LEAST_TOLD, Passage, Relationship, Statement, Trace
from cmo.model.graph import Edge, Fact
from cmo.model.ports import Graph, Searchable
from cmo.model.questions import Reach
from cmo.retrieve.leads import Lead
from cmo.retrieve.walk import Walk

_RELATIONSHIPS, _NEARBY, _STATEMENTS = 10, 2, 4
"""Relations that are told, those of them that only lie near what is asked for, and sentences quoted for each."""
_PATHS, _PATH_HOPS = 3, 3


def trace(
    snapshot: Searchable, way: Walk, found: Sequence[Passage], mask: NDArray[np.bool_] | None, reach: Reach
) -> Trace:
    """Tell by which relations the passages were reached.

    Args:
        snapshot: what was searched.
        way: where the question's concepts led.
        found: the passages that the search found.
        mask: rows that may be quoted; None admits all.
        reach: how far the graph was to carry the search.
    """
    teller = _Teller(snapshot, way.graph, mask)
    asked = frozenset(edge for lead in way.leads if lead.meets and teller.stands(lead) for edge in lead.edges)
    edges = _told(way.edges, asked)
    chains = _chains(way) if reach.reasoning else []
    told = teller.tell([*edges, *(edge for chain in chains for edge in chain)], asked)
    return Trace(
        concepts=way.seeds,
        hops=way.hops,
        relationships=tuple(told[edge] for edge in edges if edge in told),
        paths=tuple(tuple(told[edge] for edge in chain) for chain in chains if all(edge in told for edge in chain)),
        enrichment=_enrichment(way, teller, edges, found),
        misread=way.misread,
    )


def _told(edges: Sequence[Edge], asked: frozenset[Edge]) -> list[Edge]:
    """The best of what meets the question, and a few of its neighbours."""
    nearby = [edge for edge in edges if edge not in asked][:_NEARBY]
    return [edge for edge in edges if edge in asked or edge in nearby][:_RELATIONSHIPS]


class _Teller:
    """Turns edges into relationships; each passage is fetched once."""

    def __init__(self, snapshot: Searchable, graph: Graph, mask: NDArray[np.bool_] | None) -> None:
        self._snapshot = snapshot
        self._graph = graph
        self._mask = mask
        self._stated: dict[Edge, list[Fact]] = {}

    def tell(self, edges: Iterable[Edge], asked: frozenset[Edge]) -> dict[Edge, Relationship]:
        """Relationships of edges that may be told: curated ones, and those with a sentence that may be quoted."""
        facts = {edge: self.facts(edge) for edge in dict.fromkeys(edges)}
        passages = self._passages({fact.row for stated in facts.values() for fact in stated})
        return {
            edge: replace(self._relationship(edge, stated, passages), asked=edge in asked)
            for edge, stated in facts.items()
            if stated or edge.source != "papers"
        }

    def facts(self, edge: Edge) -> list[Fact]:
        """Statements behind an edge that may be quoted, surest first."""
        if edge not in self._stated:
            stated = self._graph.facts(edge, _STATEMENTS)
            admitted = [fact for fact in stated if fact.row >= 0 and (self._mask is None or self._mask[fact.row])]
            self._stated[edge] = admitted
        return self._stated[edge]

    def stands(self, lead: Lead) -> bool:
        """Whether all of it can be told: of two relations that only together answer, neither answers without the other."""
        return len(lead.edges) == 1 or all(map(self._quotable, lead.edges))

    def _quotable(self, edge: Edge) -> bool:
        if edge.probability < LEAST_TOLD:
            return False
        return edge.source != "papers" or any(not fact.apart for fact in self.facts(edge))

    def _passages(self, rows: set[int]) -> dict[int, Passage]:
        wanted = sorted(rows)
        fetched = self._snapshot.passages(wanted, [0.0] * len(wanted), [{}] * len(wanted))
        return dict(zip(wanted, fetched, strict=True))

    def _relationship(self, edge: Edge, facts: Sequence[Fact], passages: dict[int, Passage]) -> Relationship:
        return Relationship(
            subject=self._graph.node(edge.subject),
            object=self._graph.node(edge.object),
            type=edge.type,
            probability=edge.probability,
            papers_for=edge.papers_for,
            papers_against=edge.papers_against,
            source=edge.source,
            statements=tuple(
                Statement(
                    passage=passages[fact.row],
                    place=fact.sentence,
                    probability=fact.probability,
                    against=fact.negated or fact.type is not edge.type,
                    hedged=fact.hedged,
                    context=tuple(self._graph.node(number) for number in fact.context),
                    apart=fact.apart,
                )
                for fact in facts
            ),
        )


def _chains(way: Walk) -> list[list[Edge]]:
    """The surest ways between the question's concepts, as edges."""
    ends = combinations([seed.number for seed in way.seeds[:_PATHS]], 2)
    paths = [path for start, end in ends for path in way.graph.paths(start, end, _PATH_HOPS, 1)]
    chains = []
    for path in sorted(paths, key=lambda p: -p.probability)[:_PATHS]:
        steps = [way.graph.edges(np.array([a]), np.array([b]), 1) for a, b in pairwise(path.nodes)]
        if all(steps):
            chains.append([step[0] for step in steps])
    return chains


def _enrichment(way: Walk, teller: _Teller, edges: Sequence[Edge], found: Sequence[Passage]) -> float:
    rows = {passage.row for passage in found}
    best = dict.fromkeys((seed.number for seed in way.seeds), 0.0)
    for edge in edges:
        stated = max((fact.probability for fact in teller.facts(edge) if fact.row in rows), default=0.0)
        for end in {edge.subject, edge.object} & best.keys():
            best[end] = max(best[end], stated)
    return sum(best.values()) / len(best)
