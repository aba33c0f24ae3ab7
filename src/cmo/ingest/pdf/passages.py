"""Passages: blocks put together to what a reader reads in one go.

A paragraph goes on across columns and pages; what stands between its parts (a caption, a table, a footnote) is moved
behind it, so that its sentences stay whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cmo.ingest.pdf import references
from cmo.ingest.pdf.blocks import Block, ends_sentence
from cmo.ingest.pdf.lines import Line
from cmo.ingest.pdf.roles import Placed
from cmo.model.papers import Role, Section

_FAR = 3
"""Pages that a paragraph may be interrupted for."""


@dataclass(slots=True, eq=False)
class Passage:
    """A paragraph, heading, caption, table row or reference: its printed lines and its part in the article."""

    lines: list[Line]
    role: Role
    section: Section
    heading: str


def join(placed: Iterable[Placed]) -> list[Passage]:
    """Passages in reading order."""
    passages: list[Passage] = []
    waiting: list[Passage] = []
    unfinished: Passage | None = None
    for place in placed:
        if unfinished is not None and _goes_on(unfinished, place):
            unfinished.lines.extend(place.block.lines)
        elif place.role is Role.PROSE:
            passages.extend(waiting)
            waiting.clear()
            unfinished = Passage(list(place.block.lines), place.role, place.section, place.heading)
            passages.append(unfinished)
        elif unfinished is not None and place.role is not Role.HEADING and place.role is not Role.REFERENCE:
            _append(waiting, place)
            continue
        else:
            passages.extend(waiting)
            waiting.clear()
            unfinished = None
            _append(passages, place)
            continue
        if unfinished is not None and _finished(unfinished, place.block):
            unfinished = None
            passages.extend(waiting)
            waiting.clear()
    return _rows(passages + waiting)


def _goes_on(passage: Passage, place: Placed) -> bool:
    block = place.block
    if place.role is not Role.PROSE or place.section is not passage.section or place.heading != passage.heading:
        return False
    if block.page - passage.lines[-1].page > _FAR:
        return False
    first = block.text.lstrip("(“\"'[")[:1]
    indented = block.lines[0].x0 - block.left > 0.7 * block.size
    return not (indented and first.isupper() and passage.lines[-1].text.endswith(":"))


def _finished(passage: Passage, block: Block) -> bool:
    """Whether a paragraph has come to its end: its last line ends a sentence and does not fill the column."""
    del block
    text = passage.lines[-1].text
    return ends_sentence(text) and not text.endswith((";", ":"))


def _append(passages: list[Passage], place: Placed) -> None:
    last = passages[-1] if passages else None
    lines = place.block.lines
    same = last is not None and last.role is place.role and last.heading == place.heading
    if same and last is not None and place.role in {Role.CAPTION, Role.REFERENCE} and _belongs(last, place):
        last.lines.extend(lines)
        return
    if same and last is not None and place.role is Role.HEADING and last.section is Section.TITLE is place.section:
        last.lines.extend(lines)
        return
    passages.append(Passage(list(lines), place.role, place.section, place.heading))


def _belongs(last: Passage, place: Placed) -> bool:
    from cmo.ingest.pdf.blocks import LABEL, is_label  # noqa: PLC0415

    if place.role is Role.REFERENCE:
        return True
    label = LABEL.match(place.block.text)
    return not (label and is_label(label, place.block.text)) and place.block.page == last.lines[-1].page


def _rows(passages: Iterable[Passage]) -> list[Passage]:
    """Tables a row each, references an entry each."""
    found: list[Passage] = []
    for passage in passages:
        match passage.role:
            case Role.TABLE:
                groups = _table_rows(passage.lines)
            case Role.REFERENCE:
                groups = references.entries(passage.lines)
            case _:
                groups = [passage.lines]
        found.extend(Passage(group, passage.role, passage.section, passage.heading) for group in groups)
    return found


def _table_rows(lines: list[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for line in lines:
        if rows and rows[-1][-1].page == line.page and abs(rows[-1][-1].y1 - line.y1) < 0.4 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows
