"""The payload of a row: what it takes to quote it, as compact JSON."""

from __future__ import annotations

from typing import Any

import orjson

from cmo.model.evidence import FloatArray, Passage, PassageSentence
from cmo.model.packing import unpack_boxes
from cmo.model.papers import Box, Format, Metadata, PaperRef, Role, Section
from cmo.model.record import ChunkRow

_ROLES = {role.value: role for role in Role}  # calling an Enum costs ten times a look into a table


def payload_of(chunk: ChunkRow) -> list[Any]:
    """A chunk as a list of plain values; `passage` reads it back."""
    ref, about = chunk.paper, chunk.paper.metadata
    return [
        [ref.paper_id, ref.version, ref.sha256, ref.source, ref.format],
        [about.title, about.authors, about.doi, about.pmid, about.year, about.journal, about.licence],
        chunk.chunk.section,
        chunk.chunk.heading,
        [
            [text, start, end, page, role, [[b.page, b.x0, b.y0, b.x1, b.y1] for b in unpack_boxes(boxes)]]
            for text, start, end, page, role, boxes in chunk.sentences
        ],
    ]


def paper_id(payload: bytes) -> str:
    """Id of the paper that a payload is of."""
    return str(orjson.loads(payload)[0][0])


def passage(payload: bytes, row: int, score: float, signals: dict[str, float], sentence_vectors: FloatArray) -> Passage:
    """A payload with its scores as a value."""
    ref, about, section, heading, sentences = orjson.loads(payload)
    title, authors, doi, pmid, year, journal, licence = about
    metadata = Metadata(title, tuple(authors), doi, pmid, year, journal, licence)
    paper_id, version, sha256, source, kind = ref
    return Passage(
        row=row,
        score=score,
        signals=signals,
        paper=PaperRef(paper_id, version, sha256, source, Format(kind), metadata),
        section=Section(section),
        heading=heading,
        sentences=tuple(
            [
                PassageSentence(text, start, end, page, _ROLES[role], tuple([Box(*b) for b in boxes]) if boxes else ())
                for text, start, end, page, role, boxes in sentences
            ]
        ),
        sentence_vectors=sentence_vectors,
    )
