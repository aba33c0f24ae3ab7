"""The list of references: where it begins without a heading, and where each entry begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from cmo.ingest.pdf.blocks import Block
from cmo.ingest.pdf.lines import Line

_NUMBER = re.compile(r"[\[(]?(\d{1,3})(?:[.\])]|\b)(?=\s*\S)")
_AUTHOR = re.compile(
    r"(?:[\[(]?\d{1,3}[.\])]?\s+)?[A-ZÀ-Þ][\w'’-]+(?:\s[A-Z][\w'’-]+)?,?\s+(?:[A-Z][.,]?\s?-?){1,4}(?:[,;&:(]|and\b|et\b|$|\s)"
)
_SHORT = 50
"""Characters of the end of an entry, cut off by a column."""
_MISSED, _FEWEST = 3, 3
"""Numbers that may be overlooked in a row, and entries that show a list to be numbered."""
_YEAR = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
_PAGES = re.compile(r"\d+\s*(?:\(\d+[^)]*\))?\s*[:,]\s*[eE]?\d+|doi|https?:|\bpp?\.")


def opens(block: Block) -> bool:
    """Whether a block has the shape of an entry: author with initials, year, and volume with pages."""
    text = block.text[:600]
    return bool(_AUTHOR.match(text) and _YEAR.search(text) and _PAGES.search(text))


def goes_on(block: Block) -> bool:
    """Whether a block may be a part of an entry: it has a year, or a volume with pages, or is short."""
    text = block.text
    return bool(_YEAR.search(text) or _PAGES.search(text)) or len(text) < _SHORT


def entries(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of a list of references, one entry each: by their numbers, else by their hanging indents."""
    begins = _numbered(lines) or _hanging(lines)
    found: list[list[Line]] = []
    for line, begin in zip(lines, begins, strict=True):
        if begin or not found:
            found.append([line])
        else:
            found[-1].append(line)
    return found


def _numbered(lines: Sequence[Line]) -> list[bool] | None:
    expected, begins = 1, []
    for line in lines:
        number = _NUMBER.match(line.text)
        begin = number is not None and expected <= int(number[1]) < expected + _MISSED
        if begin and number is not None:
            expected = int(number[1]) + 1
        begins.append(begin)
    return begins if sum(begins) >= max(_FEWEST, len(lines) // 12) else None


def _hanging(lines: Sequence[Line]) -> list[bool]:
    lefts: dict[tuple[int, int], float] = {}
    for line in lines:
        place = (line.page, line.column)
        lefts[place] = min(lefts.get(place, line.x0), line.x0)
    flush = [line.x0 - lefts[line.page, line.column] < 0.4 * line.size for line in lines]
    if 0.1 * len(lines) < sum(flush) < 0.9 * len(lines):
        return flush
    return [True, *(above.text.endswith(".") and bool(_AUTHOR.match(line.text)) for above, line in pairwise(lines))]
