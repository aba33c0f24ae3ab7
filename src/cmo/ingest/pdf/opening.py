"""Opening a file as a PDF, or saying why that cannot be."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdfium2 as engine
import pypdfium2.raw as pdfium

from cmo.errors import PaperRefused
from cmo.model.outcomes import Refusal

_HEADER_WITHIN, _TRAILER_WITHIN = 1024, 2048
"""Bytes in which readers look for the header and the trailer (PDF 1.7, appendix H.3)."""
_KNOWN = (
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office document"),
    (b"{\\rtf", "a rich-text document"),
    (b"%!PS", "a PostScript file"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
)
_AGAIN = "Download it again, or export it again as PDF."


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A document of PDFium. Raises `PaperRefused` if the file is not one, is locked, cut off or broken."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PaperRefused(
            Refusal.UNREADABLE, f"{path.name} cannot be read ({error.strerror}).", "Check that this user may read it."
        ) from error
    _check_kind(path.name, data)
    engine.init_lib() if hasattr(engine, "init_lib") else None
    document = pdfium.FPDF_LoadMemDocument64(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), None)
    if not document:
        raise _refusal(path.name, data, int(pdfium.FPDF_GetLastError()))
    try:
        yield document
    finally:
        pdfium.FPDF_CloseDocument(document)
        del data  # PDFium reads from it until here


def _check_kind(name: str, data: bytes) -> None:
    if not data:
        raise PaperRefused(Refusal.EMPTY, f"{name} is empty (0 bytes).", _AGAIN)
    if b"%PDF-" in data[:_HEADER_WITHIN]:
        return
    raise PaperRefused(Refusal.NOT_A_PDF, f"{name} is not a PDF: it is {_kind(data)}.", _AGAIN)


def _kind(data: bytes) -> str:
    for magic, kind in _KNOWN:
        if data.startswith(magic):
            return kind
    start = data[:_HEADER_WITHIN].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML), perhaps a login or error page saved under this name"
    if start.startswith(b"<?xml"):
        return "an XML file"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)  # noqa: PLR2004 - ASCII
    return "plain text" if start and printable > 0.95 * len(start) else "data without a PDF header"


def _refusal(name: str, data: bytes, code: int) -> PaperRefused:
    if code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
        return PaperRefused(
            Refusal.ENCRYPTED,
            f"{name} is locked with a password.",
            "Save a copy without the password (open it, print to PDF), then add the copy.",
        )
    if b"%%EOF" not in data[-_TRAILER_WITHIN:]:
        return PaperRefused(Refusal.TRUNCATED, f"{name} is cut off: it has no end-of-file mark.", _AGAIN)
    return PaperRefused(Refusal.UNREADABLE, f"{name} is damaged: its page list cannot be read.", _AGAIN)
