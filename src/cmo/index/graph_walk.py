"""Walks over the graph without directions: PageRank, neighbourhoods, the surest paths.

Personalised PageRank follows HippoRAG 2 (Gutiérrez et al. 2025) with its restart of one half: half of the score of a
node is what its neighbours say. Nodes that a twentieth of the papers mention take part, but lead nowhere.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cmo.index.graph_file import GraphArrays
from cmo.model.evidence import FloatArray
from cmo.model.graph import Path

Ints = NDArray[np.int64]

RESTART = 0.5
TOLERANCE = 1e-3
"""Bound on the scores that are still to move, together. With a restart of one half it takes 10 rounds at most; where a
walk forgets where it began, as it does in a graph that hangs together well, the rounds to come are those that were, and
fewer will do. They are counted as if they were, so that what is wrong in the end is a tenth of the bound (1e-4)."""
_FEW = 0.1
"""Share of the graph's edges up to which a round follows the edges of the nodes that have a score, not all of them."""
LONGEST_PATH = 3


class Walks:
    """Walks over the arrays of a graph."""

    def __init__(self, arrays: GraphArrays) -> None:
        self._starts = arrays.walk_starts
        self._nodes = arrays.walk_nodes
        self._weights = arrays.walk_weights
        self._strengths = arrays.strengths
        self._hubs = arrays.hubs
        self._count = len(arrays.papers)

    def spread(self, seeds: Ints, weights: FloatArray, rounds: int | None = None) -> FloatArray:
        """Scores of all nodes (n,), of 1 together; of walks of at most so many steps where `rounds` says so."""
        total = float(weights.sum())
        if not len(seeds) or total <= 0:
            return np.zeros(self._count, np.float32)
        restart = np.zeros(self._count, np.float32)
        np.add.at(restart, seeds, (weights / np.float32(total)).astype(np.float32))
        leading = self._leading.copy()
        leading[seeds] = _inverse(self._strengths[seeds])  # who asks of a hub wants to know what it leads to
        lost = np.flatnonzero(leading == 0)
        scores, step, left = RESTART * restart, restart, 1.0
        change = 1.0
        while left * change > TOLERANCE and rounds != 0:
            rounds = None if rounds is None else rounds - 1
            following = self._pass_on(step * leading)
            following += restart * float(step[lost].sum())
            change = float(np.abs(following - step).sum())
            step, left = following, left * (1 - RESTART)
            scores += RESTART * left * step
        scores += (1 - RESTART) * left * step  # the rounds that were left out
        return scores / np.float32(scores.sum())

    def within(self, seeds: Ints, hops: int) -> Ints:
        """Nodes at most so many hops away, seeds included, ascending."""
        reached = np.zeros(self._count, np.bool_)
        reached[seeds] = True
        edge = np.flatnonzero(reached)
        for hop in range(hops):
            edge = edge[~self._hubs[edge]] if hop else edge
            before = reached.copy()
            reached[self._neighbours(edge)[0]] = True
            edge = np.flatnonzero(reached > before)
        return np.flatnonzero(reached)

    def paths(self, start: int, end: int, hops: int, limit: int) -> list[Path]:
        """The surest ways between two nodes, of one to three hops, not through hubs."""
        if start == end or limit < 1:
            return []
        found: list[Path] = []
        for length in range(1, min(hops, LONGEST_PATH) + 1):
            found += self._paths_of(length, start, end, limit)
        return sorted(found, key=lambda path: (-path.probability, len(path.nodes), path.nodes))[:limit]

    def _paths_of(self, length: int, start: int, end: int, limit: int) -> list[Path]:
        to_end = np.zeros(self._count, np.float32)
        nodes, weights, _ = self._neighbours(np.array([end]))
        to_end[nodes] = weights
        if length == 1:
            return [Path((start, end), float(to_end[start]))] if to_end[start] > 0 else []
        to_end[self._hubs] = 0
        to_end[[start, end]] = 0
        middle, weights, _ = self._neighbours(np.array([start]))
        kept = ~self._hubs[middle] & (middle != end)
        middle, weights = middle[kept], weights[kept]
        if length == LONGEST_PATH:
            return self._through_two((start, end), middle, weights, to_end, limit)
        sure = weights * to_end[middle]
        return [Path((start, int(middle[n]), end), float(sure[n])) for n in _best(sure, limit)]

    def _through_two(
        self, ends: tuple[int, int], middle: Ints, weights: FloatArray, to_end: FloatArray, limit: int
    ) -> list[Path]:
        last, between, counts = self._neighbours(middle)
        first = np.repeat(middle, counts)
        sure = np.repeat(weights, counts) * between * to_end[last]
        start, end = ends
        return [Path((start, int(first[n]), int(last[n]), end), float(sure[n])) for n in _best(sure, limit)]

    def _neighbours(self, nodes: Ints) -> tuple[Ints, FloatArray, Ints]:
        """Neighbours of nodes, one node after another, their weights, and how many each has."""
        counts = self._starts[nodes + 1] - self._starts[nodes]
        ends = np.cumsum(counts)
        places = np.arange(counts.sum()) + np.repeat(self._starts[nodes] - ends + counts, counts)
        return self._nodes[places].astype(np.int64), self._weights[places], counts

    def _pass_on(self, scores: FloatArray) -> FloatArray:
        """What each node gets from its neighbours (n,)."""
        if (giving := self._few(scores)) is not None:
            nodes, weights, counts = self._neighbours(giving)
            passed = np.bincount(nodes, weights * np.repeat(scores[giving], counts), minlength=self._count)
            return passed.astype(np.float32)
        passed = np.take(scores, self._indices, mode="clip")  # they were made here; checking each costs as much again
        np.multiply(passed, self._weights, out=passed)
        walkable, starts = self._walkable
        if len(walkable) == self._count:
            return np.add.reduceat(passed, starts)
        received = np.zeros(self._count, np.float32)
        received[walkable] = np.add.reduceat(passed, starts)
        return received

    def _few(self, scores: FloatArray) -> Ints | None:
        """The nodes that have a score, where a few edges leave them; None where it is better to follow all edges."""
        most = _FEW * len(self._nodes)
        if np.count_nonzero(scores) > most:  # each has an edge
            return None
        giving: Ints = np.flatnonzero(scores)
        return giving if (self._starts[giving + 1] - self._starts[giving]).sum() <= most else None

    @cached_property
    def _leading(self) -> FloatArray:
        leading = _inverse(self._strengths)
        leading[self._hubs] = 0
        return leading

    @cached_property
    def _walkable(self) -> tuple[Ints, Ints]:
        """Nodes with a neighbour, and where their neighbours begin."""
        found: Ints = np.flatnonzero(np.diff(self._starts) > 0)
        return found, np.ascontiguousarray(self._starts[found])

    @cached_property
    def _indices(self) -> NDArray[np.intp]:
        return self._nodes.astype(np.intp)  # numpy would convert them in every round


def _inverse(strengths: FloatArray) -> FloatArray:
    return np.divide(1.0, strengths, out=np.zeros_like(strengths), where=strengths > 0)


def _best(scores: FloatArray, limit: int) -> list[int]:
    """Places of the highest scores above zero."""
    order = np.argsort(-scores, kind="stable")[:limit]
    return [int(n) for n in order if scores[n] > 0]
