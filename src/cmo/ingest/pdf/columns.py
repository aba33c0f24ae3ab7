"""Reading order: which columns a page has, and which lines span them.

A gutter is a place that lines end before and begin behind, while few cross it. Lines that do cross it (title,
abstract, a wide table) part the page into bands; within a band the columns are read from left to right.

::

    ┌──── spanning ────┐   band 0
    │ 1 │ │ 3 │
    │ 2 │ │ 4 │            band 1
    └──── spanning ────┘   band 2
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from cmo.ingest.pdf import lines as printed
from cmo.ingest.pdf.lines import Line

Floats = npt.NDArray[np.float64]

_LONG = 9.0
"""In em: shorter lines say nothing about columns."""
_EACH_SIDE = 5
"""So many long lines must stand on each side of a gutter."""
_FILLED = 0.55
"""Share of a column's width that its usual line fills; cells of a table fill less."""
_NARROWEST = 0.16
"""Of the page's width: no column of text is narrower."""
_CROSSING_COST = 0.6
_IN_COLUMN, _ON_PAGE = 30.0, 4.0
"""In em: runs of a row nearer than this are one line, within a column and on a page without columns."""
_WHITE, _SMALLER = 0.8, 0.93
"""Of a line's size: the white space above, and the type of, a part that is set smaller."""
_STRETCHED = 3.0
"""In em: how wide a space may become in a line that is set to fill its width."""
_SHIFT = 16.0
"""Points by which the columns of left and right pages may be shifted."""
_STEP = 1.5
_MOST_GUTTERS = 3
_ROWS_BACK = 7


def gutters(lines: Sequence[Line], width: float) -> list[float]:
    """Where the gutters of a page are, from left to right."""
    found: list[float] = []
    _search(list(lines), width, found)
    return sorted(found)


def _search(lines: list[Line], width: float, found: list[float]) -> None:
    long = [line for line in lines if line.width > _LONG * line.size]
    if len(long) < 2 * _EACH_SIDE or len(found) >= _MOST_GUTTERS:
        return
    at = _gutter(long, lines, width)
    if at is None:
        return
    found.append(at)
    _search([line for line in lines if line.x1 <= at + 1], width, found)
    _search([line for line in lines if line.x0 >= at - 1], width, found)


def _gutter(lines: list[Line], everything: list[Line], width: float) -> float | None:
    left = np.array([line.x0 for line in lines])
    right = np.array([line.x1 for line in lines])
    places = np.arange(left.min() + _NARROWEST * width, right.max() - _NARROWEST * width, _STEP)
    if not len(places):
        return None
    before = (right[:, None] <= places + 1).sum(axis=0)
    behind = (left[:, None] >= places - 1).sum(axis=0)
    crossing = len(lines) - before - behind
    score = np.minimum(before, behind) - _CROSSING_COST * np.minimum(crossing, before + behind)
    score[np.minimum(before, behind) < _EACH_SIDE] = -1
    best = np.flatnonzero(score >= score.max() - 1e-6)
    if score.max() <= 0:
        return None
    at = _clearest(places[best], everything)
    return at if _parts_text(left, right, lines, at) else None


def _clearest(places: Floats, lines: list[Line]) -> float:
    """The middle of the places that the fewest lines cross, short ones (numbers of a list, say) included."""
    left = np.array([line.x0 for line in lines])
    right = np.array([line.x1 for line in lines])
    crossing = ((left[:, None] < places - 1) & (right[:, None] > places + 1)).sum(axis=0)
    clear = np.flatnonzero(crossing == crossing.min())
    return float(places[clear[len(clear) // 2]])


def _parts_text(left: Floats, right: Floats, lines: list[Line], at: float) -> bool:
    """Whether columns of text stand on both sides of it, side by side."""
    west, east = right <= at + 1, left >= at - 1
    width = right - left
    west_width = median(width[west].tolist()) / max(at - np.quantile(left[west], 0.1), 1)
    east_width = median(width[east].tolist()) / max(np.quantile(right[east], 0.9) - at, 1)
    if min(west_width, east_width) < _FILLED:
        return False
    heights = np.array([line.middle for line in lines])
    top = max(heights[west].min(), heights[east].min())
    bottom = min(heights[west].max(), heights[east].max())
    return bool(bottom > top)


def usual(pages: Sequence[list[float]]) -> list[float]:
    """The gutters that most pages of a document share; none if they do not agree."""
    alone = [found[0] for found in pages if len(found) == 1]
    if len(alone) * 2 <= len(pages) or max(alone) - min(alone) > 30:  # noqa: PLR2004 - points
        return []
    return [sorted(alone)[len(alone) // 2]]


def near(lines: Sequence[Line], place: float) -> float:
    """The gutter of a page that has too few lines to show one itself, looked for where other pages have theirs."""
    places = np.arange(place - _SHIFT, place + _SHIFT, 1.0)
    left = np.array([line.x0 for line in lines])[:, None]
    right = np.array([line.x1 for line in lines])[:, None]
    before, behind = (right <= places + 1).sum(axis=0), (left >= places - 1).sum(axis=0)
    score = np.minimum(before, behind) * len(lines) + before + behind
    best = np.flatnonzero(score == score.max())
    return float(places[best[len(best) // 2]])


def order(lines: Sequence[Line], at: list[float]) -> list[Line]:
    """The lines of a page in reading order, with their columns and bands noted in them."""
    joined = _join_rows(lines, at)
    tops: dict[tuple[int, int], float] = {}
    for line in joined:
        line.column = _column(line, at) if at else 0
        place = (line.row, line.column)
        tops[place] = min(line.y0, tops.get(place, line.y0))
    joined.sort(key=lambda line: (tops[line.row, line.column], line.x0))
    if not at:
        return joined
    ordered: list[Line] = []
    waiting: list[list[Line]] = [[] for _ in range(len(at) + 1)]
    band = 0
    for line in joined:
        if line.column >= 0:
            line.band = band
            waiting[line.column].append(line)
            continue
        if any(waiting):
            _flush(waiting, ordered)
            band += 1
        line.band = band
        ordered.append(line)
        band += 1
    _flush(waiting, ordered)
    return ordered


def _flush(waiting: list[list[Line]], ordered: list[Line]) -> None:
    cut = _change_of_type(waiting)
    for above in (True, False):
        for column in waiting:
            ordered.extend(line for line in column if (line.y0 < cut) is above)
    for column in waiting:
        column.clear()


def _change_of_type(columns: list[list[Line]]) -> float:
    """Where, at one height, all columns change from the body's type to a smaller one, as above a list of references.

    What is above is read first, over all columns. Without such a place: below everything.
    """
    filled = [column for column in columns if column]
    if len(filled) < 2:  # noqa: PLR2004 - nothing to keep in step
        return np.inf
    for before, line in pairwise(filled[0]):
        if line.y0 - before.y1 > _WHITE * before.size and all(_shrinks(column, line.y0 - 2) for column in filled):
            return line.y0 - 2
    return np.inf


def _shrinks(column: list[Line], at: float) -> bool:
    above, below = [line.size for line in column if line.y0 < at], [line.size for line in column if line.y0 >= at]
    if min(len(above), len(below)) < 2 or any(line.y0 < at < line.y1 - 2 for line in column):  # noqa: PLR2004
        return False
    return sorted(below)[len(below) // 2] < _SMALLER * sorted(above)[len(above) // 2]


def _column(line: Line, at: list[float]) -> int:
    slack, first, last = 0.4 * line.size, 0, 0
    for place in at:
        first += line.x0 >= place - slack
        last += line.x1 > place + slack
    return first if last <= first else -1


def _join_rows(lines: Sequence[Line], at: list[float]) -> list[Line]:
    """Rows that a wide space splits become one line again, unless a gutter explains the space."""
    reach = _IN_COLUMN if at else _ON_PAGE
    joined: list[Line] = []
    for row in _near_rows(lines):
        row.sort(key=lambda line: line.x0)
        parts = [row[0]]
        for line in row[1:]:
            apart = _gutter_between(parts[-1], line, at) and not _goes_on_across(joined, parts[-1], line, at)
            if apart or not printed.touch(parts[-1], line, reach):
                parts.append(line)
            else:
                parts[-1] = printed.merge(parts[-1], line)
        joined.extend(parts)
    return joined


def _near_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines of one row together, unless several other rows begin between them."""
    rows: list[list[Line]] = []
    latest: dict[int, int] = {}
    for line in lines:
        place = latest.get(line.row)
        if place is not None and len(rows) - place <= _ROWS_BACK:
            rows[place].append(line)
        else:
            latest[line.row] = len(rows)
            rows.append([line])
    return rows


def _goes_on_across(above: list[Line], first: Line, second: Line, at: list[float]) -> bool:
    """Whether a row that is open at the gutter belongs to a paragraph that spans it, as the line above does."""
    if not above or not printed.touch(first, second, _STRETCHED):
        return False
    last = above[-1]
    spans = any(last.x0 < place < last.x1 for place in at)
    close = 0 < first.y1 - last.y1 < 1.7 * first.size and abs(first.x0 - last.x0) < first.size
    return spans and close and abs(first.size - last.size) < 0.05 * last.size


def _gutter_between(first: Line, second: Line, at: list[float]) -> bool:
    if not at:
        return False
    low, high = min(first.x1, second.x1) - 2, max(first.x0, second.x0) + 2
    return any(low <= place <= high for place in at)
