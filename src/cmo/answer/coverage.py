"""How much of a question's rarity the words of a text hold: rare words that a sentence repeats speak for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from cmo.model.evidence import FloatArray, Term

_SHORT_STEM = 3


def coverage(texts: Sequence[str], terms: Sequence[Term]) -> FloatArray:
    """Share of the terms' rarity whose stems begin a word, 0 to 1, one a text."""
    total = sum(term.idf for term in terms)
    held = np.zeros(len(texts), np.float32)
    if total <= 0:
        return held
    # Searching one long string a stem takes a fraction of searching each text.
    folded = [text.casefold() for text in texts]
    whole = "\n".join(folded) + "\n"
    ends = list(accumulate(len(text) + 1 for text in folded))
    for term in terms:
        for text in _holders(whole, ends, term.stem):
            held[text] += term.idf / total
    return held


def _holders(whole: str, ends: Sequence[int], stem: str) -> Iterator[int]:
    """Which texts hold a stem at the beginning of a word, each once."""
    exact = len(stem) <= _SHORT_STEM  # "hi" is no beginning of "hind"
    if not exact:
        stem = stem.removesuffix("i")  # stemming turns a final y into i: "therapi" has to find "therapy"
    at = whole.find(stem)
    while at >= 0:
        after = at + len(stem)
        if (not at or not whole[at - 1].isalnum()) and not (exact and whole[after].isalnum()):
            text = bisect_right(ends, at)
            yield text
            after = ends[text]
        at = whole.find(stem, after)
