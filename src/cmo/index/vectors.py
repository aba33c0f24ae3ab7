"""The vector side: exact inner products to some 40,000 rows, RaBitQ with exact refinement above.

RaBitQ (Gao & Long, SIGMOD 2024) keeps one bit a dimension and an unbiased estimate of the inner product; the best
`REFINE` times the wanted rows, and no fewer than `REFINE_LEAST`, are then scored exactly. `recall` compares it with
the exact scan on the user's own vectors, because on data that do not cluster every approximate index loses recall
silently.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray
from cmo.model.hits import Hits

EXACT_ROWS = 40_000
"""From here on the sketch is faster: 3.3 against 17 ms at 100,000 rows and 200 wanted, on cores that others use too.
Workers share its pages, where an exact index keeps a copy of all vectors in each."""
FEW_ROWS = 5_000
"""Where a filter leaves no more than this, each is scored exactly."""
REFINE = 5
REFINE_LEAST = 1000
_TRAIN_ROWS = 50_000
_BLOCK = 8192


class Vectors:
    """Nearest rows by inner product over unit float16 vectors.

    Args:
        vectors: (n, dim) float16; kept as given (memory-mapped by the caller).
        sketch: a RaBitQ index over the same rows, if there is one.
    """

    def __init__(self, vectors: NDArray[np.float16], sketch: faiss.Index | None = None) -> None:
        self._vectors = vectors
        self._sketch = sketch
        self._exact = None if sketch is not None else _exact_index(vectors)

    def search(self, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None = None) -> Hits:
        """The nearest rows that the mask admits, best first."""
        limit = min(limit, len(self._vectors))
        if limit <= 0:
            return Hits.none()
        if self._exact is not None:
            return _search(self._exact, query, limit, mask)
        return self._refined(query, limit, mask)

    def exact(self, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None = None) -> Hits:
        """As `search`, by scanning every row: the yardstick."""
        scores = scan(self._vectors, query)
        if mask is not None:
            scores[~mask[: len(scores)]] = -np.inf
        return _best(np.arange(len(scores)), scores, limit)

    def scores(self, query: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """Inner products of given rows."""
        return dots(self._vectors[rows].astype(np.float32), query)

    def _refined(self, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None) -> Hits:
        assert self._sketch is not None
        if mask is not None:
            admitted = np.flatnonzero(mask)
            if len(admitted) <= FEW_ROWS:
                return _best(admitted, self.scores(query, admitted), limit)
        wanted = min(max(limit * REFINE, REFINE_LEAST), len(self._vectors))
        rough = _search(self._sketch, query, wanted, mask)
        return _best(rough.rows, self.scores(query, rough.rows), limit)


def dots(vectors: FloatArray, query: FloatArray) -> FloatArray:
    """Inner products of rows (n, dim) with a vector, in this thread.

    BLAS wakes all its threads for a matrix times a vector; on a busy machine waiting for them takes 70 times as long.
    """
    products: FloatArray = np.vecdot(vectors, query)
    return products


def scan(vectors: NDArray[np.float16], query: FloatArray) -> FloatArray:
    """All inner products, a block at a time so that the float32 copy stays in cache."""
    scores = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        scores[start : start + len(block)] = dots(block.astype(np.float32), query)
    return scores


def write_sketch(vectors: NDArray[np.float16], path: Path, before: Path | None = None) -> None:
    """Write a RaBitQ index of some rows: the one before with the new rows added, or one from scratch."""
    if before is not None and before.exists():
        sketch = faiss.read_index(str(before))
    else:
        step = max(1, len(vectors) // _TRAIN_ROWS)
        sketch = faiss.IndexRaBitQ(vectors.shape[1], faiss.METRIC_INNER_PRODUCT)
        sketch.train(vectors[::step].astype(np.float32))
    for start in range(sketch.ntotal, len(vectors), _BLOCK):
        sketch.add(vectors[start : start + _BLOCK].astype(np.float32))
    faiss.write_index(sketch, str(path))


def read_sketch(path: Path) -> faiss.Index:
    """Read what `write_sketch` wrote, memory-mapped so that workers share it."""
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def recall(vectors: Vectors, queries: FloatArray, limit: int) -> float:
    """Share of the exact best rows that `search` finds, over some queries (q, dim)."""
    shares = []
    for query in queries:
        wanted = vectors.exact(query, limit).rows
        shares.append(len(np.intersect1d(vectors.search(query, limit).rows, wanted)) / max(1, len(wanted)))
    return float(np.mean(shares)) if shares else 1.0


def _exact_index(vectors: NDArray[np.float16]) -> faiss.Index:
    dimension = vectors.shape[1]
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    if len(vectors):
        # A float16 row is its own code, so the rows go in as they are.
        codes = np.ascontiguousarray(vectors)
        index.add_sa_codes(codes.view(np.uint8).reshape(len(vectors), 2 * dimension))
    return index


def _search(index: faiss.Index, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None) -> Hits:
    parameters = None
    if mask is not None:
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        kind = faiss.RaBitQSearchParameters if isinstance(index, faiss.IndexRaBitQ) else faiss.SearchParameters
        parameters = kind(sel=selector)
    faiss.omp_set_num_threads(1)  # of this thread: one question is too little work to share out
    scores, rows = index.search(query[None, :], limit, params=parameters)
    kept = rows[0] >= 0
    return Hits(rows[0][kept], scores[0][kept])


def _best(rows: NDArray[np.int64], scores: FloatArray, limit: int) -> Hits:
    if limit < len(rows):
        kept = np.argpartition(-scores, limit)[:limit]
        rows, scores = rows[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    return Hits(rows[order], scores[order])
