"""Reading the graph of a snapshot: nodes, walks, edges with the statements behind them.

All is memory-mapped and immutable; threads share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from cmo.index.damage import damage_is_corrupt
from cmo.index.facts import APART, HEDGED, NEGATED, TYPES, Facts
from cmo.index.graph_build import key_of, keys_of, opposite_of
from cmo.index.graph_file import GraphArrays
from cmo.index.graph_walk import Walks
from cmo.kit.hashing import short_hash
from cmo.model.concepts import RelationType
from cmo.model.evidence import FloatArray
from cmo.model.graph import Edge, Fact, Node, Path
from cmo.model.hits import Hits

PAPERS = "papers"
"""Source of an edge that papers state."""
_NODES_KEPT = 50_000
_ROWS_KEPT = 20_000
_TYPE_PLACE = {kind: n for n, kind in enumerate(TYPES)}
Ints = NDArray[np.int64]


class GraphView:
    """The knowledge graph of one snapshot (the port `cmo.model.ports.Graph`).

    Args:
        arrays: what was built of it.
        facts: the columns that it was built of.
        paper_of: id of the paper of a row.
    """

    def __init__(self, arrays: GraphArrays, facts: Facts, paper_of: Callable[[int], str]) -> None:
        self._arrays = arrays
        self._facts = facts
        self._paper_of = lru_cache(_ROWS_KEPT)(paper_of)
        self._walks = Walks(arrays)
        self.node = lru_cache(_NODES_KEPT)(self._node)
        """What a node is, by its number."""

    @cached_property
    def nodes(self) -> Ints:
        """Numbers of all nodes, ascending."""
        shown: Ints = np.flatnonzero(self._shown)
        return shown

    @property
    def edge_count(self) -> int:
        """How many edges there are, those of vocabularies included."""
        return len(self._arrays.edges)

    @property
    def curated_count(self) -> int:
        """How many of the edges vocabularies state."""
        return int(np.count_nonzero(self._arrays.edges["curated"]))

    @property
    def fact_count(self) -> int:
        """How many statements of papers there are."""
        return len(self._arrays.evidence)

    @damage_is_corrupt
    def find(self, concept_ids: Sequence[str]) -> Ints:
        """Numbers of the nodes of some concepts, -1 where the base has none."""
        arrays = self._arrays
        hashes = self._sorted_hashes
        found = np.full(len(concept_ids), -1, np.int64)
        if not len(hashes):
            return found
        wanted = np.array([short_hash(concept) for concept in concept_ids], np.uint64)
        place = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
        numbers = arrays.by_hash[place].astype(np.int64)
        known = (hashes[place] == wanted) & self._shown[numbers]
        return np.where(known, numbers, found)

    @damage_is_corrupt
    def spread(self, seeds: Ints, weights: FloatArray, rounds: int | None = None) -> FloatArray:
        """Personalised PageRank from weighted seeds (restart .5): a score for each node, of 1 together.

        `rounds` ends walks after so many steps; None lets them go on until nothing changes.
        """
        return self._walks.spread(seeds, weights, rounds)

    @damage_is_corrupt
    def within(self, seeds: Ints, hops: int) -> Ints:
        """Nodes at most so many hops away, seeds included; hubs are not walked through."""
        return self._walks.within(seeds, hops)

    @damage_is_corrupt
    def paths(self, start: int, end: int, hops: int, limit: int) -> list[Path]:
        """The surest ways between two nodes, at most so many hops long, three at most; not through hubs."""
        return self._walks.paths(start, end, hops, limit)

    @damage_is_corrupt
    def mentioning(self, nodes: Ints, scores: FloatArray, limit: int) -> Hits:
        """Rows that mention nodes, by the sum of the scores of those that they mention, best first."""
        places, counts = _ranges(self._arrays.row_starts, nodes)
        rows = self._arrays.node_rows[places].astype(np.int64)
        if not len(rows):
            return Hits.none()
        sums = np.bincount(rows, np.repeat(scores, counts))
        found = np.flatnonzero(sums)
        if limit < len(found):
            found = found[np.argpartition(-sums[found], limit)[: limit + 1]]
        order = np.lexsort((found, -sums[found]))[:limit]
        return Hits(found[order], sums[found[order]].astype(np.float32))

    @damage_is_corrupt
    def mentioned(self, row: int) -> Ints:
        """Nodes that a row mentions, ascending."""
        starts = self._arrays.node_starts
        return self._arrays.row_nodes[starts[row] : starts[row + 1]].astype(np.int64)

    @damage_is_corrupt
    def edges(self, nodes: Ints, among: Ints | None, limit: int) -> list[Edge]:
        """The surest edges of some nodes, those of papers first; only those to a node `among` others where given."""
        places, _ = _ranges(self._arrays.edge_starts, _once(nodes))
        ids = _once(self._arrays.edge_ids[places].astype(np.int64))
        edges = self._arrays.edges[ids]
        if among is not None:
            one, other = edges["subject"], edges["object"]
            fit = (_among(one, nodes) & _among(other, among)) | (_among(other, nodes) & _among(one, among))
            ids, edges = ids[fit], edges[fit]
        sure = -edges["papers_for"].astype(np.int64), -edges["probability"]
        order = np.lexsort((ids, *sure, edges["curated"] > 0))[:limit]
        return self._edges_of(edges[order])

    @damage_is_corrupt
    def all_edges(self) -> list[Edge]:
        """All edges, those of vocabularies last."""
        return self._edges_of(self._arrays.edges)

    @damage_is_corrupt
    def facts(self, edge: Edge, limit: int) -> list[Fact]:
        """The statements behind an edge, for and against, surest first; those of its opposite speak against it."""
        if edge.source != PAPERS:
            return [self._curated_fact(edge)]
        kinds = [edge.type, opposite_of(edge.type)]
        places = np.concatenate([self._places(edge.subject, edge.object, kind) for kind in kinds if kind])
        order = np.argsort(-self._facts.facts["probability"][places], kind="stable")[:limit]
        return self._facts_of(places[order])

    @cached_property
    def _shown(self) -> NDArray[np.bool_]:
        """Of all nodes, whether papers or vocabularies say anything of it."""
        shown: NDArray[np.bool_] = (self._arrays.papers > 0) | (np.diff(self._arrays.edge_starts) > 0)
        return shown

    @cached_property
    def _sorted_hashes(self) -> NDArray[np.uint64]:
        return self._facts.concepts[self._arrays.by_hash]

    @damage_is_corrupt
    def _node(self, number: int) -> Node:
        label = self._facts.label(int(self._arrays.labels[number]))
        return Node(number, label.id, label.name, label.kind, int(self._arrays.papers[number]))

    def _edges_of(self, entries: NDArray[np.void]) -> list[Edge]:
        # `tolist` makes tuples of a whole array in the time that a few entries take field by field.
        return [
            Edge(
                subject=subject,
                object=object_,
                type=TYPES[kind],
                probability=round(probability, 6),
                papers_for=papers_for,
                papers_against=papers_against,
                source=self._facts.curated_text(curated - 1)[2] if curated else PAPERS,
            )
            for subject, object_, kind, probability, papers_for, papers_against, *_, curated in entries.tolist()
        ]

    def _places(self, subject: int, object_: int, kind: RelationType) -> Ints:
        """Places in facts.bin of what papers say of one edge."""
        keys, key = self._stated, key_of(subject, object_, _TYPE_PLACE[kind], len(self._arrays.papers))
        at = int(keys.searchsorted(key))
        if at == len(keys) or keys[at] != key:
            return np.empty(0, np.int64)
        edge = self._arrays.edges[at]
        first = int(edge["first"])
        return self._arrays.evidence[first : first + int(edge["facts"])].astype(np.int64)

    @cached_property
    def _stated(self) -> Ints:
        """Keys of the edges that papers state, ascending: they stand in that order, before all others."""
        edges = self._arrays.edges
        return keys_of(edges[: int(np.count_nonzero(edges["curated"] == 0))], len(self._arrays.papers))

    def _facts_of(self, places: Ints) -> list[Fact]:
        return [
            Fact(
                subject=subject,
                object=object_,
                type=TYPES[kind],
                probability=round(probability, 6),
                negated=bool(flags & NEGATED),
                hedged=bool(flags & HEDGED),
                row=row,
                sentence=sentence,
                paper=self._paper_of(row),
                context=tuple(self._facts.contexts[first : first + contexts].tolist()),
                source=self._facts.reader(reading),
                apart=bool(flags & APART),
            )
            for row, subject, object_, reading, probability, first, contexts, sentence, kind, flags in (
                self._facts.facts[places].tolist()
            )
        ]

    @staticmethod
    def _curated_fact(edge: Edge) -> Fact:
        return Fact(
            subject=edge.subject,
            object=edge.object,
            type=edge.type,
            probability=edge.probability,
            negated=False,
            hedged=False,
            row=-1,
            sentence=-1,
            paper="",
            context=(),
            source=edge.source,
        )


def _once(numbers: Ints) -> Ints:
    """Each once, ascending, as `np.unique`, which takes four times as long for the few that a question has."""
    ordered = np.sort(numbers)
    return ordered if len(ordered) < 2 else ordered[np.append(True, ordered[1:] != ordered[:-1])]  # noqa: PLR2004


def _among(values: NDArray[np.uint32], few: Ints) -> NDArray[np.bool_]:
    """As `np.isin`, which takes longer to begin than to look for one."""
    return values == few[0] if len(few) == 1 else np.isin(values, few)


def _ranges(starts: Ints, nodes: Ints) -> tuple[Ints, Ints]:
    """Places from each node's start to the next one's, one node after another, and how many each has."""
    counts = starts[nodes + 1] - starts[nodes]
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(starts[nodes] - ends + counts, counts), counts
