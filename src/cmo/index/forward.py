"""The forward index: which stems and grams a row holds and how often, to score a short list exactly.

An entry is 32 bits: a number below, how often it occurs above. Scores are BM25 over the rows of the pool; rare stems
may weigh by the square of their rarity (measured: METHODS, retrieval), which a search engine's own BM25 does not offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray

_SLOTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Packing:
    """How an entry is laid out."""

    bits: int
    """Bits of the number; the rest count."""

    @property
    def most(self) -> int:
        """The largest count that fits."""
        return (1 << (32 - self.bits)) - 1

    def pack(self, counts: Mapping[int, int]) -> bytes:
        """Numbers with counts to bytes."""
        numbers = np.fromiter(counts.keys(), np.uint32, len(counts))
        times = np.minimum(np.fromiter(counts.values(), np.int64, len(counts)), self.most).astype(np.uint32)
        return (numbers | (times << np.uint32(self.bits))).tobytes()


STEMS = Packing(24)
GRAMS = Packing(21)


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's parameters: how soon repetition stops counting, and how much length counts."""

    k1: float
    b: float


@dataclass(frozen=True, slots=True)
class Held:
    """In how many of some rows each number occurs."""

    numbers: NDArray[np.uint32]
    """Ascending."""
    rows: NDArray[np.int64]

    def of(self, asked: NDArray[np.int64]) -> NDArray[np.int64]:
        """In how many of the rows each of some numbers occurs."""
        if not len(self.numbers):
            return np.zeros(len(asked), np.int64)
        places = np.minimum(np.searchsorted(self.numbers, asked), len(self.numbers) - 1)
        return np.where(self.numbers[places] == asked, self.rows[places], 0)


class Forward:
    """Entries of all rows, with where each row's begin and how long its text is.

    Args:
        packing: layout of an entry.
        entries: of all rows, one after another.
        starts: (rows,) first entry of a row.
        counts: (rows,) entries of a row.
        lengths: (rows,) occurrences in a row, repetitions counted.
        live: (rows,) which rows count for how long a text is; None for all of them.
    """

    def __init__(
        self,
        packing: Packing,
        entries: NDArray[np.uint32],
        *,
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
        lengths: FloatArray,
        live: NDArray[np.bool_] | None = None,
    ) -> None:
        self._packing = packing
        self._entries = entries
        self._starts = starts
        self._counts = counts
        self._lengths = lengths
        shown = lengths if live is None else lengths[live]
        self._mean = max(1.0, float(shown.mean())) if len(shown) else 1.0

    def held(self, rows: NDArray[np.int64]) -> Held:
        """In how many of some rows each number that they hold occurs."""
        numbers = self._numbers(self._of(rows)) if len(rows) else self._entries[:0]
        return Held(*np.unique(numbers, return_counts=True))

    def scores(self, weights: Mapping[int, float], rows: NDArray[np.int64], saturation: Saturation) -> FloatArray:
        """BM25 of rows, where `weights` gives the weight of each number asked for."""
        if not weights or not len(rows):
            return np.zeros(len(rows), np.float32)
        counts = self._counts[rows]
        ends = np.cumsum(counts)
        entries = self._of(rows)
        numbers = self._numbers(entries)
        hit, which, values = _lookup(numbers, weights)
        row = np.searchsorted(ends, hit, side="right")
        times = (entries[hit] >> np.uint32(self._packing.bits)).astype(np.float32)
        k1, b = saturation.k1, saturation.b
        norm = k1 * (1 - b + b * self._lengths[rows] / self._mean)
        gained = values[which] * times * (k1 + 1) / (times + norm[row])
        found: FloatArray = np.bincount(row, gained, minlength=len(rows)).astype(np.float32)
        return found

    def _of(self, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Entries of some rows, one row after another."""
        starts, counts = self._starts[rows], self._counts[rows]
        # A few hundred slices are copied in half the time that tens of thousands of places are looked up in.
        slices = zip(starts.tolist(), (starts + counts).tolist(), strict=True)
        return np.concatenate([self._entries[start:end] for start, end in slices])

    def _numbers(self, entries: NDArray[np.uint32]) -> NDArray[np.uint32]:
        return entries & np.uint32((1 << self._packing.bits) - 1)


def _lookup(
    numbers: NDArray[np.uint32], weights: Mapping[int, float]
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Where asked numbers occur, which of them each is, and their weights.

    A table over the low bits rules most entries out at once; it stays in the processor's cache.
    """
    asked = np.fromiter(weights.keys(), np.uint32, len(weights))
    order = np.argsort(asked)
    asked = asked[order]
    values = np.fromiter(weights.values(), np.float32, len(weights))[order]
    table = np.zeros(_SLOTS, np.bool_)
    table[asked & np.uint32(_SLOTS - 1)] = True
    hit = np.flatnonzero(table.take(numbers & np.uint32(_SLOTS - 1)))
    which = np.minimum(np.searchsorted(asked, numbers[hit]), len(asked) - 1)
    exact = asked[which] == numbers[hit]
    return hit[exact], which[exact], values
