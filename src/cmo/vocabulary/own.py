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

from cmo.model.concepts import Kind, Mention
from cmo.model.naming import foreign_ids
from cmo.vocabulary.lipids import PREFIX as LIPIDS
from cmo.vocabulary.names import SHORT, WINDOW, Text
from cmo.vocabulary.tagger import TAGS
from cmo.vocabulary.words import PLAIN, STOP

NAMED: Final = "NAME:"
"""Begins the ids of concepts that follow from their name."""
GUESSED: Final = 0.5
"""Confidence that a name of a question is what papers call by it: nothing was learned about it."""
_LONGEST: Final = 8
"""Tokens of a name that a question is searched for."""
_MOST_TOKENS: Final = 80
_CODE = re.compile(r"(?=.*\d)(?:(?<![^\W\d_])[^\W\d_]{1,3}(?![^\W\d_])|\d+)+")
"""Few letters and figures: p53, Hsp70, CX4945; not 11beta."""
_SYMBOL = re.compile(r"(?=.*\d)(?!.*(?:alpha|beta|gamma|delta|kappa))(?:[^\W\d_]{1,3}|[^\W\d_]{4,5}(?![^\W\d_])|\d+)+")
"""The same of a gene, of which more letters are still a symbol: abcg25."""
_BEGINNINGS: Final = tuple((kind, f"{NAMED}{kind}:") for kind in TAGS)
_WORDS_KEPT: Final = 20_000
_APART = re.compile(r"\b([A-Z]{1,5}) (?=\d)")


def own_id(kind: Kind, spelled: str) -> str:
    """The id of a concept that no vocabulary has; `spelled` is as `Text.spelled` gives it."""
    return f"{LIPIDS}{spelled}" if kind is Kind.LIPID else f"{NAMED}{kind}:{written(kind, spelled)}"


def written(kind: Kind, spelled: str) -> str:
    """The one way to write a name, however its case is set: symbols in capitals, words in small letters."""
    words = spelled.split(" ")
    alone = len(words) == 1
    if kind is Kind.GENE:
        return _APART.sub(r"\1", " ".join(_word(word, _SYMBOL, short=True) for word in words))
    return " ".join(_word(word, _CODE, short=alone) for word in words)


def guesses(text: str) -> Iterator[Mention]:
    """What the spans of a question are called if only papers know them: the longest first, all kinds of each."""
    laid = Text.of(text[:WINDOW])
    size = min(len(laid), _MOST_TOKENS)
    for length in range(min(_LONGEST, size), 0, -1):
        for first in range(size - length + 1):
            last = first + length - 1
            if _may_be_a_name(laid, first, last):
                start, end = int(laid.starts[first]), int(laid.ends[last])
                for concept, kind in _ids(laid, first, last):
                    yield Mention(start, end, concept, kind, GUESSED)


def _ids(laid: Text, first: int, last: int) -> Iterator[tuple[str, Kind]]:
    spelled = laid.spelled(first, last)
    of_genes, of_others = written(Kind.GENE, spelled), written(Kind.OTHER, spelled)
    for kind, beginning in _BEGINNINGS:
        if kind is Kind.LIPID:
            yield f"{LIPIDS}{spelled}", kind
        else:
            yield f"{beginning}{of_genes if kind is Kind.GENE else of_others}", kind
    printed = laid.source[laid.starts[first] : laid.ends[last]]
    yield from ((concept, Kind.OTHER) for concept in foreign_ids(printed))


def _may_be_a_name(laid: Text, first: int, last: int) -> bool:
    if not (laid.opens[first] and laid.closes[last] and laid.segments[first] == laid.segments[last]):
        return False
    printed = laid.source[laid.starts[first] : laid.ends[last]]
    if not any(letter.isalpha() for letter in printed) or len(printed) == 1:
        return False
    if printed == laid.source.strip():  # it is asked for by itself
        return True
    if first == last and printed[1:].islower():
        return laid.form(first, last) not in PLAIN and printed.casefold() not in STOP
    return all(laid.source[laid.starts[n] : laid.ends[n]].casefold() not in STOP for n in (first, last))


@lru_cache(_WORDS_KEPT)
def _word(word: str, code: re.Pattern[str], *, short: bool) -> str:
    """In capitals where it is one letter, a code, or a short name that stands alone; else in small letters."""
    symbol = len(word) == 1 or code.fullmatch(word) or (short and len(word) <= SHORT and word.casefold() not in STOP)
    return word.upper() if symbol else word.casefold()
