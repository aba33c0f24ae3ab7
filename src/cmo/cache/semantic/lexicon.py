"""Words that biomedical texts and plain questions hold, with how rare each is.

A word that is not among them may be a misspelled one; a word that is among them never is.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_PLURALS = ("s", "es")


class Lexicon:
    """How rare words are.

    Args:
        idf: the rarity of each folded word, ln(texts / texts that hold it).
    """

    def __init__(self, idf: Mapping[str, float]) -> None:
        self._idf = idf
        self.rarest = max(idf.values(), default=1.0)
        """Of all words; unknown ones count as this rare."""

    @classmethod
    def shipped(cls) -> Lexicon:
        """As `lexicon.txt.gz` has it, which `bench/cache/lexicon.py` makes."""
        return _shipped()

    def knows(self, folded: str) -> bool:
        """Whether it is a word."""
        return folded in self._idf

    def knows_form(self, word: str) -> bool:
        """Whether a word in canonical form, its plural gone, is one."""
        return word in self._idf or any(word + end in self._idf for end in _PLURALS)

    def rarity(self, word: str) -> float:
        """Of a word in canonical form, 0 to 1."""
        found = self._idf.get(word)
        if found is None:
            found = next((self._idf[word + end] for end in _PLURALS if word + end in self._idf), self.rarest)
        return found / self.rarest


def read(text: str) -> Lexicon:
    """A lexicon from its file: one line for each rarity, then the words."""
    idf: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            rarity, *words = line.split()
            idf |= dict.fromkeys(words, float(rarity))
    return Lexicon(idf)


@lru_cache(maxsize=1)
def _shipped() -> Lexicon:
    return read(gzip.decompress(files("cmo.cache.semantic").joinpath("lexicon.txt.gz").read_bytes()).decode())
