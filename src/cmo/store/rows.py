"""Between rows and values: what the record writes and what it reads back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, select

from cmo.model.packing import pack_boxes
from cmo.model.papers import CITABLE, Chunk, Format, Metadata, PaperRef, Section
from cmo.model.record import ChunkRow, PackedVectors, PaperSummary, PreparedPaper
from cmo.store import tables
from cmo.store.reading_codec import reading_values

VERSIONS = tables.versions
REF_COLUMNS: list[Any] = [
    VERSIONS.c[name]
    for name in (
        "paper_id", "version", "sha256", "source", "format", "title", "authors", "doi", "pmid", "year", "journal",
        "licence",
    )
]  # fmt: skip


def ref(row: Any) -> PaperRef:
    """A row with `REF_COLUMNS` as a value."""
    metadata = Metadata(
        title=row.title,
        authors=tuple(json.loads(row.authors)),
        doi=row.doi,
        pmid=row.pmid,
        year=row.year,
        journal=row.journal,
        licence=row.licence,
    )
    return PaperRef(row.paper_id, row.version, row.sha256, row.source, Format(row.format), metadata)


def version_values(ref: PaperRef, title_key: str, text: str, now: datetime) -> dict[str, Any]:
    """A row of `versions`."""
    about = ref.metadata
    return {
        "paper_id": ref.paper_id,
        "version": ref.version,
        "state": "current",
        "sha256": ref.sha256,
        "source": ref.source,
        "format": ref.format.value,
        "title": about.title,
        "title_key": title_key,
        "authors": json.dumps(about.authors, ensure_ascii=False),
        "doi": about.doi,
        "pmid": about.pmid,
        "year": about.year,
        "journal": about.journal,
        "licence": about.licence,
        "text": text,
        "added_at": now,
    }


def content_values(papers: Sequence[tuple[PreparedPaper, int]]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Rows of pages, sentences, chunks and readings of papers, each with its version's row id."""
    yield (
        tables.pages,
        [
            {"version_id": version_id, "number": p.number, "width": p.width, "height": p.height}
            for paper, version_id in papers
            for p in paper.parsed.pages
        ],
    )
    yield (
        tables.sentences,
        [
            {
                "version_id": version_id,
                "ordinal": n,
                "start": s.start,
                "end": s.end,
                "page": s.page,
                "section": s.section.value,
                "heading": s.heading,
                "role": s.role.value,
                "boxes": pack_boxes(s.boxes) if s.boxes else b"",
            }
            for paper, version_id in papers
            for n, s in enumerate(paper.parsed.sentences)
        ],
    )
    yield (
        tables.chunks,
        [
            {
                "version_id": version_id,
                "ordinal": c.ordinal,
                "section": c.section.value,
                "heading": c.heading,
                "first": c.first,
                "last": c.last,
                "key": key,
            }
            for paper, version_id in papers
            for c, key in zip(paper.chunks, paper.keys, strict=True)
        ],
    )
    yield (
        tables.readings,
        [reading_values(paper.reading, version_id) for paper, version_id in papers if paper.reading is not None],
    )


def summaries() -> Select[Any]:
    """Query of current papers with counts, newest first."""

    def count(table: Table) -> Any:
        return select(func.count()).select_from(table).where(table.c.version_id == VERSIONS.c.id).scalar_subquery()

    return (
        select(
            *REF_COLUMNS,
            VERSIONS.c.added_at,
            count(tables.pages).label("pages"),
            count(tables.sentences).label("sentences"),
            count(tables.chunks).label("chunks"),
        )
        .where(VERSIONS.c.state == "current")
        .order_by(VERSIONS.c.id.desc())
    )


def summary(row: Any) -> PaperSummary:
    """A row of `summaries` as a value."""
    added_at = row.added_at if row.added_at.tzinfo else row.added_at.replace(tzinfo=UTC)  # SQLite keeps no zone
    return PaperSummary(ref(row), added_at, row.pages, row.sentences, row.chunks)


def chunk_rows(connection: Connection, version_ids: Sequence[int], model: str) -> Iterator[ChunkRow]:
    """Chunks of some versions, in order of version and chunk."""
    versions = {
        row.id: (ref(row), row.text)
        for row in connection.execute(
            select(*REF_COLUMNS, VERSIONS.c.id, VERSIONS.c.text).where(VERSIONS.c.id.in_(version_ids))
        )
    }
    sentences = _sentences(connection, version_ids)
    for row in connection.execute(_chunks_with_vectors(version_ids, model)):
        paper, text = versions[row.version_id]
        lines = [s for s in sentences[row.version_id][row.first : row.last] if s.role in CITABLE]
        yield ChunkRow(
            row.id,
            row.version_id,
            paper,
            Chunk(row.ordinal, Section(row.section), row.heading, row.first, row.last),
            row.key,
            tuple((text[s.start : s.end], s.start, s.end, s.page, s.role, s.boxes) for s in lines),
            PackedVectors(row.vector, row.sentences, row.scales) if row.vector is not None else None,
        )


def _chunks_with_vectors(version_ids: Sequence[int], model: str) -> Select[Any]:
    chunks, vectors = tables.chunks, tables.embeddings
    same = (vectors.c.key == chunks.c.key) & (vectors.c.model == model)
    return (
        select(chunks, vectors.c.vector, vectors.c.sentences, vectors.c.scales)
        .join(vectors, same, isouter=True)
        .where(chunks.c.version_id.in_(version_ids))
        .order_by(chunks.c.version_id, chunks.c.ordinal)
    )


def _sentences(connection: Connection, version_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    table = tables.sentences
    found = connection.execute(
        select(table).where(table.c.version_id.in_(version_ids)).order_by(table.c.version_id, table.c.ordinal)
    )
    return {version: list(group) for version, group in groupby(found, key=lambda row: row.version_id)}
