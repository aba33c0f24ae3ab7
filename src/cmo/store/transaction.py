"""One change of the record, step by step, on a connection whose transaction its caller opens and ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_upsert
from sqlalchemy.dialects.sqlite import insert as sqlite_upsert

from cmo.kit.actor import actor
from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.access import Deed
from cmo.model.papers import Metadata, PaperRef
from cmo.model.ports import ModelIdentity
from cmo.model.record import ChangeKind, PackedVectors, PreparedPaper, Recorded
from cmo.model.webhooks import Event, Kind
from cmo.store import rows, tables
from cmo.store.access import append
from cmo.store.sameness import same_paper, title_key
from cmo.store.webhooks import publish

_MOST_NAMED: Final = 20
_Mark = tuple[str, str]
"""A column of `versions` and its value."""


class Transaction:
    """The steps that saving, retracting and readmitting are made of."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def strangers(self, papers: Sequence[tuple[PreparedPaper, str]]) -> list[int]:
        """Places of the papers that share no mark with another of them or a stored one, so that all of them are new."""
        marks = [_marks(paper, paper_id) for paper, paper_id in papers]
        times = Counter(chain.from_iterable(marks))
        known = self._known(times) | {mark for mark, n in times.items() if n > 1}
        return [place for place, mine in enumerate(marks) if not mine & known]

    def _known(self, marks: Iterable[_Mark]) -> set[_Mark]:
        """Those of some marks, and more of the same papers, that versions have."""
        wanted: dict[str, list[str]] = {}
        for name, value in marks:
            wanted.setdefault(name, []).append(value)
        columns = [tables.versions.c[name] for name in wanted]
        query = select(*columns).where(or_(*(column.in_(wanted[column.name]) for column in columns)))
        return {mark for row in self._connection.execute(query) for mark in zip(wanted, row, strict=True)}

    def owner(self, paper: PreparedPaper, paper_id: str) -> str:
        """The id of the stored paper that this is another file of; else `paper_id`, or a fresh one if it is taken."""
        table, metadata = tables.versions, paper.parsed.metadata
        alike = [table.c[name] == value for name, value in sorted(_marks(paper, paper_id))]
        query = select(*rows.REF_COLUMNS).where(or_(*alike)).order_by(table.c.id)
        stored = [rows.ref(row) for row in self._connection.execute(query)]
        for ref in stored:
            if ref.sha256 == paper.sha256 or same_paper(ref.metadata, metadata) or _knows_nothing(metadata):
                return ref.paper_id
        taken = any(ref.paper_id == paper_id for ref in stored)
        return hex_hash(paper_id, metadata.title, size=6) if taken else paper_id

    def current(self, paper_id: str) -> PaperRef | None:
        """The version that counts."""
        table = tables.versions
        query = select(*rows.REF_COLUMNS).where(table.c.paper_id == paper_id, table.c.state == "current")
        row = self._connection.execute(query).first()
        return rows.ref(row) if row else None

    def is_retracted(self, paper_id: str) -> bool:
        """Whether there is a tombstone."""
        table = tables.papers
        query = select(table.c.retracted_at).where(table.c.paper_id == paper_id)
        return self._connection.execute(query).scalar() is not None

    def next_version(self, paper_id: str) -> int:
        """A number behind all that ever were, so that a citation of an old one never means a new one; none is current."""
        table = tables.versions
        mine = table.c.paper_id == paper_id
        last: int = self._connection.execute(select(func.max(table.c.version)).where(mine)).scalar() or 0
        self._connection.execute(update(table).where(mine, table.c.state == "current").values(state="superseded"))
        return last + 1

    def add(self, recorded: Recorded, papers: Sequence[tuple[PaperRef, PreparedPaper]], model: ModelIdentity) -> None:
        """Add current versions of different papers, with all that belongs to them."""
        if not papers:
            return
        ids = self._insert_versions(papers)
        for content, lines in rows.content_values([(paper, ids[ref.paper_id]) for ref, paper in papers]):
            if lines:
                self._connection.execute(insert(content), lines)
        self.remember_files([(ref.sha256, ref.paper_id) for ref, _ in papers])
        self.keep_vectors([pair for _, paper in papers for pair in zip(paper.keys, paper.vectors, strict=True)], model)
        self.log(ChangeKind(recorded.value), list(ids.items()))

    def _insert_versions(self, papers: Sequence[tuple[PaperRef, PreparedPaper]]) -> dict[str, int]:
        """The row id of each, by its paper's id, in the order given."""
        table, now = tables.versions, self._clock.now()
        new = [{"paper_id": ref.paper_id} for ref, _ in papers if ref.version == 1]
        if new:
            self._connection.execute(insert(tables.papers), new)
        values = [rows.version_values(ref, title_key(ref.metadata), paper.parsed.text, now) for ref, paper in papers]
        self._connection.execute(insert(table), values)
        wanted = table.c.paper_id.in_([ref.paper_id for ref, _ in papers])
        query = select(table.c.paper_id, table.c.id).where(wanted, table.c.state == "current").order_by(table.c.id)
        return dict(self._connection.execute(query).all())

    def keep_vectors(self, vectors: Sequence[tuple[str, PackedVectors]], model: ModelIdentity) -> None:
        """Keep vectors by chunk key; those that are known stay as they are."""
        if not vectors:
            return
        upsert = sqlite_upsert if self._connection.dialect.name == "sqlite" else postgres_upsert
        lines: list[dict[str, Any]] = [
            {"key": key, "model": str(model), "vector": v.vector, "sentences": v.sentences, "scales": v.scales}
            for key, v in dict(vectors).items()
        ]
        self._connection.execute(upsert(tables.embeddings).on_conflict_do_nothing(), lines)

    def remember_files(self, owners: Sequence[tuple[str, str]]) -> None:
        """Note which paper each file led to: its SHA-256 and the paper's id."""
        table = tables.files
        self._connection.execute(delete(table).where(table.c.sha256.in_([sha256 for sha256, _ in owners])))
        lines = [{"sha256": sha256, "paper_id": paper_id} for sha256, paper_id in owners]
        self._connection.execute(insert(table), lines)

    def log(self, kind: ChangeKind, papers: Sequence[tuple[str, int | None]]) -> None:
        """Append a line to the changes for each paper's id and version's row id."""
        now = self._clock.now()
        lines = [
            {"at": now, "kind": kind.value, "paper_id": paper_id, "version_id": version_id}
            for paper_id, version_id in papers
        ]
        self._connection.execute(insert(tables.changes), lines)
        told = Kind(f"paper.{kind.value}")
        publish(self._connection, [Event(told, now.timestamp(), {"id": paper_id}) for paper_id, _ in papers])
        self._tell(f"paper-{kind.value}", [paper_id for paper_id, _ in papers])

    def erase(self, paper_id: str) -> None:
        """Forget what a paper says: text, sentences, chunks, readings, vectors that no other paper shares, file names."""
        mine = select(tables.versions.c.id).where(tables.versions.c.paper_id == paper_id)
        keys = select(tables.chunks.c.key).where(tables.chunks.c.version_id.in_(mine))
        others = select(tables.chunks.c.key).where(tables.chunks.c.version_id.not_in(mine))
        table = tables.embeddings
        self._connection.execute(delete(table).where(table.c.key.in_(keys), table.c.key.not_in(others)))
        for content in (tables.chunks, tables.sentences, tables.pages, tables.readings):
            self._connection.execute(delete(content).where(content.c.version_id.in_(mine)))
        self._connection.execute(delete(tables.files).where(tables.files.c.paper_id == paper_id))
        self._connection.execute(
            update(tables.versions)
            .where(tables.versions.c.paper_id == paper_id)
            .values(state="retracted", text="", source="")
        )

    def mark_retracted(self, paper_id: str, reason: str) -> None:
        """Set up the tombstone."""
        self._mark(paper_id, retracted_at=self._clock.now(), retract_reason=reason)

    def mark_standing(self, paper_id: str) -> None:
        """Take the tombstone down."""
        self._mark(paper_id, retracted_at=None, retract_reason="")
        self._tell("paper-readmitted", [paper_id])

    def _tell(self, action: str, ids: Sequence[str]) -> None:
        """Write down who did that, in the same transaction."""
        facts = {"papers": len(ids), "ids": ids[:_MOST_NAMED]} if len(ids) > 1 else {}
        deed = Deed(self._clock.now().timestamp(), actor(), action, "" if facts else ids[0], facts)
        append(self._connection, deed)

    def _mark(self, paper_id: str, **values: Any) -> None:
        self._connection.execute(update(tables.papers).where(tables.papers.c.paper_id == paper_id).values(**values))


def _marks(paper: PreparedPaper, paper_id: str) -> set[_Mark]:
    """By what another file of the same paper may be known; none of them alone says that it is."""
    about = paper.parsed.metadata
    marks = {"doi": about.doi, "pmid": about.pmid, "title_key": title_key(about)}
    return {("paper_id", paper_id), ("sha256", paper.sha256), *((name, v) for name, v in marks.items() if v)}


def ref_of(paper: PreparedPaper, paper_id: str, version: int) -> PaperRef:
    """A prepared paper as a version of a stored one."""
    return PaperRef(paper_id, version, paper.sha256, paper.source, paper.parsed.format, paper.parsed.metadata)


def _knows_nothing(metadata: Metadata) -> bool:
    """Then its id is the hash of its bytes, and whoever has that id is the same file."""
    return not (metadata.doi or metadata.pmid or metadata.title)
