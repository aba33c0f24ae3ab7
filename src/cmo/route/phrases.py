"""Phrases, and where a text holds them: the small language in which `rules.yaml` is written.

::

    text --words--> folded words with their places --Phrases.find--> hits

A phrase is a row of words. ``approv*`` is any word that begins so, ``a|b`` one or the other, ``_`` any word, ``0`` a
number, and ``..`` up to three words or none. Text and phrases are folded alike (NFKC, case, accents), so that a hyphen,
an accent or a full-width letter makes no difference. Scripts that put no space between words are searched letter by
letter. There are no regular expressions in it, so that no text can make it slow: time grows with the number of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

_SCRIPTS = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Thai, Japanese, Chinese, Korean."""
_WORD = re.compile(rf"[{_SCRIPTS}]+|[^\W_{_SCRIPTS}]+")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_UNSPACED = re.compile(rf"[{_SCRIPTS}]")
_ANY, _NUMBER, _GAP = "_", "0", ".."
_ANYTHING = frozenset((_ANY, _NUMBER, _GAP))
_GAP_WORDS = 3
_STEM = 3
"""Letters by which words with an open end are looked up; a phrase must begin with as many."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text."""

    text: str
    """Folded."""
    start: int
    end: int
    """In the text as it was given."""


_Row = tuple[str, tuple[str, ...]]
"""Name of a list, and the pieces of a phrase of it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: words `first` to `last` of the text, without `last`."""

    name: str
    first: int
    last: int
    phrase: str = ""
    """Where the script puts no space between words; otherwise the words tell."""


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """A word as it is compared."""
    if word.isascii():
        return word.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).casefold()))
    return unicodedata.normalize("NFC", plain)


def words(text: str) -> list[Word]:
    """The words of a text."""
    return [Word(fold(m.group()), m.start(), m.end()) for m in _WORD.finditer(text)]


class Phrases:
    """Named lists of phrases, looked for all at once.

    Args:
        lists: phrases by the name of their list.
    """

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        self._by_words: dict[tuple[str, str], list[_Row]] = {}
        """By their first two words, as one begins so often that all of its phrases are too many to look at."""
        self._by_word: dict[str, list[_Row]] = {}
        """By their first word, where the second is none in particular."""
        self._by_stem: dict[str, list[_Row]] = {}
        self._unspaced: list[tuple[str, str]] = []
        for name, phrases in lists.items():
            for phrase in phrases:
                self._add(name, phrase)

    def find(self, found: Sequence[Word]) -> list[Hit]:
        """Every place where a phrase stands, in the order of the text."""
        texts = [word.text for word in found]
        hits = [Hit(name, n, end) for n in range(len(texts)) for name, end in self._at(texts, n)]
        return hits + list(self._within(texts))

    def _at(self, texts: Sequence[str], start: int) -> Iterator[tuple[str, int]]:
        word = texts[start]
        following = texts[start + 1] if start + 1 < len(texts) else ""
        for name, rest in (*self._by_word.get(word, ()), *self._by_words.get((word, following), ())):
            end = _reach(rest, texts, start + 1)
            if end:
                yield name, end
        for name, phrase in self._by_stem.get(word[:_STEM], ()):
            end = _reach(phrase, texts, start)
            if end:
                yield name, end

    def _within(self, texts: Sequence[str]) -> Iterator[Hit]:
        for n, text in enumerate(texts):
            if not text.isascii() and _UNSPACED.search(text):
                yield from (Hit(name, n, n + 1, phrase) for name, phrase in self._unspaced if phrase in text)

    def _add(self, name: str, phrase: str) -> None:
        if _UNSPACED.search(phrase):
            self._unspaced.append((name, fold(phrase.strip())))
            return
        for parts in product(*(part.split("|") for part in phrase.split())):
            # "a hyphen-ated word" in a list is two words, as it is in a text.
            row = tuple(piece for part in parts for piece in _pieces(part))
            if row[0].endswith("*"):
                self._by_stem.setdefault(row[0][:_STEM], []).append((name, row))
            elif len(row) > 1 and not (row[1].endswith("*") or row[1] in _ANYTHING):
                self._by_words.setdefault((row[0], row[1]), []).append((name, row[1:]))
            else:
                self._by_word.setdefault(row[0], []).append((name, row[1:]))


def _pieces(part: str) -> list[str]:
    if part in _ANYTHING:
        return [part]
    pieces = [fold(m.group()) for m in _WORD.finditer(part)]
    if not pieces:
        raise ValueError(f"rules: {part!r} is no word; see the phrase language in phrases.py")
    return [*pieces[:-1], pieces[-1] + "*"] if part.endswith("*") else pieces


def _reach(phrase: Sequence[str], texts: Sequence[str], at: int) -> int:
    """Where a phrase that begins here ends; 0 if it does not stand here."""
    for n, part in enumerate(phrase):
        if part == _GAP:
            ends = (_reach(phrase[n + 1 :], texts, at + skip) for skip in range(_GAP_WORDS + 1))
            return next((end for end in ends if end), 0)
        if at >= len(texts) or not _meets(part, texts[at]):
            return 0
        at += 1
    return at


def _meets(part: str, word: str) -> bool:
    if part.endswith("*"):
        return word.startswith(part[:-1])
    return part in {word, _ANY} or (part == _NUMBER and word.isdecimal())
