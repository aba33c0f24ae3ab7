"""A PDF file to a paper.

::

    file ─opening─> document ─sheets─> lines ─furniture─> lines ─columns─> lines in order
         ─blocks─> blocks ─roles─> placed blocks ─passages─> passages ─setting─> text, sentences, boxes
                                                                      ─imprint─> metadata
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium

from cmo.errors import PaperRefused
from cmo.ingest.pdf import blocks, columns, furniture, imprint, opening, passages, quality, repair, roles, sheets
from cmo.ingest.pdf.lines import Line
from cmo.ingest.pdf.setting import Setting
from cmo.ingest.pdf.sheets import Sheet
from cmo.ingest.pdf.spelling import Lexicon
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, ParsedPaper


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is looked at, so that a hostile one costs no more than a long one."""

    pages: int = 2_000
    characters: int = 20_000_000
    """Of the whole document."""
    page_characters: int = 200_000
    """Of one page; what is beyond is left out."""
    fewest_words: int = 3
    """Fewer than this are no paper."""


class PdfParser:
    """PDF files."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def parse(self, path: Path) -> ParsedPaper:
        """Read one file. Raises `PaperRefused`."""
        with opening.opened(path) as document:
            found = self._sheets(path.name, document)
            facts = imprint.recorded(document)
        quality.check(path.name, found, self._limits.fewest_words)
        first_page = [" ".join(line.words) for line in found[0].lines]
        placed = roles.place(_blocks(found), facts.title)
        setting = Setting(found, Lexicon(line for sheet in found for line in sheet.lines))
        for passage in passages.join(placed):
            setting.add(passage)
        text = setting.text
        return ParsedPaper(
            Format.PDF,
            text,
            tuple(sheet.page for sheet in found),
            tuple(setting.sentences),
            imprint.read(facts, text, setting.sentences, first_page),
        )

    def _sheets(self, name: str, document: Any) -> list[Sheet]:
        count = int(pdfium.FPDF_GetPageCount(document))
        if count > self._limits.pages:
            raise PaperRefused(
                Refusal.TOO_MANY_PAGES,
                f"{name} has {count:,} pages; the limit is {self._limits.pages:,}.",
                "Split it into its chapters or articles.",
            )
        found: list[Sheet] = []
        left = self._limits.characters
        for index in range(count):
            sheet = sheets.read(document, index, min(self._limits.page_characters, left))
            if sheet is not None:
                found.append(sheet)
                left = max(0, left - sheet.characters)
        if not found:
            raise PaperRefused(Refusal.UNREADABLE, f"{name} has no page that can be read.", "Export it again as PDF.")
        return found


def _blocks(found: Sequence[Sheet]) -> list[blocks.Block]:
    kept = furniture.strip(found)
    repair.mend(kept)
    gutters = [columns.gutters(lines, sheet.width) for lines, sheet in zip(kept, found, strict=True)]
    usual = columns.usual([at for at, lines in zip(gutters, kept, strict=True) if lines])
    cut: list[blocks.Block] = []
    for sheet, lines, at in zip(found, kept, gutters, strict=True):
        ordered = columns.order(lines, at or [columns.near(lines, place) for place in usual if lines])
        cut.extend(blocks.cut(_within(ordered, sheet)))
    return cut


def _within(lines: list[Line], sheet: Sheet) -> list[Line]:
    """The lines that lie on the page; what is drawn beyond its edge is not shown."""
    return [line for line in lines if line.x1 > 0 and line.y1 > 0 and line.x0 < sheet.width and line.y0 < sheet.height]
