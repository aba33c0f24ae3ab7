"""One change of the record, step by step, on a connection whose transaction its caller opens and ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_upsert
from sqlalchemy.dialects.sqlite import insert as sqlite_upsert

from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.papers import Metadata, PaperRef
from cmo.model.ports import ModelIdentity
from cmo.model.record import ChangeKind, PackedVectors, PreparedPaper
from cmo.store import rows, tables
from cmo.store.sameness import same_paper, title_key


class Transaction:
    """The steps that saving, retracting and readmitting are made of."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def owner(self, paper: PreparedPaper, paper_id: str) -> str:
        """The id of the stored paper that this is another file of; else `paper_id`, or a fresh one if it is taken."""
        table, metadata = tables.versions, paper.parsed.metadata
        alike = [table.c.paper_id == paper_id, table.c.sha256 == paper.sha256]
        alike += [table.c.doi == metadata.doi] if metadata.doi else []
        alike += [table.c.pmid == metadata.pmid] if metadata.pmid else []
        alike += [table.c.title_key == key] if (key := title_key(metadata)) else []
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

    def insert_version(self, paper: PreparedPaper, paper_id: str) -> tuple[PaperRef, int]:
        """Add a version behind all that ever were, so that a citation of an old one never means a new one."""
        table = tables.versions
        mine = table.c.paper_id == paper_id
        last = self._connection.execute(select(func.max(table.c.version)).where(mine)).scalar()
        if last is None:
            self._connection.execute(insert(tables.papers).values(paper_id=paper_id))
        self._connection.execute(update(table).where(mine, table.c.state == "current").values(state="superseded"))
        ref = ref_of(paper, paper_id, (last or 0) + 1)
        values = rows.version_values(ref, title_key(ref.metadata), paper.parsed.text, self._clock.now())
        (version_id,) = self._connection.execute(insert(table).values(values)).inserted_primary_key or (0,)
        for content, lines in rows.content_values(paper, version_id):
            if lines:
                self._connection.execute(insert(content), lines)
        return ref, version_id

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

    def remember_file(self, sha256: str, paper_id: str) -> None:
        """Note which paper a file led to."""
        self._connection.execute(delete(tables.files).where(tables.files.c.sha256 == sha256))
        self._connection.execute(insert(tables.files).values(sha256=sha256, paper_id=paper_id))

    def log(self, kind: ChangeKind, paper_id: str, version_id: int | None) -> None:
        """Append a line to the changes."""
        self._connection.execute(
            insert(tables.changes).values(
                at=self._clock.now(), kind=kind.value, paper_id=paper_id, version_id=version_id
            )
        )

    def erase(self, paper_id: str) -> None:
        """Forget what a paper says: text, sentences, chunks, vectors that no other paper shares, file names."""
        mine = select(tables.versions.c.id).where(tables.versions.c.paper_id == paper_id)
        keys = select(tables.chunks.c.key).where(tables.chunks.c.version_id.in_(mine))
        others = select(tables.chunks.c.key).where(tables.chunks.c.version_id.not_in(mine))
        table = tables.embeddings
        self._connection.execute(delete(table).where(table.c.key.in_(keys), table.c.key.not_in(others)))
        for content in (tables.chunks, tables.sentences, tables.pages):
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

    def _mark(self, paper_id: str, **values: Any) -> None:
        self._connection.execute(update(tables.papers).where(tables.papers.c.paper_id == paper_id).values(**values))


def ref_of(paper: PreparedPaper, paper_id: str, version: int) -> PaperRef:
    """A prepared paper as a version of a stored one."""
    return PaperRef(paper_id, version, paper.sha256, paper.source, paper.parsed.format, paper.parsed.metadata)


def _knows_nothing(metadata: Metadata) -> bool:
    """Then its id is the hash of its bytes, and whoever has that id is the same file."""
    return not (metadata.doi or metadata.pmid or metadata.title)
