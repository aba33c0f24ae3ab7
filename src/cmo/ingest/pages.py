"""Pages for papers that have none: text set in a fixed pitch on A4, the same way every time.

::

    text --wrap--> lines --LINES_PER_PAGE--> pages
    span of a sentence --lines it touches--> boxes

The setting is a function of the text alone, so a page can be drawn again later from the stored text, and each
character has one cell, so no font is needed to say where a sentence stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cmo.model.papers import Box, Page

WIDTH, HEIGHT = 595.0, 842.0
"""A4, in points."""
MARGIN = 56.0
FONT_SIZE = 9.0
CELL = 5.42
"""Width of a character: 0.602 em in the font that pages are drawn with."""
LEADING = 12.0
COLUMNS = int((WIDTH - 2 * MARGIN) / CELL)
LINES_PER_PAGE = int((HEIGHT - 2 * MARGIN) / LEADING)


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: the span of the text on it."""

    start: int
    end: int


def lines_of(text: str) -> list[Line]:
    """The text wrapped at spaces; a line break begins a new line, a word longer than a line is broken."""
    lines: list[Line] = []
    start = 0
    for paragraph in text.split("\n"):
        lines.extend(_wrap(text, start, start + len(paragraph)))
        start += len(paragraph) + 1
    return lines


def pages_of(lines: Sequence[Line]) -> tuple[Page, ...]:
    """As many pages as the lines need, at least one."""
    count = max(1, -(-len(lines) // LINES_PER_PAGE))
    return tuple(Page(number, WIDTH, HEIGHT) for number in range(1, count + 1))


class Setting:
    """Where each character of a text is printed."""

    def __init__(self, text: str) -> None:
        self.lines = lines_of(text)
        self.pages = pages_of(self.lines)
        self._starts = [line.start for line in self.lines]

    def boxes(self, start: int, end: int) -> tuple[Box, ...]:
        """One box a line that the span touches."""
        found = []
        for row in range(max(0, bisect_right(self._starts, start) - 1), len(self.lines)):
            line = self.lines[row]
            if line.start >= end:
                break
            first, last = max(start, line.start), min(end, line.end)
            if first < last:
                found.append(_box(row, first - line.start, last - line.start))
        return tuple(found)

    def rows(self, page: int) -> Iterator[tuple[float, Line]]:
        """The lines of a page with the distance of their top edge from the top of the page."""
        first = (page - 1) * LINES_PER_PAGE
        for row, line in enumerate(self.lines[first : first + LINES_PER_PAGE]):
            yield MARGIN + row * LEADING, line


def _wrap(text: str, start: int, end: int) -> Iterator[Line]:
    while end - start > COLUMNS:
        cut = text.rfind(" ", start + 1, start + COLUMNS + 1)
        if cut < 0:
            yield Line(start, start + COLUMNS)
            start += COLUMNS
        else:
            yield Line(start, cut)
            start = cut + 1
    yield Line(start, end)


def _box(row: int, first: int, last: int) -> Box:
    top = MARGIN + row % LINES_PER_PAGE * LEADING
    x0, x1 = (round(MARGIN + column * CELL, 2) for column in (first, last))
    return Box(page=row // LINES_PER_PAGE + 1, x0=x0, y0=top, x1=x1, y1=top + LEADING)
