"""Folders in BEIR's format: ``corpus.jsonl[.gz]``, ``queries.jsonl[.gz]``, ``qrels/<split>.tsv``."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from cmo.errors import NotFound
from cmo.ingest.sentences import split
from cmo.model.papers import Format, Metadata, Page, ParsedPaper, Role, Section, Sentence

DOI_PREFIX = "10.5555/"
"""Crossref's prefix for tests: a corpus document gets its own id behind it, so that equal titles stay apart."""


@dataclass(frozen=True, slots=True)
class Beir:
    """A corpus with queries and judgements."""

    folder: Path
    split: str
    queries: dict[str, str]
    relevance: dict[str, dict[str, int]]
    """Query id to document id to grade; only queries that have a relevant document."""

    @classmethod
    def open(cls, folder: Path, split_name: str | None = None) -> Self:
        """Read queries and judgements.

        Raises:
            NotFound: the folder lacks a file, or the split.
        """
        for name in ("corpus", "queries"):
            _find(folder, name)
        splits = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
        chosen = split_name or next((s for s in ("test", "dev", "train") if s in splits), "")
        if chosen not in splits:
            raise NotFound(
                f"{folder}/qrels has no split {chosen or 'at all'!r}; it has: {', '.join(splits) or 'none'}."
            )
        relevance = judgements(folder / "qrels" / f"{chosen}.tsv")
        texts = {str(q["_id"]): str(q["text"]) for q in lines(_find(folder, "queries"))}
        return cls(folder, chosen, {q: texts[q] for q in relevance if q in texts}, relevance)

    def documents(self) -> Iterator[tuple[str, ParsedPaper]]:
        """The corpus as papers that are read already."""
        for line in lines(_find(self.folder, "corpus")):
            name = str(line["_id"])
            yield name, document(name, str(line.get("title") or ""), str(line["text"]))

    def fingerprint(self) -> str:
        """Short hash of the corpus file, to know an index of it again."""
        return hashlib.sha256(_find(self.folder, "corpus").read_bytes()).hexdigest()[:12]


def document(name: str, title: str, text: str) -> ParsedPaper:
    """An abstract as a paper of one page."""
    sentences = tuple(
        Sentence(start, end, 1, Section.ABSTRACT, "", Role.PROSE, ()) for start, end in split(text) if end > start
    )
    return ParsedPaper(
        Format.TEXT, text, (Page(1, 595.0, 842.0),), sentences, Metadata(title=title, doi=f"{DOI_PREFIX}{name}")
    )


def _find(folder: Path, name: str) -> Path:
    for suffix in (".jsonl", ".jsonl.gz"):
        if (folder / f"{name}{suffix}").exists():
            return folder / f"{name}{suffix}"
    raise NotFound(f"{folder} has no {name}.jsonl or {name}.jsonl.gz: it is not in BEIR's format.")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, one a line, also gzipped."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        for line in file:
            if line.strip():
                yield orjson.loads(line)


def judgements(path: Path) -> dict[str, dict[str, int]]:
    """Query id to document id to grade, of a file of qrels; only queries that have a relevant document."""
    found: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="\t"):
            if len(row) >= 3 and row[2].lstrip("-").isdigit():  # noqa: PLR2004 - the header is no number
                found.setdefault(row[0], {})[row[1]] = int(row[2])
    return {query: grades for query, grades in found.items() if any(g > 0 for g in grades.values())}
