"""The story of an import: a folder of LightRAG --checked whole--> papers through our own ingest --> their readings.

Safe to interrupt and to repeat: each paper and each reading is durable once its outcome is told, and what is there
already changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from shutil import rmtree
from typing import Protocol

from cmo.ingest.pipeline import Pipeline
from cmo.kit.hashing import hex_hash
from cmo.kit.text import clean_line
from cmo.lightrag.folder import read_folder
from cmo.lightrag.holdings import Document, Holdings
from cmo.lightrag.reading import Found, read_document
from cmo.model.concepts import Reading
from cmo.model.outcomes import Outcome, Status
from cmo.model.papers import ParsedPaper
from cmo.model.ports import Linker

_NAME_CHARS = 60
_MARKDOWN = frozenset({".md", ".markdown"})
OnWait = Callable[[str], None]


class Base(Protocol):
    """What an import needs of the knowledge base: `cmo.stories.curator.Curator`."""

    def ingest(
        self, pipeline: Pipeline, paths: Iterable[Path], *, wait: bool = False, on_wait: OnWait | None = None
    ) -> Iterator[Outcome]:
        """Files to published papers."""
        ...

    def take_readings(
        self, readings: Iterable[tuple[int, Reading]], *, wait: bool = False, on_wait: OnWait | None = None
    ) -> Iterator[bool]:
        """Keep readings of versions and publish them; whether each says something new."""
        ...


class Papers(Protocol):
    """Papers as they were read: `cmo.store.readings.Readings`."""

    def parsed(self, version_ids: Sequence[int]) -> Iterator[tuple[int, ParsedPaper]]:
        """Versions as papers."""
        ...


class Texts(Protocol):
    """What an import needs of the record."""

    def current_versions(self) -> dict[int, str]:
        """Row ids of current versions, with their papers' ids."""
        ...

    @property
    def readings(self) -> Papers:
        """Where they are read again."""
        ...


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one document."""

    document: str
    """Its id in LightRAG."""
    outcome: Outcome
    found: Found | None = None
    """None where it was refused."""
    new: bool = False
    """Whether its reading said something new."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A folder that is whole, and ready to be brought in."""

    holdings: Holdings
    documents: Mapping[str, Document]
    """By the name of the file that each is ingested from."""


class Importer:
    """Brings in what other programs left.

    Args:
        base: takes papers and readings.
        texts: gives papers back as they were read.
        linker: knows concepts by name; loaded on first use.
        staging: a folder of our own for files on their way.
    """

    def __init__(self, base: Base, texts: Texts, linker: Callable[[], Linker], staging: Path) -> None:
        self._base = base
        self._texts = texts
        self._linker = linker
        self._staging = staging

    def check(self, folder: Path) -> Plan:
        """Look at a LightRAG working directory; nothing of the base is touched.

        Raises:
            ImportRefused: naming every fault, its file and its place.
        """
        holdings = read_folder(folder)
        return Plan(holdings, {_file_name(d): d for d in holdings.documents})

    def bring_in(
        self,
        plan: Plan,
        pipeline: Pipeline,
        *,
        wait: bool = False,
        on_wait: OnWait | None = None,
        on_ingested: Callable[[Outcome], None] = lambda _: None,
    ) -> Iterator[Imported]:
        """Bring in a checked folder; one result a document, once its paper and its reading are durable."""
        outcomes: dict[str, Outcome] = {}
        with self._written(plan) as paths:
            for outcome in self._base.ingest(pipeline, paths, wait=wait, on_wait=on_wait):
                outcomes[Path(outcome.source).name] = outcome
                on_ingested(outcome)
        owners = {outcome.paper_id: name for name, outcome in outcomes.items() if _is_there(outcome)}
        for name, outcome in outcomes.items():
            if owners.get(outcome.paper_id) != name:  # refused, or another document became the same paper
                yield Imported(plan.documents[name].id, outcome)
        fates = {paper: (plan.documents[name], outcomes[name]) for paper, name in owners.items()}
        yield from self._read(plan.holdings, fates, wait=wait, on_wait=on_wait)

    @contextmanager
    def _written(self, plan: Plan) -> Iterator[list[Path]]:
        """The documents as files, while the block runs."""
        rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)
        try:
            for name, document in plan.documents.items():
                (self._staging / name).write_text(document.text, "utf-8", errors="replace")
            yield [self._staging / name for name in plan.documents]
        finally:
            rmtree(self._staging, ignore_errors=True)

    def _read(
        self,
        holdings: Holdings,
        fates: Mapping[str, tuple[Document, Outcome]],
        *,
        wait: bool,
        on_wait: OnWait | None,
    ) -> Iterator[Imported]:
        linker = self._linker()
        versions = {v: fates[paper] for v, paper in self._texts.current_versions().items() if paper in fates}
        read: list[Imported] = []

        def readings() -> Iterator[tuple[int, Reading]]:
            for version, paper in self._texts.readings.parsed(list(versions)):
                document, outcome = versions[version]
                found = read_document(document, holdings, paper, linker)
                read.append(Imported(document.id, outcome, found))
                yield version, found.reading

        for new in self._base.take_readings(readings(), wait=wait, on_wait=on_wait):
            yield replace(read.pop(), new=new)


def _is_there(outcome: Outcome) -> bool:
    return outcome.status is not Status.REFUSED


def _file_name(document: Document) -> str:
    """A name that says where it came from and cannot lead anywhere else."""
    named = PurePosixPath(clean_line(document.name).replace("\\", "/"))
    stem = re.sub(r"[^\w.-]+", "-", named.stem)[:_NAME_CHARS].strip("-.") or "document"
    suffix = ".md" if named.suffix.lower() in _MARKDOWN else ".txt"
    return f"{stem}-{hex_hash(document.id, document.text, size=4)}{suffix}"
