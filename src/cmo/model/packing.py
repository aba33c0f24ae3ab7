"""Vectors and boxes as bytes: float16 for passages, int8 for sentences, float32 for boxes.

Sentence vectors outnumber passages ten to one and only re-order a short list, so they are kept at a quarter of
float32: each row is divided by its largest component and rounded to int8. The rounding error of a cosine is under
0.004 at 384 dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmo.model.evidence import FloatArray
from cmo.model.papers import Box
from cmo.model.record import PackedVectors

_INT8_MAX = 127.0


def pack(vector: FloatArray, sentences: FloatArray) -> PackedVectors:
    """Unit vectors (dim,) and (n, dim) to bytes."""
    largest = np.maximum(np.abs(sentences).max(axis=1, keepdims=True, initial=0.0), 1e-12)
    rounded = np.rint(sentences * (_INT8_MAX / largest)).astype(np.int8)
    norms = np.maximum(
        np.linalg.norm(rounded.astype(np.float32), axis=1), 1.0
    )  # 0 only for a zero row, which stays one
    return PackedVectors(
        vector.astype(np.float16).tobytes(), rounded.tobytes(), (1.0 / norms).astype(np.float16).tobytes()
    )


def pack_boxes(boxes: Sequence[Box]) -> bytes:
    """Boxes to float32 rows (page, x0, y0, x1, y1)."""
    return np.array([(b.page, b.x0, b.y0, b.x1, b.y1) for b in boxes], dtype=np.float32).tobytes()


def unpack_boxes(data: bytes) -> tuple[Box, ...]:
    """The inverse of `pack_boxes`, coordinates rounded to a hundredth of a point."""
    rows = np.frombuffer(data, dtype=np.float32).reshape(-1, 5).astype(np.float64).round(2).tolist()
    return tuple(Box(int(page), x0, y0, x1, y1) for page, x0, y0, x1, y1 in rows)
