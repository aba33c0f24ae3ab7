"""Abbreviations that a text defines itself: ``trimethylamine N-oxide (TMAO)``, ``TMA (trimethylamine)``.

Schwartz & Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text", PSB 2003: the
letters of the short form are sought from right to left in the words before the parenthesis, its first letter at the
beginning of a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHORTEST, _LONGEST_SHORT = 2, 10
_MOST_WORDS = 2
_MOST_CHARACTERS = 250
_PARENTHESIS = re.compile(r"[(\[]([^()\[\]]{1,250})[)\]]")
_OUTSIDE = re.compile(r"[.;:!?]\s")
_SHORT_END = re.compile(r"[;,]\s")
_LAST_WORD = re.compile(r"[^\s()\[\],;]+$")


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """A short form as one text defines it."""

    short: str
    start: int
    end: int
    """Where the long form stands: ``text[start:end]``."""


def abbreviations(text: str) -> dict[str, Abbreviation]:
    """Short forms to their definitions; of several the first counts. Linear in the text."""
    found: dict[str, Abbreviation] = {}
    for match in _PARENTHESIS.finditer(text):
        defined = _short_inside(text, match) or _long_inside(text, match)
        if defined:
            found.setdefault(defined.short, defined)
    return found


def _short_inside(text: str, match: re.Match[str]) -> Abbreviation | None:
    """``long form (SF)``, also ``long form (SF, another word)``."""
    short = _SHORT_END.split(match.group(1).strip(), maxsplit=1)[0].strip()
    if not _is_short(short):
        return None
    before = _clause(text, match.start())
    words = min(len(short) + 5, len(short) * 2)
    start = _words_back(text, before, match.start(), words)
    return _aligned(text, short, start, match.start())


def _long_inside(text: str, match: re.Match[str]) -> Abbreviation | None:
    """``SF (long form)``."""
    head = text[max(0, match.start() - _LONGEST_SHORT - 2) : match.start()].rstrip()
    word = _LAST_WORD.search(head)
    if not word or not _is_short(word.group()) or word.group().islower():
        return None
    inside = match.group(1)
    stop = match.start(1) + len(_SHORT_END.split(inside, maxsplit=1)[0])
    found = _aligned(text, word.group(), match.start(1), stop)
    return found if found and not text[match.start(1) : found.start].strip() else None


def _is_short(short: str) -> bool:
    return (
        _SHORTEST <= len(short) <= _LONGEST_SHORT
        and len(short.split()) <= _MOST_WORDS
        and short[0].isalnum()
        and any(c.isalpha() for c in short)
    )


def _clause(text: str, end: int) -> int:
    """Where the clause that ends here begins."""
    start = max(0, end - _MOST_CHARACTERS)
    return max((m.end() for m in _OUTSIDE.finditer(text, start, end)), default=start)


def _words_back(text: str, start: int, end: int, words: int) -> int:
    starts = [m.start() for m in re.finditer(r"[^\s-]+", text[start:end])]
    return start + (starts[-words] if len(starts) > words else starts[0] if starts else 0)


def _aligned(text: str, short: str, start: int, end: int) -> Abbreviation | None:
    """The shortest stretch up to `end` that holds the short form's letters in order."""
    end = start + len(text[start:end].rstrip())
    letters = [c.casefold() for c in short if c.isalnum()]
    place = end
    for n in range(len(letters) - 1, -1, -1):
        place -= 1
        while place >= start and not _fits(text, place, letters[n], first=n == 0, start=start):
            place -= 1
        if place < start:
            return None
    long = text[place:end]
    if len(long) <= len(short) or short.casefold() in long.casefold().split():
        return None
    return Abbreviation(short, place, end)


def _fits(text: str, place: int, letter: str, *, first: bool, start: int) -> bool:
    if text[place].casefold() != letter:
        return False
    return not first or place == start or not text[place - 1].isalnum()
