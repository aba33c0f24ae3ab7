"""A text to the claims in it: its sentences without marks of citation, and what each cites."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cmo.assess.words import content, terms
from cmo.kit.text import clean_line

Split = Callable[[str], Sequence[tuple[int, int]]]
"""A paragraph to the spans of its sentences."""
MOST_CLAIMS = 64
LONGEST_ANSWER = 20_000
"""Characters and claims of an answer that are judged; nobody reads more."""
_MARKS = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]")
_BULLET = re.compile(r"^\s*(?:[-*•#>]+|\d+[.)])\s+", re.MULTILINE)
_RANGE = re.compile(r"(\d+)\s*[–-]\s*(\d+)")
_LEAST_WORDS = 3
_LONGEST_RANGE = 50


@dataclass(frozen=True, slots=True)
class Stated:
    """One claim of a text."""

    text: str
    cites: tuple[int, ...]
    """Numbers of the sources that it names."""


def claims_of(text: str, split: Split) -> list[Stated]:
    """The sentences of a text that claim something: no question, no heading of two words."""
    plain = _BULLET.sub("", text[:LONGEST_ANSWER])
    spans = [line[a:b] for line in plain.splitlines() for a, b in split(line)]
    stated = [Stated(clean_line(_MARKS.sub("", part)), _cited(part)) for part in spans]
    return [one for one in stated if _claims(one.text)][:MOST_CLAIMS]


def _cited(text: str) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for match in _MARKS.finditer(text):
        for part in re.split(r"[,;]", match[1]):
            run = _RANGE.search(part)
            first, last = (int(run[1]), int(run[2])) if run else (int(part), int(part))
            found |= dict.fromkeys(range(first, min(last, first + _LONGEST_RANGE) + 1))
    return tuple(found)


def _claims(text: str) -> bool:
    return not text.endswith("?") and sum(map(content, terms(text))) >= _LEAST_WORDS
