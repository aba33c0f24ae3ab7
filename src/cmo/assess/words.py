"""The words of a text: folded, stemmed, and how rare each is.

Rarity is counted over abstracts of medicine (`rarity.tsv.gz`), so that a claim can be judged before any paper is there.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Self

_GREEK = str.maketrans(
    {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda", "ω": "omega",
     "µ": "u", "μ": "u", "–": "-", "‐": "-", "‑": "-", "−": "-", "’": "'"}
)  # fmt: skip
_WORD = re.compile(r"[A-Za-zÀ-ž]+\d*(?:'[a-z]+)?|\d+(?:[.,·]\d+)*|[.;:,()]")
_ENDINGS = (
    "ational", "ization", "isation", "ations", "ation", "ating", "ative", "ators", "ator", "ated", "ates", "ate",
    "ility", "ments", "ment", "ness", "ously", "ively", "ally", "ings", "ing", "ions", "ion", "ive", "ous", "ity",
    "ies", "ied", "izes", "ized", "ize", "ises", "ised", "edly", "ers", "er", "ed", "es", "ly", "al", "ic", "s", "e", "y",
)  # fmt: skip
_SHORTEST_STEM = 4
_NO_PLURAL = ("ss", "us", "is")
_SAYING_NOTHING = (
    "a an the of in on at to for from by with and or as is are was were be been being that which who whose this these "
    "those it its their there than then into onto over under between among within during via per we our they them he "
    "she his her can could may might will would should has have had do does did not no nor neither without but also "
    "both such only other others some any all each more most less least very so if when while where how what why "
    "however thus therefore whether either using used use based due s t"
)
STOP = frozenset(_SAYING_NOTHING.split())
"""Words that say nothing of what a sentence is about."""


@dataclass(frozen=True, slots=True)
class Rarity:
    """In how many abstracts each stem stands."""

    counts: Mapping[str, int]
    texts: int

    @classmethod
    def shipped(cls) -> Self:
        """The table in `rarity.tsv.gz`."""
        counts, texts = _table()
        return cls(counts, texts)

    def idf(self, stem: str) -> float:
        """From about 0 for what every abstract holds to about 10 for what none does."""
        return math.log((self.texts + 1) / (self.counts.get(stem, 0) + 0.5))


def terms(text: str) -> list[str]:
    """Lower-case words, numbers and the marks that end a clause, in order."""
    return [word.lower() for word in written(text)]


def written(text: str) -> list[str]:
    """The same as they are written, capitals kept."""
    return _WORD.findall(text.translate(_GREEK))


@lru_cache(100_000)
def stem(word: str) -> str:
    """A word without its endings: ``ubiquitination`` and ``ubiquitinated`` are one."""
    for _ in range(2):
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                if ending == "s" and word.endswith(_NO_PLURAL):
                    break
                word = word[: -len(ending)]
                break
        else:
            break
    if len(word) == _SHORTEST_STEM and word[-1] == "s" and not word.endswith(_NO_PLURAL):
        return word[:-1]
    return word


def content(word: str) -> bool:
    """Whether a term says what a sentence is about: no mark, no stop word."""
    return word[0].isalnum() and word not in STOP


@cache
def _table() -> tuple[dict[str, int], int]:
    text = gzip.decompress(files("cmo.assess").joinpath("rarity.tsv.gz").read_bytes()).decode()
    head, *lines = text.splitlines()
    return {stem: int(count) for stem, count in (line.split("\t") for line in lines)}, int(head.split("\t")[1])
