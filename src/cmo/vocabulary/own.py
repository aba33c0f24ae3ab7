"""Things that no vocabulary has: their ids follow from their names, in whatever case these are printed.

::

    "Vnn1", "VNN1", "vnn1" --one way to write it--> NAME:gene:VNN1
    a span of a question   --all kinds, all readers--> ids that it may have, if papers name it

So papers that name the same thing meet, and a question finds what only papers know without a list of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cmo.model.concepts import Guess, Kind
from cmo.model.naming import foreign_ids
from cmo.vocabulary.lipids import PREFIX as LIPIDS
from cmo.vocabulary.names import SHORT, WINDOW, Text, taken_apart
from cmo.vocabulary.tagger import TAGS
from cmo.vocabulary.words import PLAIN, STOP

NAMED: Final = "NAME:"
"""Begins the ids of concepts that follow from their name."""
_LONGEST: Final = 8
"""Tokens of a name that a question is searched for."""
_MOST_TOKENS: Final = 80
_CODE = re.compile(r"(?=.*\d)(?:(?<![^\W\d_])[^\W\d_]{1,3}(?![^\W\d_])|\d+)+")
"""Few letters and figures: p53, Hsp70, CX4945; not 11beta."""
_SYMBOL = re.compile(r"(?=.*\d)(?!.*(?:alpha|beta|gamma|delta|kappa))(?:[^\W\d_]{1,3}|[^\W\d_]{4,5}(?![^\W\d_])|\d+)+")
"""The same of a gene, of which more letters are still a symbol: abcg25."""
_BEGINNINGS: Final = tuple((kind, f"{NAMED}{kind}:", kind is Kind.GENE) for kind in TAGS)
_WORDS_KEPT: Final = 20_000
_APART = re.compile(r"\b([A-Z]{1,5}) (?=\d)")


def own_id(kind: Kind, spelled: str) -> str:
    """The id of a concept that no vocabulary has; `spelled` is as `Text.spelled` gives it."""
    return f"{LIPIDS}{spelled}" if kind is Kind.LIPID else f"{NAMED}{kind}:{written(kind, spelled)}"


def written(kind: Kind, spelled: str) -> str:
    """The one way to write a name, however its case is set: symbols in capitals, words in small letters."""
    words = spelled.split(" ")
    if kind is Kind.GENE:
        return _APART.sub(r"\1", " ".join([_of_gene(word) for word in words]))
    return _alone(words[0]) if len(words) == 1 else " ".join([_of_several(word) for word in words])


def guesses(text: str) -> Iterator[Guess]:
    """What the spans of a question are called if only papers know them: the longest first, all kinds of each."""
    laid = taken_apart(text[:WINDOW])
    spans = _Spans(laid, min(len(laid), _MOST_TOKENS))
    for length in range(min(_LONGEST, spans.size), 0, -1):
        for first in range(spans.size - length + 1):
            last = first + length - 1
            if spans.may_be_a_name(first, last):
                start, end = spans.starts[first], spans.ends[last]
                for concept, kind in _ids(spans.spelled(first, last), laid.source[start:end]):
                    yield Guess(start, end, concept, kind)


def _ids(spelled: str, printed: str) -> list[tuple[str, Kind]]:
    of_genes, of_others = written(Kind.GENE, spelled), written(Kind.OTHER, spelled)
    ids = [(beginning + (of_genes if genes else of_others), kind) for kind, beginning, genes in _BEGINNINGS]
    return [*ids, *[(concept, Kind.OTHER) for concept in foreign_ids(printed)]]


class _Spans:
    """The tokens of a question as lists: most spans are looked at one token at a time, which arrays are slow at."""

    def __init__(self, laid: Text, size: int) -> None:
        self.laid, self.size = laid, size
        self.starts: list[int] = laid.starts[:size].tolist()
        self.ends: list[int] = laid.ends[:size].tolist()
        self._opens, self._closes = laid.opens[:size].tolist(), laid.closes[:size].tolist()
        self._segments = laid.segments[:size].tolist()
        self._parts = [laid.spelled(n, n) for n in range(size)]
        self._stop = [laid.source[a:b].casefold() in STOP for a, b in zip(self.starts, self.ends, strict=True)]
        self._whole = laid.source.strip()

    def may_be_a_name(self, first: int, last: int) -> bool:
        """Whether the papers may call anything by a span; both tokens included."""
        if not (self._opens[first] and self._closes[last] and self._segments[first] == self._segments[last]):
            return False
        if first != last and (self._stop[first] or self._stop[last]):
            return self._printed(first, last) == self._whole
        printed = self._printed(first, last)
        if len(printed) == 1 or not any(letter.isalpha() for letter in printed):
            return False
        if printed == self._whole:  # it is asked for by itself
            return True
        if first == last and printed[1:].islower() and self.laid.form(first, last) in PLAIN:
            return False
        return not (self._stop[first] or self._stop[last])

    def spelled(self, first: int, last: int) -> str:
        """As `Text.spelled`."""
        said = self._parts[first]
        for n in range(first + 1, last + 1):
            said += (" " if self.starts[n] > self.ends[n - 1] else "") + self._parts[n]
        return said

    def _printed(self, first: int, last: int) -> str:
        return self.laid.source[self.starts[first] : self.ends[last]]


@lru_cache(_WORDS_KEPT)
def _of_gene(word: str) -> str:
    return _word(word, _SYMBOL, short=True)


@lru_cache(_WORDS_KEPT)
def _alone(word: str) -> str:
    return _word(word, _CODE, short=True)


@lru_cache(_WORDS_KEPT)
def _of_several(word: str) -> str:
    return _word(word, _CODE, short=False)


def _word(word: str, code: re.Pattern[str], *, short: bool) -> str:
    """In capitals where it is one letter, a code, or a short name that stands alone; else in small letters."""
    symbol = len(word) == 1 or code.fullmatch(word) or (short and len(word) <= SHORT and word.casefold() not in STOP)
    return word.upper() if symbol else word.casefold()
