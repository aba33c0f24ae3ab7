"""How long a walk over a large graph takes: personalised PageRank over edges drawn by chance."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cmo.index.graph_build import undirected
from cmo.index.graph_file import EDGE, GraphArrays
from cmo.index.graph_walk import Walks

_EDGES_A_NODE: Final = 5
_TIMES: Final = 60
_SEEDS: Final = 3


def pagerank_ms(edges: int, rounds: int | None, seed: int = 7) -> float:
    """The median time of a walk from three seeds, of so many rounds or to the end, in ms.

    Few nodes have many neighbours and many have few, as in a graph of papers: ends are drawn with a chance that falls
    with the square root of their number.
    """
    chance = np.random.default_rng(seed)
    nodes = edges // _EDGES_A_NODE
    walks = Walks(_graph(chance, edges, nodes))
    spent = []
    for _ in range(_TIMES):
        seeds = chance.choice(nodes, _SEEDS, replace=False)
        began = time.perf_counter()
        walks.spread(seeds, np.ones(_SEEDS, np.float32), rounds)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent)) * 1000


def _graph(chance: np.random.Generator, edges: int, nodes: int) -> GraphArrays:
    drawn = np.zeros(edges + edges // 10, EDGE)  # some pairs are drawn twice, and count once
    for end in ("subject", "object"):
        drawn[end] = (nodes * chance.random(len(drawn)) ** 2).astype(np.uint32)
    drawn["probability"] = chance.uniform(0.2, 1.0, len(drawn))
    starts, neighbours, weights = undirected(drawn[: _enough(drawn, edges, nodes)], nodes)
    none = np.empty(0, np.uint32)
    return GraphArrays(
        papers=np.ones(nodes, np.uint32),
        hubs=np.zeros(nodes, np.bool_),
        labels=none,
        by_hash=none,
        edges=np.empty(0, EDGE),
        evidence=none,
        edge_starts=none.astype(np.int64),
        edge_ids=none,
        walk_starts=starts,
        walk_nodes=neighbours,
        walk_weights=weights,
        strengths=np.bincount(np.repeat(np.arange(nodes), np.diff(starts)), weights, nodes).astype(np.float32),
        row_starts=none.astype(np.int64),
        node_rows=none,
        node_starts=none.astype(np.int64),
        row_nodes=none,
    )


def _enough(drawn: NDArray[np.void], edges: int, nodes: int) -> int:
    """How many of the drawn make so many different pairs, no fewer."""
    one, other = drawn["subject"].astype(np.int64), drawn["object"].astype(np.int64)
    keys = np.where(one == other, -1, np.minimum(one, other) * nodes + np.maximum(one, other))
    first = np.unique(keys, return_index=True)[1]
    return int(np.sort(first)[min(edges, len(first) - 1)]) + 1
