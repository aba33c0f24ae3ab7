"""The head: one row of numbers and a weight a column, one for what a question needs and one for its kind of work.

::

    [meaning | likeness to known questions | flags | grams weighed by rarity] --> scores of needs, scores of works

It is one archive of arrays, read with numpy alone. The embedder whose vectors it was fitted on is part of it: vectors of
another embedder mean nothing to it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from io import BytesIO
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cmo.errors import ModelCorrupt
from cmo.kit.hashing import hex_hash
from cmo.model.evidence import FloatArray
from cmo.model.routes import Destination, ResearchCategory
from cmo.route.features import BUCKETS, POOLS, WORD_BUCKETS, Grams, flag_row


class Need(StrEnum):
    """What a question needs, told finer than by its destination: what is nobody's is out of scope, or unsafe."""

    LIGHTRAG = "LIGHTRAG"
    PERPLEXITY = "PERPLEXITY"
    EITHER = "EITHER"
    HYBRID = "HYBRID"
    OUT = "OUT"
    UNSAFE = "UNSAFE"

    @property
    def destination(self) -> Destination:
        """Where that leads."""
        return Destination.NEITHER if self in {Need.OUT, Need.UNSAFE} else Destination(self.value)


NEEDS = tuple(Need)
WORKS = tuple(ResearchCategory)
COLUMNS = len(NEEDS) + len(WORKS)
WIDTH = 0.5
"""Of a known question's surroundings, as the factor of the squared distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Of one question: log-odds, not calibrated yet."""

    needs: FloatArray
    """(`NEEDS`,)"""
    works: FloatArray
    """(`WORKS`,)"""
    nearest: float
    """Likeness to the nearest known question, 0 to 1."""
    of_meaning: FloatArray
    """(columns,): what of it the meaning made."""
    of_words: FloatArray
    """(columns,): what the wording made."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """How much the kinds of evidence add to one column's score, beyond what they add to the others on average."""

    meaning: float
    words: float
    flags: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Head:
    """Fitted weights. Columns are those of needs, then those of works.

    What a question means is judged twice: by a weight a dimension, and by its likeness to each question that the head
    was fitted on, as seen in the directions in which they differ most.
    """

    model: str
    """Identity of the embedder; ``words`` for a head without meaning."""
    flags: tuple[str, ...]
    bias: FloatArray
    """(columns,)"""
    centre: FloatArray
    """(`POOLS` - 1, dimension): means of the pools other than the whole."""
    of_meaning: FloatArray
    """(`POOLS` x dimension, columns)"""
    origin: FloatArray
    """(`POOLS` x dimension,): the middle of the known questions."""
    directions: FloatArray
    """(`POOLS` x dimension, directions)"""
    known: NDArray[np.int8]
    """(questions, directions): known questions, times 127."""
    of_known: FloatArray
    """(questions, columns)"""
    of_flags: FloatArray
    """(flags, columns)"""
    of_grams: NDArray[np.float16]
    """(`BUCKETS`, columns)"""
    rarity: FloatArray
    """(`BUCKETS`,): inverse document frequency."""
    about: Mapping[str, Any]
    """How it was made."""

    def meaning(self, pooled: FloatArray) -> FloatArray:
        """Pools of a question as one row (`POOLS` x dimension,): the whole, and the others about their means."""
        row: FloatArray = meanings(pooled[None], self.centre)[0]
        return row

    def scores(self, meaning: FloatArray, found: Mapping[str, float], grams: Grams) -> Scores:
        """What a question needs and what kind of work it is."""
        likenesses = self._likenesses(meaning)
        meant = product(self._of_meaning, meaning) + product(self._of_known, likenesses)
        worded = self._of_words(grams)
        row = self.bias + meant + worded + product(self._of_flags, flag_row(found, self.flags))
        nearest = float(likenesses.max()) if len(likenesses) else 0.0
        return Scores(row[: len(NEEDS)], row[len(NEEDS) :], nearest, meant, worded)

    def parts(self, column: int, scores: Scores, found: Mapping[str, float]) -> Parts:
        """What made the score of a column, among its own kind."""
        kind = slice(0, len(NEEDS)) if column < len(NEEDS) else slice(len(NEEDS), None)
        place = column - (kind.start or 0)

        def advantage(row: FloatArray) -> float:
            return float(row[kind][place] - row[kind].mean())

        spoken = {
            name: advantage(value * self.of_flags[n])
            for n, (name, value) in enumerate(zip(self.flags, flag_row(found, self.flags), strict=True))
            if value
        }
        return Parts(advantage(scores.of_meaning), advantage(scores.of_words), spoken)

    @cached_property
    def version(self) -> str:
        """Changes with any weight."""
        return hex_hash(self.to_bytes().hex(), size=4)

    def _likenesses(self, meaning: FloatArray) -> FloatArray:
        """To each known question: 1 for the same meaning."""
        place = product(self._directions, meaning - self.origin)
        squares = self._squares - 2 * product(self._known, place) + (place**2).sum()
        return np.asarray(np.exp(-WIDTH * squares), np.float32)

    def _of_words(self, grams: Grams) -> FloatArray:
        gathered = self.of_grams[grams.buckets].astype(np.float32)
        return product(gathered.T, weigh(grams, self.rarity))

    @cached_property
    def _of_meaning(self) -> FloatArray:
        return np.ascontiguousarray(self.of_meaning.T)

    @cached_property
    def _of_known(self) -> FloatArray:
        return np.ascontiguousarray(self.of_known.T)

    @cached_property
    def _of_flags(self) -> FloatArray:
        return np.ascontiguousarray(self.of_flags.T)

    @cached_property
    def _directions(self) -> FloatArray:
        return np.ascontiguousarray(self.directions.T)

    @cached_property
    def _known(self) -> FloatArray:
        return placed(self.known)

    @cached_property
    def _squares(self) -> FloatArray:
        return np.asarray((self._known**2).sum(axis=1), np.float32)

    def to_bytes(self) -> bytes:
        """As `from_bytes` reads it."""
        used = self.of_grams.any(axis=1)
        about = {"model": self.model, "flags": self.flags, "needs": NEEDS, "works": WORKS, **self.about}
        out = BytesIO()
        np.savez_compressed(
            out,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            bias=self.bias.astype(np.float32),
            centre=self.centre.astype(np.float32),
            of_meaning=self.of_meaning.astype(np.float32),
            origin=self.origin.astype(np.float32),
            directions=self.directions.astype(np.float16),
            known=self.known,
            of_known=self.of_known.astype(np.float16),
            of_flags=self.of_flags.astype(np.float32),
            used=np.packbits(used),
            of_grams=self.of_grams[used],
            rarity=self.rarity.astype(np.float16),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """From an archive; `name` is told where it is none.

        Raises:
            ModelCorrupt: it is no head, or one of another version of this package.
        """
        try:
            with np.load(BytesIO(data), allow_pickle=False) as arrays:
                return cls._of(dict(arrays))
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ModelCorrupt(f"{name} is no routing model: {error}. Make it anew with `cmo route train`.") from error

    @classmethod
    def _of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        about = json.loads(arrays["about"].tobytes())
        if (tuple(about.pop("needs")), tuple(about.pop("works"))) != (NEEDS, WORKS):
            raise ValueError("it knows other destinations or categories than this version")
        used = np.unpackbits(arrays["used"]).astype(np.bool_)[:BUCKETS]
        table = np.zeros((BUCKETS, COLUMNS), np.float16)
        table[used] = arrays["of_grams"]
        head = cls(
            model=about.pop("model"),
            flags=tuple(about.pop("flags")),
            bias=arrays["bias"],
            centre=arrays["centre"],
            of_meaning=arrays["of_meaning"],
            origin=arrays["origin"],
            directions=arrays["directions"].astype(np.float32),
            known=arrays["known"],
            of_known=arrays["of_known"].astype(np.float32),
            of_flags=arrays["of_flags"],
            of_grams=table,
            rarity=arrays["rarity"].astype(np.float32),
            about=about,
        )
        head._check()
        return head

    def _check(self) -> None:
        wide = POOLS * self.centre.shape[1]
        expected = {
            "bias": (COLUMNS,),
            "centre": (POOLS - 1, self.centre.shape[1]),
            "of_meaning": (wide, COLUMNS),
            "origin": (wide,),
            "directions": (wide, self.known.shape[1]),
            "of_known": (len(self.known), COLUMNS),
            "of_flags": (len(self.flags), COLUMNS),
            "rarity": (BUCKETS,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, not {shape}")


def meanings(pooled: FloatArray, centre: FloatArray) -> FloatArray:
    """Pools (questions, `POOLS`, dimension) to rows (questions, `POOLS` x dimension) of squared length 2."""
    others = pooled[:, 1:] - centre
    lengths = np.maximum(np.linalg.norm(others, axis=2, keepdims=True), 1e-9) * np.sqrt(POOLS - 1)
    rows = np.concatenate([pooled[:, :1], others / lengths], axis=1).reshape(len(pooled), -1)
    return np.asarray(rows, np.float32)


def placed(known: NDArray[np.int8]) -> FloatArray:
    """Known questions as they are compared."""
    return np.asarray(known / np.float32(127), np.float32)


def product(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Matrix times vector in this thread alone.

    BLAS would wake its threads for it, and they wait for those of the encoder: 5 ms in place of .6 on two busy cores.
    """
    return np.asarray(np.einsum("ij,j->i", matrix, vector), np.float32)


def weigh(grams: Grams, rarity: FloatArray) -> FloatArray:
    """Grams as tf-idf: words and letters each of unit length."""
    values = (1 + np.log(grams.counts)) * rarity[grams.buckets]
    words = grams.buckets < WORD_BUCKETS
    for block in (words, ~words):
        norm = float(np.linalg.norm(values[block]))
        if norm:
            values[block] /= norm
    return np.asarray(values, np.float32)


def softmax(scores: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Scores to probabilities, along the last axis."""
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
