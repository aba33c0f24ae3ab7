"""From columns to the graph of one snapshot: live facts alone, aggregated over papers.

::

    facts --live rows, live readings--> (subject, object, type) --per paper the surest--> 1 - prod(1 - .8 p)
    mentions --live--> rows of each node, nodes of each row, papers of each node

Everything is a sort and a reduction over whole columns, so that half a million facts take less than a second and no
state is carried from one snapshot to the next: what a retracted paper said is not in the sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.index.facts import ALWAYS, FACT, NEGATED, TYPES, Facts
from cmo.index.graph_file import EDGE, HIDDEN, GraphArrays
from cmo.model.concepts import RelationType
from cmo.model.evidence import FloatArray

Ints = NDArray[np.int64]

PAPER_WEIGHT = 0.8
"""How far one paper's word is taken: the probability of a relation is 1 - prod(1 - .8 p), one p a paper."""
CURATED_PROBABILITY = 0.5
"""Prior of a curated edge. What curators state is seldom wrong, but it says nothing of these papers, and a metabolite has
dozens of reactions: it weighs as one paper that states it with .6, and less than one that is sure (.8)."""
HUB_SHARE = 0.05
"""Nodes that more papers than this mention are not walked through: blood leads from everything to everything."""
HUB_LEAST = 20
"""Papers that must mention a node before it can be a hub; in a small base one in twenty is a single paper."""
_OPPOSITES = (
    (RelationType.INCREASED_IN, RelationType.DECREASED_IN),
    (RelationType.INCREASES, RelationType.DECREASES),
    (RelationType.TREATS, RelationType.CAUSES),
)
_OPPOSITE = np.full(len(TYPES), -1, np.int64)
for _one, _other in _OPPOSITES:
    _OPPOSITE[TYPES.index(_one)] = TYPES.index(_other)
    _OPPOSITE[TYPES.index(_other)] = TYPES.index(_one)
_GRID = 1_000_000
"""Probabilities nearer than one in this many count as the same where they are sorted."""
_KINDS = 16
"""More than there are types: a subject, an object and a type make one number."""


@dataclass(frozen=True, slots=True)
class Visible:
    """What of the columns a snapshot shows."""

    papers: Ints
    """(rows,) number of each row's paper."""
    live: NDArray[np.bool_]
    """(rows,)."""
    readings: NDArray[np.bool_]
    """(readings,)."""

    def of(self, entries: NDArray[np.void]) -> Ints:
        """Which entries of facts or mentions it shows."""
        return np.flatnonzero(self.live[entries["row"]] & self.readings[entries["reading"]])


def build(facts: Facts, visible: Visible, curated: Ints) -> GraphArrays:
    """The graph of what a snapshot shows.

    Args:
        facts: the columns.
        visible: which rows and readings live.
        curated: places in curated.bin of the edges that belong to it (see `curated_near`).
    """
    nodes = len(facts.concepts)
    mentioned = _mentioned(facts, visible, nodes)
    papers = mentioned.papers
    shown = len(np.unique(visible.papers[visible.live]))
    edges, evidence = _edges(facts, visible, nodes)
    edges = np.concatenate([edges, _curated_edges(facts, curated)])
    edge_starts, edge_ids = _incidence(edges, nodes)
    walk_starts, walk_nodes, walk_weights = undirected(edges, nodes)
    return GraphArrays(
        papers=papers,
        hubs=papers > max(HUB_LEAST, HUB_SHARE * shown),
        labels=_labels(facts, visible),
        by_hash=np.argsort(facts.concepts).astype(np.uint32),
        edges=edges,
        evidence=evidence,
        edge_starts=edge_starts,
        edge_ids=edge_ids,
        walk_starts=walk_starts,
        walk_nodes=walk_nodes,
        walk_weights=walk_weights,
        strengths=_sums(walk_weights, walk_starts),
        row_starts=mentioned.row_starts,
        node_rows=mentioned.node_rows,
        node_starts=mentioned.node_starts,
        row_nodes=mentioned.row_nodes,
    )


def seen(facts: Facts, visible: Visible) -> NDArray[np.bool_]:
    """(nodes,) which concepts the shown papers mention or relate."""
    found = np.zeros(len(facts.concepts), np.bool_)
    found[facts.mentions["concept"][visible.of(facts.mentions)]] = True
    stated = facts.facts[visible.of(facts.facts)]
    found[stated["subject"]] = found[stated["object"]] = True
    return found


def curated_near(facts: Facts, visible: Visible) -> Ints:
    """Places in curated.bin of the edges that touch a concept of the shown papers."""
    mine = np.flatnonzero(visible.readings[facts.curated["reading"]])
    hashes = facts.concepts[seen(facts, visible)]
    entries = facts.curated[mine]
    near: Ints = mine[np.isin(entries["subject"], hashes) | np.isin(entries["object"], hashes)]
    return near


@cache
def opposite_of(kind: RelationType) -> RelationType | None:
    """What speaks against a relation, if there is something."""
    place = int(_OPPOSITE[TYPES.index(kind)])
    return TYPES[place] if place >= 0 else None


def _labels(facts: Facts, visible: Visible) -> NDArray[np.uint32]:
    """The best label of each concept among those of the vocabulary and of living readings."""
    labels = facts.labels
    by_reading = labels["reading"] != ALWAYS
    shown = ~by_reading
    shown[by_reading] = visible.readings[labels["reading"][by_reading]]
    places = np.flatnonzero(shown)
    chosen = labels[places]
    order = np.lexsort((chosen["tie"], chosen["rank"], chosen["concept"]))
    concepts = chosen["concept"][order]
    best = _changes(concepts)
    found = np.full(len(facts.concepts), HIDDEN, np.uint32)
    found[concepts[best]] = places[order][best]
    return found


@dataclass(frozen=True, slots=True)
class _Mentioned:
    papers: NDArray[np.uint32]
    row_starts: Ints
    node_rows: NDArray[np.uint32]
    node_starts: Ints
    row_nodes: NDArray[np.uint32]


def _mentioned(facts: Facts, visible: Visible, nodes: int) -> _Mentioned:
    places = visible.of(facts.mentions)
    rows, concepts = (facts.mentions[name][places].astype(np.int64) for name in ("row", "concept"))
    total = len(visible.live)
    by_node = _unique(concepts * total + rows)  # several readers may mention one concept in one row
    concepts, rows = np.divmod(by_node, max(1, total))
    papers = visible.papers[rows]
    fresh = _changes(concepts, papers)  # rows of one paper stand together, as its one live version was appended
    by_row = _order(rows)
    return _Mentioned(
        papers=np.bincount(concepts[fresh], minlength=nodes).astype(np.uint32),
        row_starts=np.searchsorted(concepts, np.arange(nodes + 1)),
        node_rows=rows.astype(np.uint32),
        node_starts=np.searchsorted(rows[by_row], np.arange(total + 1)),
        row_nodes=concepts[by_row].astype(np.uint32),
    )


def _edges(facts: Facts, visible: Visible, nodes: int) -> tuple[NDArray[np.void], NDArray[np.uint32]]:
    """Edges of what papers say, and the facts of each, surest first."""
    places = visible.of(facts.facts)
    keys = keys_of(facts.facts, nodes)[places]
    order = _order(_doubt(facts.facts["probability"][places]), keys)
    places, keys = places[order], keys[order]
    first = np.flatnonzero(_changes(keys))
    edges = np.zeros(len(first), EDGE)
    for name in ("subject", "object", "type"):
        edges[name] = facts.facts[name][places[first]]
    edges["first"], edges["facts"] = first, np.diff(first, append=len(keys))
    papers = visible.papers[facts.facts["row"][places]]
    edge = np.repeat(np.arange(len(first)), edges["facts"])
    denied = (facts.facts["flags"][places] & NEGATED) != 0
    sure = facts.facts["probability"][places[~denied]]
    probability, papers_for = _support(edge[~denied], papers[~denied], sure, len(first))
    edges["probability"], edges["papers_for"] = probability, papers_for
    edges["papers_against"] = _conflict(edges, edge, papers, denied, nodes)
    return edges, places.astype(np.uint32)


def _support(edge: Ints, papers: Ints, probabilities: FloatArray, count: int) -> tuple[FloatArray, Ints]:
    """1 - prod(1 - .8 p) with the surest statement of each paper, and how many papers there are."""
    order = _order(_doubt(probabilities), papers, edge)
    edge, papers, probabilities = edge[order], papers[order], probabilities[order]
    surest = _changes(edge, papers)
    edge = edge[surest]
    doubt = np.log1p(-PAPER_WEIGHT * np.clip(probabilities[surest].astype(np.float64), 0.0, 1.0))
    support = 0.0 - np.expm1(np.bincount(edge, doubt, minlength=count))  # a minus alone would make -0.0 of nothing
    return support.astype(np.float32), np.bincount(edge, minlength=count)


def _conflict(edges: NDArray[np.void], edge: Ints, papers: Ints, denied: NDArray[np.bool_], nodes: int) -> Ints:
    """Papers that deny each edge, or state its opposite; a paper that does both counts once."""
    opposite = _OPPOSITE[edges["type"]]
    keys = keys_of(edges, nodes)
    wanted = keys - edges["type"] + opposite
    place = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    other = np.where((opposite >= 0) & (keys[place] == wanted), place, -1) if len(keys) else place
    opposed = other[edge]
    stating = ~denied & (opposed >= 0)
    against = np.concatenate([edge[denied], opposed[stating]])
    by_whom = np.concatenate([papers[denied], papers[stating]])
    most = int(papers.max(initial=0)) + 1
    pairs = _unique(against * most + by_whom)
    return np.bincount(pairs // most, minlength=len(edges)).astype(np.int64)


def _curated_edges(facts: Facts, curated: Ints) -> NDArray[np.void]:
    entries = facts.curated[curated]
    by_hash = np.argsort(facts.concepts)
    hashes = facts.concepts[by_hash]
    edges = np.zeros(len(entries), EDGE)
    for name in ("subject", "object"):
        edges[name] = by_hash[np.searchsorted(hashes, entries[name])]
    edges["type"], edges["probability"], edges["curated"] = entries["type"], CURATED_PROBABILITY, curated + 1
    return edges


def _incidence(edges: NDArray[np.void], nodes: int) -> tuple[Ints, NDArray[np.uint32]]:
    """Edges of each node, surest first."""
    ends = np.concatenate([edges["subject"], edges["object"]]).astype(np.int64)
    ids = np.tile(np.arange(len(edges)), 2)
    order = _order(_doubt(edges["probability"])[ids], ends)
    return np.searchsorted(ends[order], np.arange(nodes + 1)), ids[order].astype(np.uint32)


def undirected(edges: NDArray[np.void], nodes: int) -> tuple[Ints, NDArray[np.int32], FloatArray]:
    """The graph without directions: each pair of different nodes once each way, by its surest edge."""
    sure = edges[(edges["probability"] > 0) & (edges["subject"] != edges["object"])]
    one, other = sure["subject"].astype(np.int64), sure["object"].astype(np.int64)
    keys = np.minimum(one, other) * nodes + np.maximum(one, other)
    order = _order(keys)
    first = np.flatnonzero(_changes(keys[order]))
    least, most = np.divmod(keys[order][first], max(1, nodes))
    surest = np.maximum.reduceat(sure["probability"][order], first) if len(first) else np.empty(0, np.float32)
    start, end = np.concatenate([least, most]), np.concatenate([most, least])
    order = _order(start * nodes + end)
    starts = np.searchsorted(start[order], np.arange(nodes + 1))
    return starts, end[order].astype(np.int32), np.tile(surest, 2)[order]


def _sums(weights: FloatArray, starts: Ints) -> FloatArray:
    sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return np.asarray(sums[starts[1:]] - sums[starts[:-1]], np.float32)


def keys_of(entries: NDArray[np.void], nodes: int) -> Ints:
    """Subject, object and type as one number, in their order."""
    pairs = entries["subject"].astype(np.int64) * nodes + entries["object"]
    keys: Ints = pairs * _KINDS + entries["type"]
    return keys


def key_of(subject: int, object_: int, kind: int, nodes: int) -> int:
    """The same of one; `kind` is its place in `TYPES`."""
    return (subject * nodes + object_) * _KINDS + kind


def _doubt(probabilities: FloatArray) -> Ints:
    """Whole numbers that order probabilities, the surest first."""
    return np.rint((1.0 - probabilities.astype(np.float64)) * _GRID).astype(np.int64)


def _order(*keys: Ints) -> Ints:
    """As `np.lexsort` over numbers from 0 on, the last key first; in a fifth of the time."""
    order = np.arange(len(keys[0]))
    for key in keys:
        order = order[_stable(key[order])]
    return order


def _stable(key: Ints) -> Ints:
    """Places in the order of a key. With its place behind it each is a number of its own, which sorts as it is."""
    bits = max(1, len(key).bit_length())
    if int(key.max(initial=0)) >> (63 - bits):
        return np.argsort(key, kind="stable")
    packed = np.sort((key << bits) | np.arange(len(key)))
    places: Ints = packed & ((1 << bits) - 1)
    return places


def _unique(values: Ints) -> Ints:
    values = np.sort(values)
    found: Ints = values[_changes(values)]
    return found


def _changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Where sorted entries differ from the one before; the first always does."""
    changed = np.ones(len(columns[0]), np.bool_)
    if len(changed):
        changed[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return changed


assert len(TYPES) <= _KINDS
assert FACT["type"].itemsize == 1
