"""The story of the papers: read -> record -> publish; retract -> publish; roll back; check.

Only one process writes at a time; readers go on meanwhile. A mark on the disk says that the record may be ahead of
the index, so that whoever opens the base after a crash brings the index up to date.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmo.errors import NotFound, SnapshotCorrupt, StoreError, StoreLocked
from cmo.index.columns import faults
from cmo.index.graph import GraphView
from cmo.index.manifest import Manifest
from cmo.index.publish import Progress, Publisher
from cmo.index.seal import broken_seals
from cmo.index.shelf import PENDING, Shelf
from cmo.index.snapshot import Snapshot
from cmo.index.vectors import recall
from cmo.ingest.chunks import joined
from cmo.ingest.pipeline import Pipeline, in_context
from cmo.kit.clock import Clock
from cmo.kit.files import exclusive, full_disk_is_store_full
from cmo.model.concepts import Reading
from cmo.model.outcomes import Outcome, Status
from cmo.model.packing import pack
from cmo.model.papers import PaperRef
from cmo.model.ports import Encoder, PaperReader
from cmo.model.record import ChunkRow, PackedVectors
from cmo.model.webhooks import Event, Kind
from cmo.store.originals import Originals
from cmo.store.record import Record

log = logging.getLogger("cmo.papers")

OnWait = Callable[[str], None]
_RECALL_QUERIES = 100
_RECALL_AT = 10


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of the whole base found."""

    faults: tuple[str, ...]
    """Empty when all is sound; each names the file or table and what to do."""
    recall_at_10: float
    """Of the vector search against an exact scan, over stored vectors as queries."""
    record_seq: int
    index_seq: int
    rows: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the base holds, and whether the index shows all of it."""

    papers: int
    retracted: int
    passages: int
    snapshot: str
    model: str
    up_to_date: bool
    nodes: int = 0
    """Concepts in the graph."""
    edges: int = 0
    curated_edges: int = 0
    """Of the edges, those that vocabularies state."""
    facts: int = 0
    """Statements of papers."""
    reader: str = ""
    """Who reads papers for concepts now; empty where nobody does."""
    stale_readings: int = 0
    """Papers that it read when it read otherwise: `Curator.rebuild` reads them again."""
    missing_readings: int = 0
    """Papers that it has not read."""


class Curator:
    """Changes the knowledge base, one change at a time.

    Args:
        folder: the working directory; holds the lock and the mark.
        record: the papers.
        originals: their files.
        shelf: the snapshots.
        publisher: makes them.
        encoder: text to vectors; loaded on first use.
        clock: for when things happened.
        reader: papers to readings; loaded on first use. None where papers are not read for concepts.
        changed: told after each change.
    """

    def __init__(
        self,
        *,
        folder: Path,
        record: Record,
        originals: Originals,
        shelf: Shelf,
        publisher: Publisher,
        encoder: Callable[[], Encoder],
        clock: Clock,
        reader: Callable[[], PaperReader] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._record = record
        self._originals = originals
        self._shelf = shelf
        self._publisher = publisher
        self._encoder = encoder
        self._clock = clock
        self._reader = reader
        self._changed = changed
        self._mark = folder / PENDING

    def ingest(
        self, pipeline: Pipeline, paths: Iterable[Path], *, wait: bool = False, on_wait: OnWait | None = None
    ) -> Iterator[Outcome]:
        """Ingest files and publish them; outcomes as their papers become durable.

        An interruption publishes what was recorded so far, then goes on.

        Raises:
            StoreLocked: another process writes and `wait` is false.
            StoreFull: the disk is full; what was handed out before is kept.
        """
        with self._changing("ingest", wait=wait, on_wait=on_wait):
            self._publisher.require(self._encoder().identity)
            try:
                for outcome in pipeline.run(paths):
                    self.tell_refused(outcome)
                    yield outcome
            finally:
                self._bring_up()

    def tell_refused(self, outcome: Outcome) -> None:
        """Let other programs know of a file that was refused; of papers that are recorded the record tells by itself."""
        if outcome.status is not Status.REFUSED:
            return
        facts = {"id": outcome.paper_id or None, "reason": outcome.reason}
        try:
            self._record.outbox.publish([Event(Kind.PAPER_REFUSED, self._clock.now().timestamp(), facts)])
        except StoreError as error:  # nothing was to be kept of it, so that its outcome stands
            log.warning("nobody is told of a refused file: %s", error)

    def take_readings(
        self, readings: Iterable[tuple[int, Reading]], *, wait: bool = False, on_wait: OnWait | None = None
    ) -> Iterator[bool]:
        """Keep readings of versions and publish them; of each, once it is durable, whether it says something new.

        Raises:
            NotFound: a version is not there any more.
        """
        with self._changing("read", wait=wait, on_wait=on_wait):
            try:
                for version, reading in readings:
                    yield bool(self._record.readings.put([(version, reading)]))
            finally:
                self._bring_up()

    def forget_readings(self, kind: str, *, wait: bool = False) -> int:
        """Forget all that readers of a kind found, ``llm`` or ``lightrag``; returns how many readings that were."""
        readings = self._record.readings
        with self._changing("forget readings", wait=wait):
            names = {reader.partition("@")[0] for reader in readings.readers()}
            forgotten = sum(readings.drop(name) for name in sorted(names) if name.partition("/")[0] == kind)
            self._bring_up()
            return forgotten

    def retract(self, paper_id: str, reason: str, *, wait: bool = False) -> PaperRef:
        """Take a paper out of everything that can be found, cached or cited.

        Raises:
            NotFound: no such paper.
        """
        with self._changing("retract", wait=wait):
            versions = self._record.versions(paper_id)
            ref = self._record.retract(paper_id, reason)
            self._bring_up()
            for version in versions:
                self._originals.remove(version)
            return ref

    def readmit(self, paper_id: str, *, wait: bool = False) -> None:
        """Lift a retraction, so that the paper can be ingested again."""
        with self._changing("readmit", wait=wait, settle=True):
            self._record.readmit(paper_id)

    def rollback(self, snapshot_id: str, *, wait: bool = False) -> Manifest:
        """Make an earlier snapshot current again; holds until the next ingest or retraction."""
        with self._changing("rollback", wait=wait, settle=True):
            return self._publisher.rollback(snapshot_id)

    def rebuild(self, *, re_embed: bool = False, wait: bool = False, progress: Progress | None = None) -> Manifest:
        """Make the index anew from the record; papers that the reader would read otherwise by now are read again.

        Args:
            re_embed: encode what the model in use has not encoded yet.
            wait: for another process that writes.
            progress: told how many papers are encoded or read, and of how many.
        """
        with self._changing("rebuild", wait=wait):
            encoder = self._encoder()
            if re_embed:
                self._re_embed(encoder, progress)
            if self._reader:
                self._re_read(self._reader(), progress)
            return self._publisher.rebuild(encoder.identity)

    def heal(self) -> bool:
        """Make the index readable and bring it to the record's head; False if another process is writing."""
        try:
            with self._changing("repair", wait=False):
                self._bring_up()
                return True
        except StoreLocked:
            return False

    def holdings(self) -> Holdings:
        """Count what is there."""
        manifest, head = self._shelf.current(), self._record.head()
        graph = self._graph(manifest) if manifest else None
        reader = self._reader().identity if self._reader else ""
        unread = self._record.readings.unread(reader) if reader else None
        return Holdings(
            papers=len(self._record.papers()),
            retracted=len(self._record.retracted()),
            passages=manifest.live if manifest else 0,
            snapshot=manifest.id if manifest else "",
            model=str(manifest.model) if manifest else "",
            up_to_date=(manifest.seq if manifest else 0) == head,
            nodes=len(graph.nodes) if graph else 0,
            edges=graph.edge_count if graph else 0,
            curated_edges=graph.curated_count if graph else 0,
            facts=graph.fact_count if graph else 0,
            reader=reader,
            stale_readings=len(unread.stale) if unread else 0,
            missing_readings=len(unread.missing) if unread else 0,
        )

    def check(self) -> Check:
        """Look at everything: the database, the papers' files, those of the index, its graph, the recall of the vector search."""
        found = list(self._record.check())
        lost = [] if found else self._originals.faults(summary.ref for summary in self._record.papers())
        head = self._record.head()
        try:
            manifest = self._shelf.current()
            if manifest is None:
                behind = ["There is no snapshot yet. Run `cmo kb rebuild`."] if head else []
                return Check((*found, *lost, *behind), 1.0, head, 0, 0)
            found += faults(self._shelf.columns(manifest.columns), manifest.extent)
            found += broken_seals(self._shelf.snapshot(manifest.id), manifest.seals)
            snapshot = Snapshot.open(self._shelf, manifest)
        except SnapshotCorrupt as error:
            return Check((*found, *lost, str(error)), 0.0, head, 0, 0)
        if manifest.seq != head and not manifest.rolled_back:
            found.append(f"The index is at change {manifest.seq}, the record at {head}. Run `cmo kb rebuild`.")
        if manifest.seq == head and not found:  # else it would be built of what is damaged
            found += self._publisher.graph_faults(manifest)
        return Check((*found, *lost), _measured_recall(snapshot), head, manifest.seq, manifest.live)

    def _graph(self, manifest: Manifest) -> GraphView | None:
        try:
            return Snapshot.open(self._shelf, manifest).graph
        except SnapshotCorrupt:  # `check` tells; whoever only counts goes on
            return None

    def _bring_up(self) -> None:
        """Bring the index to the record's head; make it anew from the record if it cannot be read."""
        model = None
        try:
            current = self._shelf.current()
            if current is not None:
                model = current.model
                Snapshot.open(self._shelf, current)
            self._publisher.publish(model or self._encoder().identity)
        except SnapshotCorrupt:
            self._publisher.rebuild(model or self._encoder().identity)

    def _re_embed(self, encoder: Encoder, progress: Progress | None) -> None:
        versions = list(self._record.current_versions())
        for done, version in enumerate(versions, 1):
            missing = [row for row in self._record.chunks_of([version], encoder.identity) if row.vectors is None]
            if missing:
                self._record.save_vectors(_encoded(missing, encoder), encoder.identity)
            if progress:
                progress(done, len(versions))

    def _re_read(self, reader: PaperReader, progress: Progress | None) -> None:
        """Each reading is kept as it is made, so that an interrupted one goes on where it was."""
        readings = self._record.readings
        versions = readings.unread(reader.identity).version_ids
        for done, (version, paper) in enumerate(readings.parsed(versions), 1):
            readings.put([(version, reader.read(paper))])
            if progress:
                progress(done, len(versions))

    @contextmanager
    def _changing(
        self, purpose: str, *, wait: bool, on_wait: OnWait | None = None, settle: bool = False
    ) -> Iterator[None]:
        """Hold the lock and the mark; `settle` first publishes what a crash left behind, for changes that will not."""
        with exclusive(self._folder / "writer.lock", f"cmo {purpose}", wait=wait, on_wait=on_wait):
            if settle and self._mark.exists():
                self._bring_up()
            begun = self._mark.exists()
            with full_disk_is_store_full(self._folder):
                self._mark.touch()
            try:
                yield
            except NotFound:  # nothing was changed, so there is nothing to publish, and a rollback goes on holding
                if not begun:
                    self._mark.unlink(missing_ok=True)
                raise
            self._mark.unlink(missing_ok=True)
        self._changed()


def _encoded(rows: Sequence[ChunkRow], encoder: Encoder) -> list[tuple[str, PackedVectors]]:
    texts, spans = zip(*(_context_of(row) for row in rows), strict=True)
    encoded = encoder.encode_passages(texts, spans)
    return [(row.key, pack(e.vector, e.sentences)) for row, e in zip(rows, encoded, strict=True)]


def _context_of(row: ChunkRow) -> tuple[str, tuple[tuple[int, int], ...]]:
    return in_context(row.paper.metadata.title, *joined([text for text, *_ in row.sentences]))


def _measured_recall(snapshot: Snapshot) -> float:
    vectors = snapshot.columns.vectors
    step = max(1, len(vectors) // _RECALL_QUERIES)
    return recall(snapshot.vectors, vectors[::step][:_RECALL_QUERIES].astype(np.float32), _RECALL_AT)
