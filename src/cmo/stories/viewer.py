"""Showing evidence: the page that it is printed on, with the sentence highlighted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cmo.errors import NotFound
from cmo.ingest.drawing import Drawer
from cmo.ingest.text_image import render_text_page
from cmo.model.papers import Box, Format, PaperRef
from cmo.store.originals import Originals
from cmo.store.record import Record

_EVIDENCE_ID = re.compile(r"([0-9a-f]{6,32})\.(\d{1,6})\.(\d{1,9})-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of evidence is printed."""

    paper: PaperRef
    start: int
    end: int
    text: str
    boxes: tuple[Box, ...]

    @property
    def page(self) -> int:
        """The page on which it begins."""
        return self.boxes[0].page if self.boxes else 1


class Viewer:
    """Finds and draws evidence.

    Args:
        record: of the papers.
        originals: their files.
        drawer: draws pages of PDFs.
    """

    def __init__(self, record: Record, originals: Originals, drawer: Drawer) -> None:
        self._record = record
        self._originals = originals
        self._drawer = drawer

    def close(self) -> None:
        """Give back what draws."""
        self._drawer.close()

    def place(self, evidence_id: str) -> Place:
        """Where a piece of evidence is printed.

        Raises:
            NotFound: the id is none, or its paper was retracted.
        """
        match = _EVIDENCE_ID.fullmatch(evidence_id)
        if match is None:
            raise NotFound(f"{evidence_id!r} is no evidence id; they look like 3fa2b1c0d9e1.1.10234-10377.")
        paper_id, version, start, end = match[1], int(match[2]), int(match[3]), int(match[4])
        ref = self._record.paper(paper_id, version)
        text = self._record.text(ref)
        if not text:
            raise NotFound(f"The text of {evidence_id!r} is no longer there; its paper was retracted.")
        if not start < end <= len(text):
            raise NotFound(f"{evidence_id!r} names no place in its paper, whose text has {len(text):,} characters.")
        return Place(ref, start, end, text[start:end], self._record.boxes(ref, start, end))

    def image(self, ref: PaperRef, page: int, boxes: tuple[Box, ...] = (), *, scale: float = 2.0) -> bytes:
        """A page as PNG with boxes highlighted, `scale` pixels a point.

        Raises:
            NotFound: the paper has no such page, or its file is gone.
            PaperRefused: the page cannot be drawn in the time and memory that there is for one.
        """
        pages = self._record.pages(ref)
        if not any(p.number == page for p in pages):
            raise NotFound(f"{ref.source} has no page {page}; it has {len(pages)}.")
        if ref.format is Format.PDF:
            return self._drawer.draw(self._originals.path(ref), page, boxes, scale)
        return render_text_page(self._record.text(ref), page, boxes, scale=scale)
