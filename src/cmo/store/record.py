"""The record: add, replace and retract papers, one transaction each, and read them back.

Each change appends a line to `changes`; an index snapshot says up to which line it goes, so what a snapshot lacks
is a query. The record knows nothing of snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, func, select

from cmo.errors import NotFound
from cmo.kit.clock import Clock
from cmo.kit.seal import PLAIN, Seal
from cmo.model.money import Micros, Window
from cmo.model.packing import unpack_boxes
from cmo.model.papers import Box, Format, Page, PaperRef
from cmo.model.ports import ModelIdentity
from cmo.model.record import Change, ChangeKind, ChunkRow, PackedVectors, PaperSummary, PreparedPaper, Recorded
from cmo.store import rows, tables
from cmo.store.access import SqlAccess
from cmo.store.answers import SqlAnswers
from cmo.store.database import Database
from cmo.store.delivery import SqlDelivery
from cmo.store.engine import open_engine
from cmo.store.experiments import SqlExperiments
from cmo.store.ledger import SqlLedger
from cmo.store.persons import SqlPersons
from cmo.store.readings import Readings
from cmo.store.transaction import Transaction, ref_of
from cmo.store.webhooks import SqlOutbox

_PREFERENCE = {Format.TEXT: 0, Format.MARKDOWN: 1, Format.JATS: 2, Format.PDF: 3}


class Record:
    """Papers in SQL. Open with `Record.open(url, clock)`, close with `close` or as a context manager."""

    def __init__(self, engine: Engine, clock: Clock, seal: Seal = PLAIN) -> None:
        self._engine = engine
        self._seal = seal
        self._clock = clock
        self._database = Database(engine)

    @classmethod
    def open(cls, url: str, clock: Clock, seal: Seal = PLAIN) -> Self:
        """Connect, and migrate if the schema is behind; what people asked is kept under a seal."""
        return cls(open_engine(url), clock, seal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @property
    def readings(self) -> Readings:
        """What readers found in the papers."""
        return Readings(self._engine, self._clock)

    def ledger(self, defaults: Mapping[Window, Micros]) -> SqlLedger:
        """What was spent, and what may be: `defaults` where nobody set anything else."""
        return SqlLedger(self._engine, defaults)

    @property
    def delivery(self) -> SqlDelivery:
        """Flags, releases and rollouts."""
        return SqlDelivery(self._engine)

    @property
    def answers(self) -> SqlAnswers:
        """Answers that were given, and what people think of them."""
        return SqlAnswers(self._engine, self._seal)

    @property
    def access(self) -> SqlAccess:
        """Keys, and the trail of what was done."""
        return SqlAccess(self._engine)

    @property
    def outbox(self) -> SqlOutbox:
        """Webhooks, and what is on its way to them."""
        return SqlOutbox(self._engine, self._seal)

    @property
    def persons(self) -> SqlPersons:
        """What is kept of one person."""
        return SqlPersons(self._engine, self._seal)

    @property
    def experiments(self) -> SqlExperiments:
        """Experiments, and what was seen of them."""
        return SqlExperiments(self._engine)

    # -- changing ------------------------------------------------------------------------------------------------

    def save(self, paper: PreparedPaper, paper_id: str, model: ModelIdentity) -> tuple[Recorded, PaperRef]:
        """Add a paper, or replace its current version; everything or nothing.

        Args:
            paper: read, cut and encoded.
            paper_id: the id it gets unless it is another file of a stored paper.
            model: who made its vectors.
        """
        return self.save_all([(paper, paper_id)], model)[0]

    def save_all(
        self, papers: Sequence[tuple[PreparedPaper, str]], model: ModelIdentity
    ) -> list[tuple[Recorded, PaperRef]]:
        """As `save`, all of them or none: the papers that resemble no other go in together, at a third of the cost."""
        with self._changing() as change:
            strangers = {place: papers[place] for place in change.strangers(papers)}
            refs = [ref_of(paper, paper_id, 1) for paper, paper_id in strangers.values()]
            change.add(
                Recorded.ADDED, [(ref, paper) for ref, (paper, _) in zip(refs, strangers.values(), strict=True)], model
            )
            added = dict(zip(strangers, refs, strict=True))
            return [
                (Recorded.ADDED, added[place]) if place in added else _save_related(change, *papers[place], model)
                for place in range(len(papers))
            ]

    def retract(self, paper_id: str, reason: str) -> PaperRef:
        """Take a paper out for good: its text goes, its name stays as a tombstone that keeps it out.

        Raises:
            NotFound: no such paper, or it is retracted already.
        """
        with self._changing() as change:
            current = change.current(paper_id)
            if current is None and change.is_retracted(paper_id):
                raise NotFound(f"The paper {paper_id!r} is retracted already.")
            if current is None:
                raise NotFound(f"There is no paper {paper_id!r}. `cmo papers list` shows the papers that are there.")
            change.erase(paper_id)
            change.mark_retracted(paper_id, reason)
            change.log(ChangeKind.RETRACTED, [(paper_id, None)])
            return current

    def readmit(self, paper_id: str) -> None:
        """Lift a retraction, so that the paper can be ingested again.

        Raises:
            NotFound: no retracted paper has this id.
        """
        with self._changing() as change:
            if not change.is_retracted(paper_id):
                raise NotFound(f"No retracted paper has the id {paper_id!r}. `cmo papers list` names those that are.")
            change.mark_standing(paper_id)

    def save_vectors(self, vectors: Sequence[tuple[str, PackedVectors]], model: ModelIdentity) -> None:
        """Keep vectors of chunks that another model has encoded before."""
        with self._changing() as change:
            change.keep_vectors(vectors, model)

    @contextmanager
    def _changing(self) -> Iterator[Transaction]:
        with self._database.alone() as connection:
            yield Transaction(connection, self._clock)

    # -- reading -------------------------------------------------------------------------------------------------

    def file_owner(self, sha256: str) -> PaperRef | None:
        """The current version of the paper that a file led to, if it was read before."""
        query = rows.VERSIONS.join(tables.files, tables.files.c.paper_id == tables.versions.c.paper_id)
        with self._database.reading() as connection:
            row = connection.execute(
                select(*rows.REF_COLUMNS)
                .select_from(query)
                .where(tables.files.c.sha256 == sha256, tables.versions.c.state == "current")
            ).first()
        return rows.ref(row) if row else None

    def vectors(self, keys: Iterable[str], model: ModelIdentity) -> dict[str, PackedVectors]:
        """Vectors that are known already, by chunk key."""
        found: dict[str, PackedVectors] = {}
        with self._database.reading() as connection:
            for batch in _batches(list(keys), 500):
                table = tables.embeddings
                query = select(table.c.key, table.c.vector, table.c.sentences, table.c.scales).where(
                    table.c.key.in_(batch), table.c.model == str(model)
                )
                found.update((key, PackedVectors(*parts)) for key, *parts in connection.execute(query))
        return found

    def papers(self) -> list[PaperSummary]:
        """All papers that are not retracted, newest first."""
        with self._database.reading() as connection:
            return [rows.summary(row) for row in connection.execute(rows.summaries())]

    def retracted(self) -> dict[str, str]:
        """Ids of retracted papers with the reason given."""
        table = tables.papers
        with self._database.reading() as connection:
            query = select(table.c.paper_id, table.c.retract_reason).where(table.c.retracted_at.is_not(None))
            return dict(connection.execute(query).all())

    def paper(self, paper_id: str, version: int | None = None) -> PaperRef:
        """One version of a paper, the current one unless told otherwise.

        Raises:
            NotFound: no such paper or version.
        """
        table = tables.versions
        wanted = table.c.state == "current" if version is None else table.c.version == version
        with self._database.reading() as connection:
            row = connection.execute(select(*rows.REF_COLUMNS).where(table.c.paper_id == paper_id, wanted)).first()
        if row is None:
            what = paper_id if version is None else f"{paper_id} version {version}"
            raise NotFound(f"There is no paper {what!r}. `cmo papers list` shows the papers that are there.")
        return rows.ref(row)

    def versions(self, paper_id: str) -> list[PaperRef]:
        """All versions of a paper, oldest first."""
        table = tables.versions
        with self._database.reading() as connection:
            query = select(*rows.REF_COLUMNS).where(table.c.paper_id == paper_id).order_by(table.c.version)
            return [rows.ref(row) for row in connection.execute(query)]

    def text(self, ref: PaperRef) -> str:
        """The whole text of a version."""
        table = tables.versions
        with self._database.reading() as connection:
            return str(
                connection.execute(
                    select(table.c.text).where(table.c.paper_id == ref.paper_id, table.c.version == ref.version)
                ).scalar_one()
            )

    def pages(self, ref: PaperRef) -> list[Page]:
        """Pages of a version, in order."""
        query = (
            select(tables.pages.c.number, tables.pages.c.width, tables.pages.c.height)
            .join(tables.versions)
            .where(tables.versions.c.paper_id == ref.paper_id, tables.versions.c.version == ref.version)
            .order_by(tables.pages.c.number)
        )
        with self._database.reading() as connection:
            return [Page(*row) for row in connection.execute(query)]

    def boxes(self, ref: PaperRef, start: int, end: int) -> tuple[Box, ...]:
        """Boxes of the sentences that overlap a span of a version's text."""
        table = tables.sentences
        query = (
            select(table.c.boxes)
            .join(tables.versions)
            .where(tables.versions.c.paper_id == ref.paper_id, tables.versions.c.version == ref.version)
            .where(table.c.start < end, table.c.end > start)
            .order_by(table.c.ordinal)
        )
        with self._database.reading() as connection:
            return tuple(box for (data,) in connection.execute(query) for box in unpack_boxes(data))

    def head(self) -> int:
        """Number of the newest change; 0 in an empty record."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(tables.changes.c.seq))).scalar() or 0

    def changes_since(self, seq: int) -> list[Change]:
        """Changes after one, oldest first."""
        table = tables.changes
        query = (
            select(table.c.seq, table.c.kind, table.c.paper_id, table.c.version_id)
            .where(table.c.seq > seq)
            .order_by(table.c.seq)
        )
        with self._database.reading() as connection:
            return [
                Change(n, ChangeKind(kind), paper, version) for n, kind, paper, version in connection.execute(query)
            ]

    def current_versions(self) -> dict[int, str]:
        """Row ids of all current versions of papers that are not retracted, with the paper's id."""
        table = tables.versions
        with self._database.reading() as connection:
            query = select(table.c.id, table.c.paper_id).where(table.c.state == "current").order_by(table.c.id)
            return dict(connection.execute(query).all())

    def standing(self, version_ids: Sequence[int]) -> list[int]:
        """Those of some versions whose paper is not retracted, current or superseded."""
        table = tables.versions
        kept: list[int] = []
        with self._database.reading() as connection:
            for batch in _batches(list(version_ids), 500):
                query = select(table.c.id).where(table.c.id.in_(batch), table.c.state != "retracted")
                kept += connection.execute(query).scalars()
        return kept

    def chunks_of(self, version_ids: Sequence[int], model: ModelIdentity) -> Iterator[ChunkRow]:
        """Chunks of versions with their sentences and vectors, for the index.

        A chunk whose vectors this model has not made yet comes with none.
        """
        for batch in _batches(list(version_ids), 200):
            with self._database.reading() as connection:
                yield from rows.chunk_rows(connection, batch, str(model))

    def check(self) -> list[str]:
        """Faults found by the database's own checks; empty when it is sound."""
        with self._database.reading() as connection:
            if self._engine.dialect.name != "sqlite":
                connection.execute(select(1))
                return []
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        return [line for line in found if line != "ok"] + [f"dangling row in {row[0]}" for row in broken]


def _save_related(
    change: Transaction, paper: PreparedPaper, paper_id: str, model: ModelIdentity
) -> tuple[Recorded, PaperRef]:
    """Save a paper that may be another file of a stored one."""
    paper_id = change.owner(paper, paper_id)
    current = change.current(paper_id)
    if change.is_retracted(paper_id):
        return Recorded.RETRACTED, ref_of(paper, paper_id, 0)
    if current is not None and (current.sha256 == paper.sha256 or _shows_more(current, paper)):
        change.remember_files([(paper.sha256, paper_id)])
        return Recorded.KEPT, current
    ref = ref_of(paper, paper_id, change.next_version(paper_id))
    recorded = Recorded.ADDED if current is None else Recorded.REPLACED
    change.add(recorded, [(ref, paper)], model)
    return recorded, ref


def _shows_more(current: PaperRef, paper: PreparedPaper) -> bool:
    return _PREFERENCE[current.format] > _PREFERENCE[paper.parsed.format]


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
