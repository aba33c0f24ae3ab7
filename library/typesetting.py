"""From blocks of Markdown to flowables: layouts, paragraph styles, boxes and tables. Knows nothing of pages."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from note import Note

LIBRARY = "CMO starter library"
LONG = 8  # lines of a table that may run on into the next column
PAD = 7  # beside the text of a table cell, in points
INK, PALE = colors.HexColor("#1d3f5e"), colors.HexColor("#eef3f7")


@dataclass(frozen=True)
class Layout:
    """How a page looks; lengths in points."""

    page: tuple[float, float]
    columns: int
    family: str
    size: float
    align: int
    head: bool = False
    ruled: bool = True
    margin: float = 18 * mm
    gutter: float = 7 * mm

    @property
    def width(self) -> float:
        """Return the width of the text block."""
        return self.page[0] - 2 * self.margin

    @property
    def column(self) -> float:
        """Return the width of one column."""
        return (self.width - self.gutter * (self.columns - 1)) / self.columns


LAYOUTS = {
    "a4_single": Layout(A4, 1, "DejaVuSerif", 9.5, TA_LEFT, margin=25 * mm),
    "a4_double": Layout(A4, 2, "DejaVuSerifCondensed", 8.9, TA_JUSTIFY),
    "letter_double": Layout(LETTER, 2, "DejaVuSansCondensed", 8.7, TA_JUSTIFY, head=True),
    "a4_ragged": Layout(A4, 1, "DejaVuSansCondensed", 9.2, TA_LEFT, ruled=False, margin=22 * mm),
}


def faces(family: str) -> tuple[str, str, str]:
    """Return the names of the upright, bold and italic face of a DejaVu family, as their files are called."""
    slant = "Italic" if "Serif" in family else "Oblique"
    return family, f"{family}-Bold", f"{family}-{slant}"


def inline(text: str) -> str:
    """Turn **bold** and *italic* into the mark-up of the typesetter."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<!\w)\*([^* ][^*]*)\*", r"<i>\1</i>", text)


def styles(layout: Layout) -> dict[str, ParagraphStyle]:
    """Return the paragraph styles of a layout, all derived from its family and size."""
    plain, bold, italic = layout.family, faces(layout.family)[1], faces(layout.family)[2]
    size = layout.size
    text = ParagraphStyle("text", fontName=plain, fontSize=size, leading=size * 1.36, spaceAfter=size * 0.5,
                          alignment=layout.align, bulletFontName=plain, bulletFontSize=size,
                          allowWidows=0, allowOrphans=0)  # fmt: skip

    def derive(name: str, **change: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=text, **change)

    small = size * 0.88
    return {
        "text": text,
        "kicker": derive("kicker", fontName=bold, fontSize=small, textColor=INK, alignment=TA_LEFT),
        "title": derive("title", fontName=bold, fontSize=size * 2, leading=size * 2.4, alignment=TA_LEFT),
        "byline": derive("byline", fontSize=small, leading=small * 1.35, spaceAfter=2, alignment=TA_LEFT),
        "heading": derive("heading", fontName=bold, fontSize=size * 1.14, textColor=INK, spaceBefore=size * 0.6,
                          spaceAfter=size * 0.3, alignment=TA_LEFT, keepWithNext=1),
        "bullet": derive("bullet", leftIndent=size * 1.2, bulletIndent=size * 0.2, spaceAfter=size * 0.3),
        "scheme": derive("scheme", fontSize=small, leading=small * 1.4, alignment=TA_CENTER, spaceAfter=0),
        "caption": derive("caption", fontName=italic, fontSize=small, leading=small * 1.3, alignment=TA_LEFT),
        "cell": derive("cell", fontSize=small, leading=small * 1.25, spaceAfter=0, alignment=TA_LEFT),
        "column": derive("column", fontName=bold, fontSize=small, leading=small * 1.25, spaceAfter=0,
                         alignment=TA_LEFT),
        "reference": derive("reference", fontSize=small, leading=small * 1.3, leftIndent=size * 1.7,
                            bulletIndent=0, bulletFontSize=small, alignment=TA_LEFT),
    }  # fmt: skip


@dataclass(frozen=True)
class Setter:
    """Sets blocks of Markdown as flowables of one layout."""

    layout: Layout
    style: dict[str, ParagraphStyle]

    def front(self, note: Note, summary: Sequence[str]) -> list[Flowable]:
        """Return what stands across the first page: title, authors, source, abstract."""
        source, meta = note.source, note.meta
        abstract = [self.paragraph("Abstract", "heading"), *(self.paragraph(block) for block in summary)]
        return [
            self.paragraph(f"{LIBRARY.upper()}  ·  NOTE", "kicker"),
            self.paragraph(meta["title"], "title"),
            self.paragraph(f"{', '.join(meta['authors'])}  ·  {meta['year']}  ·  {meta['licence']}", "byline"),
            self.paragraph(f"Rests on doi:{source['doi']}", "byline"),
            self.paragraph(f"*{source['title']}.* {source['journal']} ({source['licence']})", "byline"),
            self.paragraph(f"Topics: {', '.join(meta['topics'])}", "byline"),
            Spacer(0, 5),
            self.box(abstract, self.layout.width),
            Spacer(0, 8),
        ]

    def section(self, heading: str, blocks: Sequence[str]) -> Iterator[Flowable]:
        """Yield a heading and its blocks; a caption stays with the table or scheme beside it."""
        head: list[Flowable] = [self.paragraph(heading, "heading")]
        waiting: list[Flowable] = []
        for block in blocks:
            set_block = self.block(block)
            if block.startswith(("Table ", "> ")):
                waiting += set_block
            elif block.count("\n") > LONG:
                yield CondPageBreak(self.layout.size * 12)
                yield from [*head, *waiting, *set_block]
                head, waiting = [], []
            elif waiting:
                yield KeepTogether([*head, *waiting, *set_block])
                head, waiting = [], []
            else:
                yield from [*head, *set_block]
                head = []

    def block(self, block: str) -> list[Flowable]:
        """Return the flowables of one block, known by how its first line begins."""
        lines = block.splitlines()
        if block.startswith("- "):
            return [Paragraph(inline(line[2:]), self.style["bullet"], bulletText="•") for line in lines]
        if block.startswith("1. "):
            return [self.reference(line) for line in lines]
        if block.startswith("| "):
            return [self.table(lines), Spacer(0, self.layout.size)]
        if block.startswith("> "):
            return [self.box([self.paragraph(block[2:], "scheme")], self.layout.column), Spacer(0, 3)]
        if re.match(r"(Table|Figure) \d+\. ", block):
            return [self.paragraph(block, "caption")]
        return [self.paragraph(" ".join(lines))]

    def paragraph(self, text: str, style: str = "text") -> Paragraph:
        """Set running text in one of the styles."""
        return Paragraph(inline(text), self.style[style])

    def reference(self, line: str) -> Paragraph:
        """Set `1. Authors. Title.` with a hanging number."""
        number, _, text = line.partition(". ")
        return Paragraph(inline(text), self.style["reference"], bulletText=f"{number}.")

    def box(self, inside: list[Flowable], width: float) -> Table:
        """Set flowables on a pale ground between two rules."""
        frame = [("BACKGROUND", (0, 0), (-1, -1), PALE), ("LINEABOVE", (0, 0), (-1, 0), 0.8, INK),
                 ("LINEBELOW", (0, -1), (-1, -1), 0.8, INK), ("LEFTPADDING", (0, 0), (-1, -1), 8),
                 ("RIGHTPADDING", (0, 0), (-1, -1), 8), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]  # fmt: skip
        return Table([[inside]], colWidths=[width], style=TableStyle(frame))

    def table(self, lines: Sequence[str]) -> Table:
        """Set a pipe table: rules above, below and under the heads, or none at all in a ragged layout."""
        texts = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        texts.pop(1)
        widths, size = self.widths(texts)
        leading = size * 1.25
        kinds = [ParagraphStyle(name, parent=self.style[name], fontSize=size, leading=leading)
                 for name in ("column", "cell")]  # fmt: skip
        rows = [[Paragraph(inline(cell), kinds[min(row, 1)]) for cell in cells] for row, cells in enumerate(texts)]
        look: list[tuple[Any, ...]] = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 2),
                                       ("RIGHTPADDING", (0, 0), (-1, -1), 5), ("TOPPADDING", (0, 0), (-1, -1), 2),
                                       ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]  # fmt: skip
        if self.layout.ruled:
            look += [("LINEABOVE", (0, 0), (-1, 0), 0.8, INK), ("LINEBELOW", (0, 0), (-1, 0), 0.4, INK),
                     ("LINEBELOW", (0, -1), (-1, -1), 0.8, INK)]  # fmt: skip
        return Table(rows, colWidths=widths, style=TableStyle(look), repeatRows=1, hAlign="LEFT")

    def widths(self, texts: Sequence[Sequence[str]]) -> tuple[list[float], float]:
        """Give each column room for its longest word and share out the rest by length of text; shrink type to fit."""
        full, bold = self.style["cell"].fontSize, self.style["column"].fontName
        columns = list(zip(*texts, strict=True))
        room = self.layout.column - PAD * len(columns)
        measure = functools.partial(pdfmetrics.stringWidth, fontName=bold, fontSize=full)
        words = [max(measure(word) for cell in column for word in cell.split()) for column in columns]
        lines = [max(measure(cell) for cell in column) for column in columns]
        scale = min(1.0, room / sum(words))
        if sum(lines) <= room and not self.layout.ruled:
            return [line + PAD for line in lines], full
        spare = room - scale * sum(words)
        more = [line - word + 1 for line, word in zip(lines, words, strict=True)]
        widths = [scale * word + PAD + spare * m / sum(more) for word, m in zip(words, more, strict=True)]
        return widths, full * scale * 0.995
