"""The part of a page that bears on a question: neighbouring lines that hold most of its words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_WORD = re.compile(r"\w{3,}")
_LEAST_CHARS: Final = 4
_STEM: Final = 6
"""Letters by which words are compared: metabolite, metabolites."""


def best(text: str, question: str, most_chars: int) -> tuple[int, int]:
    """Where in a text, within so many characters, most of the question's words stand; rare ones of them count for more.

    A run of whole lines; part of a line where one is longer. The first of equals.
    """
    if len(text) <= most_chars:
        return 0, len(text)
    places = _places(text, most_chars)
    words = [_stems(text[a:b]) for a, b in places]
    known = Counter(stem for stems in words for stem in stems)
    asked = {stem: 1.0 / known[stem] for stem in _stems(question) if known[stem]}
    found, most = places[0], -1.0
    for n, (start, _) in enumerate(places):
        held: set[str] = set()
        for (_, end), stems in zip(places[n:], words[n:], strict=True):
            if end - start > most_chars:
                break
            held |= stems
            worth = sum(weight for stem, weight in asked.items() if stem in held)
            if worth > most or (worth == most and start == found[0]):
                found, most = (start, end), worth
    return found


def _places(text: str, most_chars: int) -> list[tuple[int, int]]:
    """Lines, cut where they are too long."""
    places = []
    for line in re.finditer(r"[^\n]+", text):
        places += [(at, min(at + most_chars, line.end())) for at in range(line.start(), line.end(), most_chars)]
    return places


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.casefold())}
