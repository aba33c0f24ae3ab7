"""Passages to the paper's text, and spans of the text back to where they are printed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from cmo.ingest import sentences
from cmo.ingest.pdf.lines import Line
from cmo.ingest.pdf.marks import unturn
from cmo.ingest.pdf.passages import Passage
from cmo.ingest.pdf.sheets import Sheet
from cmo.ingest.pdf.spelling import Lexicon, seam
from cmo.model.papers import Box, Role, Sentence

_WHOLE = frozenset({Role.HEADING, Role.TABLE, Role.REFERENCE})
"""Roles whose passages are one sentence each."""


class Setting:
    """The text as it grows, with the place of every printed line in it."""

    def __init__(self, sheets: Iterable[Sheet], lexicon: Lexicon) -> None:
        self._sheets: Mapping[int, Sheet] = {sheet.page.number: sheet for sheet in sheets}
        self._lexicon = lexicon
        self._parts: list[str] = []
        self._length = 0
        self._starts: list[int] = []
        self._lines: list[Line] = []
        self.sentences: list[Sentence] = []

    @property
    def text(self) -> str:
        """All passages, an empty line between them."""
        return "".join(self._parts)

    def add(self, passage: Passage) -> None:
        """Append a passage and its sentences."""
        if self._length:
            self._parts.append("\n\n")
            self._length += 2
        base = self._length
        text = self._print(passage.lines)
        spans = [(0, len(text))] if passage.role in _WHOLE else sentences.split(text)
        for start, end in spans:
            boxes = self._boxes(base + start, base + end)
            if boxes:
                self.sentences.append(
                    Sentence(
                        base + start, base + end, boxes[0].page, passage.section, passage.heading, passage.role, boxes
                    )
                )

    def _print(self, lines: Sequence[Line]) -> str:
        parts: list[str] = []
        at = self._length
        for i, line in enumerate(lines):
            text = line.text
            drop, between = seam(line, lines[i + 1], self._lexicon) if i + 1 < len(lines) else (0, "")
            printed = (text[:-drop] if drop else text) + between
            self._starts.append(at)
            self._lines.append(line)
            parts.append(printed)
            at += len(printed)
        self._parts.extend(parts)
        self._length = at
        return "".join(parts)

    def _boxes(self, start: int, end: int) -> tuple[Box, ...]:
        found = []
        i = bisect_right(self._starts, start) - 1
        while i < len(self._starts) and self._starts[i] < end:
            box = self._box(self._lines[i], start - self._starts[i], end - self._starts[i])
            if box is not None:
                found.append(box)
            i += 1
        return tuple(found)

    def _box(self, line: Line, start: int, end: int) -> Box | None:
        """The part of a printed line between two of its characters."""
        x0 = line.x0 if start <= 0 else _edge(line, start, after=False)
        x1 = line.x1 if end >= len(line.text) else _edge(line, end, after=True)
        if x1 <= x0:
            return None
        sheet = self._sheets[line.page]
        if line.turn:
            box = unturn((x0, line.y0, x1, line.y1), line.turn, sheet.page.width, sheet.page.height)
        else:
            box = (x0, line.y0, x1, line.y1)
        left, top, right, bottom = box
        return Box(line.page, _tenths(left), _tenths(top), _tenths(right), _tenths(bottom))


def _tenths(points: float) -> float:
    """Rounded to tenths, in a third of the time that `round(points, 1)` takes to write and read decimals."""
    return round(points * 10) / 10


def _edge(line: Line, offset: int, *, after: bool) -> float:
    """Where on the line a character begins, or the one before it ends; within a word, in proportion."""
    at = 0
    for word, left, right in zip(line.words, line.lefts, line.rights, strict=True):
        size = len(word)
        if offset <= at + size - (0 if after else 1):
            return left + (right - left) * max(0, offset - at) / max(size, 1)
        at += size + 1
    return line.x1
