"""Tables of JATS as text: one row a line, cells parted by bars."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from cmo.ingest.jats_inline import flatten

MAX_SPAN = 200
"""Rows that a cell may span; a larger number in the file is a mistake or malice."""


def rows_of(wrap: Element) -> Iterator[str]:
    """The rows of a table and then its footnotes. A cell that spans rows is repeated, so that each row says all."""
    for table in wrap.iter("table"):
        held: dict[int, tuple[int, str]] = {}
        for row in table.iter("tr"):
            cells = list(_cells(row, held))
            if any(cells):
                yield " | ".join(cells)
    for foot in wrap.iterfind(".//table-wrap-foot"):
        yield from filter(None, (_footnote(note) for note in foot))


def _cells(row: Element, held: dict[int, tuple[int, str]]) -> Iterator[str]:
    """The texts of a row; `held` keeps by column the cells that reach down and for how many rows yet."""
    column = 0
    for cell in row:
        while column in held:
            yield _take(held, column)
            column += 1
        text = flatten(cell, in_table=True)
        down = _span(cell.get("rowspan"))
        for offset in range(_span(cell.get("colspan"))):
            if down > 1:
                held[column + offset] = (down - 1, text if not offset else "")
        column += _span(cell.get("colspan"))
        yield text
    while column in held:
        yield _take(held, column)
        column += 1


def _take(held: dict[int, tuple[int, str]], column: int) -> str:
    left, text = held.pop(column)
    if left > 1:
        held[column] = (left - 1, text)
    return text


def _span(value: str | None) -> int:
    return min(int(value), MAX_SPAN) if value and value.isascii() and value.isdigit() and int(value) else 1


def _footnote(note: Element) -> str:
    label = flatten(note.find("label"))
    text = " ".join(flatten(p) for p in note.iter("p")) or ("" if note.tag == "fn" else flatten(note))
    return f"{label} {text}".strip()
