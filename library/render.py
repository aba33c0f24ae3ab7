"""Set the notes of the starter library as PDFs, each in the layout that its front matter names.

notes/<slug>.md --note--> Note --typesetting--> flowables --render--> pdf/<slug>.pdf     (--index: table of README.md)

The same note gives the same bytes every time: the creation date is fixed, nothing is random, and fonts are embedded
as subsets with a ToUnicode map, so that `git diff` stays empty after rendering again. Needs `reportlab` and `pyyaml`
(the dev extra) and the DejaVu fonts 2.37 (free licence): `apt-get install fonts-dejavu`, or any folder that holds the
TTF files, named by `--fonts`.
"""

from __future__ import annotations

import argparse
import calendar
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from note import Note
from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Frame, FrameBreak, NextPageTemplate, PageTemplate
from typesetting import LAYOUTS, LIBRARY, Layout, Setter, faces, styles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportlab.pdfgen.canvas import Canvas

HERE = Path(__file__).parent
NOTES, PDFS, README = HERE / "notes", HERE / "pdf", HERE / "README.md"
FONTS = Path("/usr/share/fonts/truetype/dejavu")

rl_config.useA85 = 0  # binary streams: a quarter smaller than ASCII ones


def main() -> None:
    """Render all notes, or those named, or write the index."""
    parser = argparse.ArgumentParser(description="Render the notes of the starter library.")
    parser.add_argument("slug", nargs="*", help="render these notes only")
    parser.add_argument("--index", action="store_true", help="write the table of README.md and render nothing")
    parser.add_argument("--out", type=Path, default=PDFS, help="folder of the PDFs (default: %(default)s)")
    parser.add_argument(
        "--fonts", type=Path, default=FONTS, help="folder of the DejaVu TTF files (default: %(default)s)"
    )
    wish = parser.parse_args()
    notes = [Note.read(path) for path in sorted(NOTES.glob("*.md"))]
    if wish.index:
        write_index(notes)
        return
    load_fonts(wish.fonts)
    wish.out.mkdir(exist_ok=True)
    for note in notes:
        if wish.slug and note.slug not in wish.slug:
            continue
        if missing := missing_characters(note):
            raise SystemExit(f"{note.slug}: the font lacks {' '.join(sorted(missing))}")
        render(note, wish.out / f"{note.slug}.pdf")


def furniture(note: Note, layout: Layout, canvas: Canvas, document: BaseDocTemplate) -> None:
    """Draw the running head (not on the first page) and the foot with the page number."""
    width, height = layout.page
    left, right = layout.margin, width - layout.margin
    canvas.saveState()
    canvas.setFont(layout.family, 7.5)
    canvas.setFillColor(colors.HexColor("#555555"))
    if document.page > 1 and (layout.head or layout.columns > 1):
        canvas.drawString(left, height - 12 * mm, LIBRARY if document.page % 2 else note.meta["title"])
        canvas.drawRightString(right, height - 12 * mm, str(note.meta["year"]))
        canvas.line(left, height - 13.5 * mm, right, height - 13.5 * mm)
    if layout.head:
        canvas.drawString(left, 10 * mm, f"Rests on doi:{note.source['doi']}")
        canvas.drawRightString(right, 10 * mm, f"Page {document.page}")
    else:
        canvas.drawCentredString(width / 2, 10 * mm, str(document.page))
    canvas.restoreState()


def templates(note: Note, layout: Layout, front_height: float) -> list[PageTemplate]:
    """Return the first page, with room for the front above its columns, and the pages after it."""
    bottom, top = 17 * mm, layout.page[1] - 18 * mm

    def columns(upper: float) -> list[Frame]:
        step = layout.column + layout.gutter
        return [bare(layout.margin + step * index, bottom, layout.column, upper - bottom)
                for index in range(layout.columns)]  # fmt: skip

    draw = functools.partial(furniture, note, layout)
    head = bare(layout.margin, top - front_height, layout.width, front_height)
    return [
        PageTemplate("first", [head, *columns(top - front_height)], onPage=draw, pagesize=layout.page),
        PageTemplate("later", columns(top), onPage=draw, pagesize=layout.page),
    ]


def bare(x: float, y: float, width: float, height: float) -> Frame:
    """Return a frame without padding."""
    return Frame(x, y, width, height, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)


def render(note: Note, target: Path) -> None:
    """Write the PDF of one note."""
    layout = LAYOUTS[note.meta["layout"]]
    setter = Setter(layout, styles(layout))
    (_, summary), *rest = note.sections()
    front = setter.front(note, summary)
    height = sum(piece.getSpaceBefore() + piece.wrap(layout.width, layout.page[1])[1] + piece.getSpaceAfter()
                 for piece in front) + 2  # fmt: skip
    body = [piece for heading, blocks in rest for piece in setter.section(heading, blocks)]
    document = BaseDocTemplate(
        str(target), pagesize=layout.page, invariant=1, pageCompression=1, lang="en-GB", creator=LIBRARY,
        title=note.meta["title"], author=", ".join(note.meta["authors"]),
        subject=f"Rests on doi:{note.source['doi']}: {note.source['title']}",
        keywords=", ".join([f"doi:{note.source['doi']}", *note.meta["topics"]]),
    )  # fmt: skip
    os.environ["SOURCE_DATE_EPOCH"] = str(calendar.timegm((note.meta["year"], 1, 1, 0, 0, 0)))  # noqa: TID251 - the typesetter takes its date from there alone
    document.addPageTemplates(templates(note, layout, height))
    document.build([NextPageTemplate("later"), *front, FrameBreak(), *body])


def load_fonts(folder: Path) -> None:
    """Register each face that the layouts use."""
    for family in sorted({layout.family for layout in LAYOUTS.values()}):
        plain, bold, italic = faces(family)
        for face in (plain, bold, italic):
            pdfmetrics.registerFont(TTFont(face, str(folder / f"{face}.ttf")))
        pdfmetrics.registerFontFamily(family, normal=plain, bold=bold, italic=italic, boldItalic=bold)


def missing_characters(note: Note) -> set[str]:
    """Return the characters of a note that its fonts lack, so that no empty box is printed."""
    family = faces(LAYOUTS[note.meta["layout"]].family)
    text = set(note.body + note.meta["title"]) - {"\n"}
    return {char for face in family for char in text if ord(char) not in pdfmetrics.getFont(face).face.charToGlyph}


def index(notes: Sequence[Note]) -> str:
    """Return the table of notes for README.md."""
    rows = [
        f"| [{note.meta['title']}](notes/{note.slug}.md) ([PDF](pdf/{note.slug}.pdf)) "
        f"| [{note.source['doi']}](https://doi.org/{note.source['doi']}) | {note.source['licence']} "
        f"| {note.meta['layout']} |"
        for note in notes
    ]
    return "\n".join(["| Note | Rests on | Licence of the source | Layout |", "|---|---|---|---|", *rows])


def write_index(notes: Sequence[Note]) -> None:
    """Replace what stands between the two markers of README.md."""
    text = README.read_text(encoding="utf-8")
    before, _, tail = text.partition("<!-- notes -->\n")
    _, _, after = tail.partition("<!-- /notes -->")
    README.write_text(f"{before}<!-- notes -->\n{index(notes)}\n<!-- /notes -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
