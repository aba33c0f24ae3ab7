"""The journal and year that a first page prints in its head, foot or citation line: "J Clin Exp Dent. 2016;8(3):e230"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_KIND = (
    r"(?:(?:original|research|review|short|brief|open)\s+(?:article|research|paper|access|communication|report)s?\W+)?"
)
_NAME = r"(?P<name>[A-Z][A-Za-z&.,:'’\- ]{2,85}?)"
_ISSUE = r"(?:Vol(?:ume)?\b\.?\s*\d|\(?(?:19|20)\d\d\)?\s*[;,:]\s*\d|\((?:19|20)\d\d\)\s+\d|\d{1,4}\s*\(\d+\)\s*[:,(]|\d{1,4},\s*\d+\s*[–-]\s*\d|\|\s*www\.)"
_CITATION = re.compile(rf"^\W*{_KIND}{_NAME}[.,:]?\s+{_ISSUE}", re.IGNORECASE)
_VOLUME_LINE = re.compile(r"^Volume\s+(?P<year>(?:19|20)\d\d),\s*Article ID", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19[5-9]\d|20[0-4]\d)\b")
_NOT_A_JOURNAL = re.compile(
    r"\b(?:received|accepted|revised|published|copyright|correspondence|available|cite|article|university|department|"
    r"page|volume|issn|doi|et al|figure|table|supplement|citation|author|authors|rights|license|edited|reviewed)\b|@",
    re.IGNORECASE,
)
_MOST_WORDS, _FEWEST_LETTERS = 12, 4


@dataclass(frozen=True, slots=True)
class Masthead:
    """What was found; empty and None where nothing was."""

    journal: str = ""
    year: int | None = None


def read(lines: Sequence[str]) -> Masthead:
    """The first line that reads as a journal's name with a volume, issue or year."""
    for number, line in enumerate(lines):
        if volume := _VOLUME_LINE.match(line):  # its journal stands on the line above
            above = lines[number - 1].strip() if number else ""
            return Masthead(above if _is_name(above) else "", int(volume["year"]))
        found = _CITATION.match(line)
        if found and _is_name(found["name"]):
            year = _YEAR.search(line, found.end("name"))
            return Masthead(found["name"].strip(" ,.:"), int(year[0]) if year else None)
    return Masthead()


def _is_name(text: str) -> bool:
    words = text.split()
    return (
        sum(map(str.isalpha, text)) >= _FEWEST_LETTERS
        and words[0][:1].isupper()
        and len(words) <= _MOST_WORDS
        and not _NOT_A_JOURNAL.search(text)
    )
