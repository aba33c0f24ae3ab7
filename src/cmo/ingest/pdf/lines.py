"""Printed lines: runs that stand beside one another, put together again.

A file draws a line in several goes (superscripts, symbols, a second font), in any order. Runs are grouped in rows by
the height at which they stand, and those of a row that touch make a line. Runs with a wide gap between them stay apart:
the gap may be a gutter, or part the cells of a table.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median

import numpy as np

from cmo.ingest.pdf.marks import Floats
from cmo.ingest.pdf.words import Font, Words

_TOUCH = 0.4
"""In em: runs nearer than this belong to one line whatever the columns."""
_GLUE = 0.12
"""In em: runs nearer than this belong to one word."""
_SMALL = 0.82
"""Runs smaller than this share of the page's usual size may be superscripts: they join a row, they do not found one."""
_BESIDE = 0.5
"""Share of a run's height that must lie within a row for the run to belong to it."""
_SAME = 0.03
"""Sizes that differ less are one."""
_DROP_CAP = 1.7


@dataclass(slots=True, eq=False)
class Line:
    """Words printed side by side on a page, left to right, with the type they are set in."""

    page: int
    words: list[str]
    lefts: list[float]
    rights: list[float]
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    font: Font
    bold: bool
    italic: bool
    turn: int = 0
    column: int = 0
    """Which column of its page it stands in; -1 spans several."""
    band: int = 0
    """Which horizontal band of its page, counted from the top."""

    row: int = 0
    """Lines of a page with the same number stand side by side."""
    _text: str = ""

    @property
    def text(self) -> str:
        """The line as one string."""
        if not self._text:
            self._text = " ".join(self.words)
        return self._text

    def respell(self, words: list[str]) -> None:
        """Put other spellings for its words, one each."""
        self.words, self._text = words, ""

    @property
    def width(self) -> float:
        """In points."""
        return self.x1 - self.x0

    @property
    def middle(self) -> float:
        """Height of its centre on the page."""
        return (self.y0 + self.y1) / 2


def gather(words: Words, page: int) -> list[Line]:
    """The lines of a page from top to bottom."""
    runs = _runs(words, page)
    if not runs:
        return []
    lines = []
    for number, row in enumerate(_rows(runs)):
        for line in _join_touching(row):
            line.row = number
            lines.append(line)
    return _settle_drop_caps(sorted(lines, key=lambda line: (line.y0, line.x0)))


def touch(first: Line, second: Line, reach: float = _TOUCH) -> bool:
    """Whether a line goes on in another to its right, with a gap of at most `reach` em."""
    return second.x0 - first.x1 < reach * max(first.size, second.size)


def merge(first: Line, second: Line) -> Line:
    """One line of two that stand side by side. The larger type gives size and font."""
    lead = first if (first.size * len(first.text)) >= (second.size * len(second.text)) else second
    words, lefts, rights = list(first.words), list(first.lefts), list(first.rights)
    rest = (second.words, second.lefts, second.rights)
    if second.x0 - first.x1 < _GLUE * lead.size:
        words[-1] += second.words[0]
        rights[-1] = second.rights[0]
        rest = (second.words[1:], second.lefts[1:], second.rights[1:])
    return Line(
        first.page,
        words + rest[0],
        lefts + rest[1],
        rights + rest[2],
        min(first.x0, second.x0),
        min(first.y0, second.y0),
        max(first.x1, second.x1),
        max(first.y1, second.y1),
        lead.size,
        lead.font,
        first.bold and second.bold,
        first.italic and second.italic,
        first.turn,
        row=first.row,
    )


def _runs(words: Words, page: int) -> list[Line]:
    if not words.texts:
        return []
    begins = np.flatnonzero(words.begins_run)
    box = words.boxes
    tops, bottoms = np.minimum.reduceat(box[:, 1], begins), np.maximum.reduceat(box[:, 3], begins)
    rights = np.maximum.reduceat(box[:, 2], begins)
    sizes = np.stack((np.minimum.reduceat(words.sizes, begins), np.maximum.reduceat(words.sizes, begins)), axis=1)
    facts = zip(tops.tolist(), rights.tolist(), bottoms.tolist(), sizes.tolist(), strict=True)
    bounds = [*begins.tolist(), len(words.texts)]
    lefts, ends = box[:, 0].tolist(), box[:, 2].tolist()
    found = []
    for (a, b), (top, right, bottom, (low, high)) in zip(pairwise(bounds), facts, strict=True):
        texts, fonts = words.texts[a:b], words.fonts[a:b]
        font, bold, italic = fonts[0], fonts[0].bold, fonts[0].italic
        if fonts.count(font) < b - a:
            font = _usual_font(texts, fonts)
            bold, italic = all(one.bold for one in fonts), all(one.italic for one in fonts)
        size = high if high - low < _SAME * high else _size_of(font, fonts, words.sizes[a:b])
        found.append(
            Line(page, texts, lefts[a:b], ends[a:b], lefts[a], top, right, bottom, size, font, bold, italic, words.turn)
        )
    return found


def _usual_font(texts: list[str], fonts: list[Font]) -> Font:
    letters: dict[Font, int] = {}
    for text, font in zip(texts, fonts, strict=True):
        letters[font] = letters.get(font, 0) + len(text)
    return max(letters, key=letters.__getitem__)


def _size_of(font: Font, fonts: list[Font], sizes: Floats) -> float:
    """The size in which a font is set most: the middle one."""
    return float(median(size for size, other in zip(sizes.tolist(), fonts, strict=True) if other is font))


def _rows(runs: list[Line]) -> list[list[Line]]:
    """Runs grouped by height: the usual sizes found rows, small ones join the row that they overlap most."""
    small = _SMALL * _usual_size(runs)
    founders = sorted((run for run in runs if run.size >= small), key=lambda run: run.middle)
    rows: list[list[Line]] = []
    for run in founders:
        for row in reversed(rows[-6:]):
            if _beside(run, row[0]):
                row.append(run)
                break
        else:
            rows.append([run])
    loose: list[Line] = []
    for run in runs:
        if run.size < small:
            beside = _row_beside(run, rows)
            (loose if beside is None else beside).append(run)
    return rows + (_small_rows(loose) if loose else [])


def _usual_size(runs: list[Line]) -> float:
    """The size of the middle word when words are put in order of size."""
    ordered = sorted(runs, key=lambda run: run.size)
    through = list(accumulate(len(run.words) for run in ordered))
    return ordered[bisect_right(through, through[-1] // 2)].size


def _small_rows(runs: list[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for run in sorted(runs, key=lambda run: run.middle):
        if rows and _beside(run, rows[-1][0]):
            rows[-1].append(run)
        else:
            rows.append([run])
    return rows


def _beside(run: Line, other: Line) -> bool:
    if run.y0 >= other.y1 or other.y0 >= run.y1:  # as most are
        return False
    shared = min(run.y1, other.y1) - max(run.y0, other.y0)
    return shared > _BESIDE * min(run.y1 - run.y0, other.y1 - other.y0) and abs(run.middle - other.middle) < 0.6 * max(
        run.size, other.size
    )


def _row_beside(run: Line, rows: list[list[Line]]) -> list[Line] | None:
    """The row in which a small run touches a neighbour."""
    best, most = None, 0.0
    for row in rows:
        head = row[0]
        if head.y0 > run.y1 + head.size or head.y1 < run.y0 - head.size:
            continue
        for other in row:
            shared = min(run.y1, other.y1) - max(run.y0, other.y0)
            near = (
                -other.size < run.x0 - other.x1 < 0.4 * other.size or -other.size < other.x0 - run.x1 < 0.4 * other.size
            )
            if near and shared > most:
                best, most = row, shared
    return best


def _join_touching(row: list[Line]) -> list[Line]:
    if len(row) == 1:
        return row
    row.sort(key=lambda run: run.x0)
    joined = [row[0]]
    for run in row[1:]:
        if touch(joined[-1], run):
            joined[-1] = merge(joined[-1], run)
        else:
            joined.append(run)
    return joined


def _settle_drop_caps(lines: list[Line]) -> list[Line]:
    """Put an initial that is two or more lines tall in front of the line beside its top."""
    for cap in lines:
        if len(cap.words) != 1 or len(cap.words[0]) != 1 or not cap.words[0].isupper():
            continue
        beside = [
            line
            for line in lines
            if line is not cap
            and cap.size > _DROP_CAP * line.size
            and -1 < line.x0 - cap.x1 < 2 * line.size
            and cap.y0 - line.size < line.middle < cap.y1
        ]
        if len(beside) > 1:
            top = min(beside, key=lambda line: line.y0)
            top.respell([cap.words[0] + top.words[0], *top.words[1:]])
            top.lefts[0] = top.x0 = cap.x0
            return [line for line in lines if line is not cap]
    return lines
