"""One file to one paper: its format decides who reads it.

The readers are imported when they are needed, so that a worker starts quickly and reads Markdown without a PDF engine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from cmo.errors import PaperRefused
from cmo.ingest import files, identify
from cmo.model.outcomes import Refusal
from cmo.model.papers import Format, ParsedPaper

if TYPE_CHECKING:  # ports import numpy, which would triple a worker's start
    from pathlib import Path

_RETRACTED = re.compile(r"\W*(?:retracted(?: article)?|retraction(?: note)?)\s*[:\]]", re.IGNORECASE)


def parse_one(path: Path, max_bytes: int = files.MAX_BYTES) -> ParsedPaper:
    """Read a file of any known format. Raises `PaperRefused`."""
    paper = _read(path, max_bytes)
    if _RETRACTED.match(paper.metadata.title):
        detail = f'{path.name} is marked as retracted in its title ("{paper.metadata.title[:80]}").'
        raise PaperRefused(Refusal.RETRACTED, detail, "Leave it out; retracted work must not be cited.")
    return paper


def _read(path: Path, max_bytes: int) -> ParsedPaper:
    match identify.detect(path, max_bytes):
        case Format.PDF:
            from cmo.ingest.pdf import PdfParser  # noqa: PLC0415 - see above

            return PdfParser().parse(path)
        case Format.JATS:
            from cmo.ingest.jats import JatsParser  # noqa: PLC0415

            return JatsParser().parse(path, max_bytes)
        case Format.MARKDOWN:
            from cmo.ingest.markdown import MarkdownParser  # noqa: PLC0415

            return MarkdownParser().parse(path, max_bytes)
        case Format.TEXT:
            from cmo.ingest.text import TextParser  # noqa: PLC0415

            return TextParser().parse(path, max_bytes)
        case Format.WEB:
            raise AssertionError("no file is a page of the web: those are cited, never ingested")
        case other:
            assert_never(other)
