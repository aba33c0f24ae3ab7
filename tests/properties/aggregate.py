"""Facts of many papers about one pair: how well it is supported, and by how much it is contested.

Every paper counts once, by the fact that it states most probably. Support is a noisy-or with a damped source,
``P = 1 - prod(1 - SOURCE * p_paper)``: no single paper is believed beyond `SOURCE`, and each further one adds. What
speaks against it (a denial, or the opposite sign) is combined the same way into a mass of its own, so that a quarrel
in the literature stays visible instead of cancelling out.

Pure: rows of facts in, rows of edges out, whatever their order. Taking a paper's rows away gives what would have been
without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cmo.model.concepts import RelationType

SOURCE = 0.8
"""How far one paper is believed at most."""
TYPES: Final = tuple(RelationType)
"""A type's code in arrays is its place here."""
OPPOSITE: Final[Mapping[RelationType, RelationType]] = {
    RelationType.INCREASED_IN: RelationType.DECREASED_IN,
    RelationType.DECREASED_IN: RelationType.INCREASED_IN,
    RelationType.INCREASES: RelationType.DECREASES,
    RelationType.DECREASES: RelationType.INCREASES,
    RelationType.TREATS: RelationType.CAUSES,
    RelationType.CAUSES: RelationType.TREATS,
}
SYMMETRIC: Final = frozenset({RelationType.ASSOCIATED_WITH})
"""Types whose order says nothing: rows may give it either way."""
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
_SLOTS = 256
_CONTRARY: Final = np.array([TYPES.index(OPPOSITE[t]) if t in OPPOSITE else _SLOTS - 1 for t in TYPES], np.int64)
"""No type has the last code, so what has no opposite finds none."""
_SYMMETRIC: Final = np.array([t in SYMMETRIC for t in TYPES], np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Relations as columns, one row a statement, all (n,)."""

    subject: NDArray[np.uint64]
    object: NDArray[np.uint64]
    type: NDArray[np.uint8]
    """Places in `TYPES`."""
    probability: NDArray[np.float32]
    paper: NDArray[np.uint64]
    negated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Facts:
        """Some rows: by number or by mask."""
        return Facts(
            self.subject[rows], self.object[rows], self.type[rows], self.probability[rows], self.paper[rows],
            self.negated[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """What the facts of all papers come to, one row a subject, object and type, sorted by them; all (n,)."""

    subject: NDArray[np.uint64]
    object: NDArray[np.uint64]
    type: NDArray[np.uint8]
    support: NDArray[np.float64]
    """Probability that it holds, by the papers that state it."""
    conflict: NDArray[np.float64]
    """The same for papers that deny it or state its opposite."""
    papers_for: NDArray[np.int64]
    papers_against: NDArray[np.int64]
    """Papers that deny it or state its opposite; a paper may be on both sides."""
    papers_neutral: NDArray[np.int64]
    """Papers that say of this pair only something else: ``associated with`` where the edge is ``increases``."""

    def __len__(self) -> int:
        return len(self.subject)


def combine(facts: Facts) -> Edges:
    """One row for each subject, object and type that any paper states or denies.

    Sorting dominates, O(n log n): half a million facts take some tenths of a second.
    """
    about = _about(facts)
    edges, edge = _distinct(about.pair * _SLOTS + facts.type)
    strength = np.clip(facts.probability.astype(np.float64), 0.0, 1.0) * SOURCE
    stated, denied = np.flatnonzero(~facts.negated), np.flatnonzero(facts.negated)
    opposite = _places(edges, edges - edges % _SLOTS + _CONTRARY[edges % _SLOTS])[edge[stated]]
    against = np.concatenate([denied, stated[opposite >= 0]])
    against_edge = np.concatenate([edge[denied], opposite[opposite >= 0]])
    support, papers_for = _noisy_or(edge[stated], about.paper[stated], strength[stated], len(edges))
    conflict, papers_against = _noisy_or(against_edge, about.paper[against], strength[against], len(edges))
    sided = _papers(np.concatenate([edge[stated], against_edge]), about.paper[np.concatenate([stated, against])])
    pair = edges // _SLOTS
    among = _papers(about.either, about.paper)[about.either_of[pair]] if len(pair) else papers_for
    return Edges(
        subject=about.first[pair],
        object=about.second[pair],
        type=(edges % _SLOTS).astype(np.uint8),
        support=support,
        conflict=conflict,
        papers_for=papers_for,
        papers_against=papers_against,
        papers_neutral=among - sided,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _About:
    """Which pair and paper each fact is about."""

    pair: Ints
    """(n,): a pair in the order that the type gives it."""
    first: NDArray[np.uint64]
    second: NDArray[np.uint64]
    """(pairs,)"""
    either: Ints
    """(n,): the same pair in either order."""
    either_of: Ints
    """(pairs,)"""
    paper: Ints
    """(n,)"""


def _about(facts: Facts) -> _About:
    ids, number = _distinct(np.concatenate([facts.subject, facts.object]))
    a, b = number[: len(facts)], number[len(facts) :]
    low, high = np.minimum(a, b), np.maximum(a, b)
    turned = _SYMMETRIC[facts.type]
    a, b = np.where(turned, low, a), np.where(turned, high, b)
    size = max(1, len(ids))
    keys, pair = _distinct(a * size + b)
    first, second = keys // size, keys % size
    either_of = _distinct(np.minimum(first, second) * size + np.maximum(first, second))[1]
    return _About(pair, ids[first], ids[second], either_of[pair], either_of, _distinct(facts.paper)[1])


def _distinct(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """Distinct values in order, and the place of each value among them."""
    order = np.argsort(values, kind="stable")  # np.unique takes three times as long
    sorted_ = values[order]
    begins = _begins(sorted_)
    place = np.empty(len(values), np.int64)
    place[order] = np.cumsum(begins) - 1
    return sorted_[begins], place


def _begins(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of sorted values differ from the one before."""
    begins = np.ones(len(values), np.bool_)
    begins[1:] = values[1:] != values[:-1]
    return begins


def _places(edges: Ints, wanted: Ints) -> Ints:
    """Where values stand among sorted ones, -1 where they do not."""
    if not len(edges):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(edges, wanted), len(edges) - 1)
    return np.where(edges[place] == wanted, place, -1)


def _noisy_or(edge: Ints, paper: Ints, strength: Doubles, size: int) -> tuple[Doubles, Ints]:
    """(edges,): ``1 - prod(1 - strongest of each paper)``, and how many papers there are."""
    if not len(edge):
        return np.zeros(size), np.zeros(size, np.int64)
    key = edge * (int(paper.max()) + 1) + paper
    order = np.argsort(key, kind="stable")
    begins = np.flatnonzero(_begins(key[order]))
    strongest = np.maximum.reduceat(strength[order], begins)
    of = edge[order[begins]]
    return -np.expm1(np.bincount(of, np.log1p(-strongest), minlength=size)), np.bincount(of, minlength=size)


def _papers(group: Ints, paper: Ints) -> Ints:
    """How many papers each group has."""
    if not len(group):
        return np.zeros(0, np.int64)
    papers = int(paper.max()) + 1
    keys = np.sort(group * papers + paper)
    return np.bincount(keys[_begins(keys)] // papers, minlength=int(group.max()) + 1)
