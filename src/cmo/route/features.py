"""A question as numbers.

::

    question --embedder, one pass--> vectors of the whole and of each word --> pools: whole, highest, beginning, end
             --rules---------------> flags (named)
             --hashing-------------> grams: words and pairs of words; runs of three to five letters

A word's vector comes from the question's own pass (ADR 3), so the four pools cost what one vector costs. They tell more
than the mean alone: what the question opens with, what it ends on, and what stands out anywhere. Grams are hashed into a
fixed number of buckets, so that no vocabulary is kept: a word that nobody has seen still has its letters.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray
from cmo.model.ports import EncodedPassage
from cmo.route.phrases import Word
from cmo.route.rules import RECENT_YEARS, Reading

WORD_BUCKETS, LETTER_BUCKETS = 1 << 13, 1 << 14
BUCKETS = WORD_BUCKETS + LETTER_BUCKETS
POOLS = 4
_EDGE = 3
"""Words that are a question's beginning, or its end."""
_LETTERS = (3, 4, 5)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FEW_WORDS = 6
_SHORT = 4
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """Buckets of a question, each once, with how often it was hit."""

    buckets: Ints
    counts: FloatArray


def spans(reading: Reading) -> list[tuple[int, int]]:
    """Where the words stand of which an embedder is asked for vectors."""
    return [(word.start, word.end) for word in reading.words] or [(0, len(reading.asked))]


def pools(encoded: EncodedPassage) -> FloatArray:
    """(`POOLS`, dimension): the whole, the highest value of any word, the mean of the first and of the last words."""
    words = encoded.sentences
    return np.stack([encoded.vector, words.max(axis=0), words[:_EDGE].mean(axis=0), words[-_EDGE:].mean(axis=0)])


def grams(found: Sequence[Word]) -> Grams:
    """Words and letters of a question."""
    texts = [word.text for word in found]
    return _counted(np.concatenate([_words(texts), _letters(f" {' '.join(texts)} ")]))


def flags(reading: Reading, year: int) -> dict[str, float]:
    """What the rules say, by name; what is not named is 0."""
    cues, count = reading.cues, len(reading.words)
    found = {f"cue:{name}": 1.0 for name in cues}
    found.update({f"trap:{name}": 1.0 for name in reading.trapped})
    found.update({f"id:{name}": 1.0 for name in reading.identifiers})
    if reading.years:
        near = max(reading.years) >= year - RECENT_YEARS
        found["year:now" if near else "year:past"] = 1.0
    timely = [cue for cue in reading.of_kind("time") if cue.group.name != "past"]
    found["timely"] = min(3.0, float(len(timely))) / 3
    found["length"] = math.log1p(count) / 4
    asks_plainly = "define" in cues and count <= _FEW_WORDS
    for name, holds in (
        ("short", count <= _SHORT),
        ("defines", asks_plainly),
        ("defines broad", asks_plainly and "broad" in cues),
        ("mixed", reading.mixed),
        ("parts", reading.parts > 1),
        ("joined and timely", "join" in cues and bool(timely)),
        ("timely and settled", bool(timely) and "settled" in cues),
        ("not timely", not timely and "year:now" not in found),
        ("question mark", "?" in reading.asked or "？" in reading.asked),
        ("foreign letters", not reading.asked.isascii()),
        ("no cue", not cues),
    ):
        if holds:
            found[name] = 1.0
    return found


def flag_row(found: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    """Flags in the order of a model."""
    return np.array([found.get(name, 0.0) for name in names], np.float32)


def _words(texts: Sequence[str]) -> Ints:
    singles = [zlib.crc32(text.encode()) for text in texts]
    pairs = [zlib.crc32(f"{a} {b}".encode()) for a, b in pairwise(texts)]
    return np.array(singles + pairs, np.int64) % WORD_BUCKETS


def _letters(text: str) -> Ints:
    """Runs of letters, by a polynomial over their code points."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    found = []
    for size in _LETTERS:
        if len(codes) < size:
            break
        value = np.full(len(codes) - size + 1, size, np.uint64)
        for place in range(size):
            value = (value ^ codes[place : len(codes) - size + 1 + place]) * _MIX
        found.append((value >> np.uint64(33)).astype(np.int64) % LETTER_BUCKETS + WORD_BUCKETS)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _counted(buckets: Ints) -> Grams:
    unique, counts = np.unique(buckets, return_counts=True)
    return Grams(unique, counts.astype(np.float32))
