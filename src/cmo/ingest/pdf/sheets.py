"""Pages of a PDF as sheets of printed lines. The only place that holds a page of PDFium open."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from cmo.ingest.pdf import lines, marks, native, words
from cmo.ingest.pdf.lines import Line
from cmo.model.papers import Page

_MOSTLY = 0.6
"""A page of which this share of the words runs sideways is read as if it were turned."""
_PROBE = 400
"""Characters of a page that are asked whether their font maps them to Unicode."""
_GLANCE = 50
"""So many of them are asked first: enough not to miss the third of a page that a refusal takes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page and what is printed on it."""

    page: Page
    lines: list[Line]
    """From top to bottom, in no reading order yet."""
    aside: list[Line]
    """Text that runs across the reading direction."""
    width: float
    """Of the sheet as it is read: the page's height where the page is read sideways."""
    height: float
    characters: int
    unmapped: float
    """Share of its characters for which the file gives no Unicode value."""


def read(document: Any, index: int, most_characters: int) -> Sheet | None:
    """One page; None if PDFium cannot load it."""
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return None
    try:
        text = pdfium.FPDFText_LoadPage(page)
        if not text:
            return None
        try:
            return _read(page, text, index + 1, most_characters)
        finally:
            pdfium.FPDFText_ClosePage(text)
    finally:
        pdfium.FPDF_ClosePage(page)


def _read(page: Any, text: Any, number: int, most_characters: int) -> Sheet:
    frame = _frame(page)
    width, height = frame.size
    count = min(max(pdfium.FPDFText_CountChars(text), 0), most_characters)
    shown = Page(number, round(width, 2), round(height, 2))
    if not count:
        return Sheet(shown, [], [], width, height, 0, 0.0)
    handle = ctypes.cast(text, ctypes.c_void_p).value or 0
    sheet = ctypes.cast(page, ctypes.c_void_p).value or 0
    upright, sideways = words.read(sheet, handle, count, frame)
    main, aside = lines.gather(upright, number), lines.gather(sideways, number)
    if len(sideways.texts) > _MOSTLY * (len(upright.texts) + len(sideways.texts)):
        main, aside, width, height = aside, main, height, width
    return Sheet(shown, main, aside, width, height, count, _unmapped(handle, count))


def _unmapped(text: int, count: int) -> float:
    """The share is needed only where it is large, so a page is looked at closely if a glance finds some."""
    probe = range(0, count, max(1, count // _PROBE))
    if not native.unmapped(text, probe[:: max(1, len(probe) // _GLANCE)]):
        return 0.0
    return native.unmapped(text, probe) / len(probe)


def _frame(page: Any) -> marks.Frame:
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, ctypes.byref(box))
    return marks.Frame(box.left, box.bottom, box.right, box.top, pdfium.FPDFPage_GetRotation(page))
