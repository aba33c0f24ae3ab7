"""What is printed on pages but belongs to no text: running heads, page numbers, stamps, line numbers.

A line is furniture if lines that read the same, digits aside, stand at the same place of other pages.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

from cmo.ingest.pdf.lines import Line
from cmo.ingest.pdf.sheets import Sheet

_MARGIN = 0.14
"""Share of the page's height, at top and bottom, where two repetitions are enough."""
_EVERYWHERE = 0.5
"""Share of the pages on which a line elsewhere must stand to be a stamp."""
_TELLING = 12
"""Characters of a line that do not recur by chance."""
_STAMP_WORDS = 16
_ALIKE = 8.0
"""In points: how far the place may differ from page to page."""
_NUMBER = re.compile(
    r"\W*(?:page\W*)?[A-Za-z]{0,2}\d{1,5}(?:\W*(?:of|/|\()\W*\d{1,5}\W*)?(?:page number not for\D*)?\W*", re.IGNORECASE
)
_ROMAN = re.compile(r"[ivxlc]{1,6}")
_DIGITS = re.compile(r"\d+")
_LINE_NUMBERS = 12
"""So many rising numbers in a page's margin are line numbers."""


def strip(sheets: Sequence[Sheet]) -> list[list[Line]]:
    """The lines of each sheet without its furniture."""
    keys = _keys(sheets)
    repeated = _repeated(sheets, keys)
    return [_keep(sheet, readings, repeated) for sheet, readings in zip(sheets, keys, strict=True)]


def _keys(sheets: Sequence[Sheet]) -> list[list[str]]:
    """What each line of each sheet reads, digits aside."""
    return [[_DIGITS.sub("#", line.text).lower() for line in sheet.lines] for sheet in sheets]


def _in_margin(line: Line, sheet: Sheet) -> bool:
    return not _MARGIN * sheet.height <= line.middle <= (1 - _MARGIN) * sheet.height


def _repeated(sheets: Sequence[Sheet], keys: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    """Where a text stands on page after page: its heights."""
    places: defaultdict[str, list[tuple[int, float, bool]]] = defaultdict(list)
    for number, (sheet, readings) in enumerate(zip(sheets, keys, strict=True)):
        for line, key in zip(sheet.lines, readings, strict=True):
            margin = _in_margin(line, sheet)
            if margin or len(line.words) < _STAMP_WORDS:
                places[key].append((number, line.middle, margin))
    found: dict[str, list[float]] = {}
    for key, seen in places.items():
        if seen[0][0] != seen[-1][0]:
            heights = _heights(seen, len(sheets))
            if heights:
                found[key] = heights
    return found


def _heights(seen: list[tuple[int, float, bool]], pages: int) -> list[float]:
    """The heights near which it stands on enough pages, rising; both ends of what is near move down with them."""
    seen.sort(key=itemgetter(1))
    heights: list[float] = []
    near: Counter[int] = Counter()
    first = last = 0
    for _, height, margin in seen:
        while last < len(seen) and seen[last][1] - height < _ALIKE:
            near[seen[last][0]] += 1
            last += 1
        while height - seen[first][1] >= _ALIKE:
            near[seen[first][0]] -= 1
            first += 1
        on = sum(count > 0 for count in near.values())
        enough = 2 if margin else max(3, round(_EVERYWHERE * pages))
        if on >= enough:
            heights.append(height)
    return heights


def _keep(sheet: Sheet, keys: Sequence[str], repeated: dict[str, list[float]]) -> list[Line]:
    known = zip(sheet.lines, keys, strict=True)
    alike = {id(line) for line, key in known if key in repeated and _stands_at(line, repeated[key])}
    outer = _outermost(sheet.lines, alike) if alike else set()
    kept = [
        line for line in sheet.lines if id(line) not in alike or (len(line.text) < _TELLING and id(line) not in outer)
    ]
    return _without_page_number(_without_line_numbers(kept), sheet)


def _stands_at(line: Line, heights: Sequence[float]) -> bool:
    """Whether the nearest of the heights, which rise, is near."""
    place = bisect_left(heights, line.middle)
    return any(abs(height - line.middle) < _ALIKE for height in heights[max(0, place - 1) : place + 1])


def _outermost(lines: list[Line], alike: set[int]) -> set[int]:
    """The lines of the rows at top and bottom that are repeated, up to the first that is not.

    A short word may recur at the same height by chance; beyond these rows it is left alone.
    """
    rows: dict[int, list[Line]] = {}
    for line in lines:
        rows.setdefault(line.row, []).append(line)
    inward = sorted(rows.values(), key=lambda row: row[0].middle)
    found: set[int] = set()
    for way in (inward, inward[::-1]):
        for row in way:
            if not any(id(line) in alike for line in row):
                break
            found.update(map(id, row))
    return found


def _without_page_number(lines: list[Line], sheet: Sheet) -> list[Line]:
    """Drop a number that is alone in the outermost row, though no other page has it there."""
    if not lines:
        return lines
    top, bottom = min(line.y1 for line in lines), max(line.y0 for line in lines)
    return [
        line
        for line in lines
        if not (
            (line.y0 < top or line.y1 > bottom)
            and _in_margin(line, sheet)
            and (_NUMBER.fullmatch(line.text) or _ROMAN.fullmatch(line.text))
        )
    ]


def _without_line_numbers(lines: list[Line]) -> list[Line]:
    """Drop the numbers that preprints print beside each line."""
    numbers = [line for line in lines if len(line.words) == 1 and line.words[0].isdigit()]
    if len(numbers) < _LINE_NUMBERS:
        return lines
    edge, many = Counter(round(line.x1 / 4) for line in numbers).most_common(1)[0]
    column = [line for line in numbers if abs(line.x1 / 4 - edge) <= 1.5]  # noqa: PLR2004 - cells of four points
    values = [int(line.words[0]) for line in column]
    rising = sum(0 < b - a <= 5 for a, b in pairwise(values))  # noqa: PLR2004 - numbered by fives
    outside = sum(line.x0 > column[0].x1 for line in lines if line not in column)
    others = len(lines) - len(column)
    if many < _LINE_NUMBERS or rising < 0.8 * (len(values) - 1) or outside < 0.9 * others:
        return lines
    drop = set(map(id, column))
    return [line for line in lines if id(line) not in drop]
