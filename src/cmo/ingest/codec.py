"""A parsed paper as JSON bytes and back, for the pipe between a worker and its pool.

Rows instead of records keep a long paper's thousand sentences small. Pickle is not used: it runs code on load.
"""

from __future__ import annotations

from typing import Any

import orjson

from cmo.model.papers import Box, Format, Metadata, Page, ParsedPaper, Role, Section, Sentence


def to_json_bytes(paper: ParsedPaper) -> bytes:
    """The paper as UTF-8 JSON. Raises `TypeError` where its text holds lone surrogates."""
    meta = paper.metadata
    return orjson.dumps(
        {
            "format": paper.format,
            "text": paper.text,
            "pages": [(p.number, p.width, p.height) for p in paper.pages],
            "sentences": [_row(s) for s in paper.sentences],
            "metadata": [meta.title, meta.authors, meta.doi, meta.pmid, meta.year, meta.journal, meta.licence],
        }
    )


def from_json_bytes(data: bytes) -> ParsedPaper:
    """The paper again. Raises `ValueError` for anything that `to_json_bytes` did not make."""
    try:
        record = orjson.loads(data)
        title, authors, doi, pmid, year, journal, licence = record["metadata"]
        return ParsedPaper(
            format=Format(record["format"]),
            text=record["text"],
            pages=tuple(Page(*row) for row in record["pages"]),
            sentences=tuple(_sentence(row) for row in record["sentences"]),
            metadata=Metadata(title, tuple(authors), doi, pmid, year, journal, licence),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"These bytes are not a parsed paper ({error}).") from error


def _row(s: Sentence) -> tuple[object, ...]:
    boxes = [(b.page, b.x0, b.y0, b.x1, b.y1) for b in s.boxes]
    return s.start, s.end, s.page, s.section, s.heading, s.role, boxes


def _sentence(row: list[Any]) -> Sentence:
    start, end, page, section, heading, role, boxes = row
    return Sentence(start, end, page, Section(section), heading, Role(role), tuple(Box(*box) for box in boxes))
