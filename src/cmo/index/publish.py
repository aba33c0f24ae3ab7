"""Publishing: from the record to a new snapshot.

::

    changes since the last snapshot --> append new rows --> mask dead rows --> words --> rename --> CURRENT

Only one publisher runs at a time: the caller holds the writer's lock.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.errors import ModelMismatch, SnapshotCorrupt
from cmo.index import vectors
from cmo.index.columns import EMPTY, ROW, ROW_FILES, Columns, ColumnWriter, Extent, map_columns
from cmo.index.forward import GRAMS, STEMS
from cmo.index.gram_rows import write_gram_rows
from cmo.index.graph_publish import GraphMaker, Shown
from cmo.index.lexicon import Lexemes, lexemes, numbered
from cmo.index.live import read_live, write_live
from cmo.index.manifest import ROLLBACK, Manifest
from cmo.index.payload import payload_of
from cmo.index.seal import sealed
from cmo.index.shelf import Shelf
from cmo.index.words import Words, WordsWriter, link_or_copy
from cmo.kit.clock import Clock
from cmo.kit.files import full_disk_is_store_full
from cmo.kit.hashing import short_hash
from cmo.model.papers import Section
from cmo.model.ports import ModelIdentity
from cmo.model.record import ChunkRow

_ENTRY_BYTES = 4
_SECTIONS = {section: n for n, section in enumerate(Section)}
_COMPACT_AT = 0.25
"""Share of dead rows at which the columns are written anew."""

_SKETCH = "sketch.faiss"

Progress = Callable[[int, int], None]
"""Called with rows done and rows to do."""


class Source(Protocol):
    """What publishing reads: the record."""

    def head(self) -> int:
        """Number of the newest change."""
        ...

    def current_versions(self) -> dict[int, str]:
        """Row ids of current versions, with the paper's id."""
        ...

    def standing(self, version_ids: Sequence[int]) -> list[int]:
        """Those of some versions whose paper is not retracted."""
        ...

    def chunks_of(self, version_ids: Sequence[int], model: ModelIdentity) -> Iterator[ChunkRow]:
        """Their chunks."""
        ...


@dataclass(frozen=True, slots=True)
class _Base:
    """What a new snapshot is built upon."""

    columns: str
    extent: Extent
    folder: Path | None
    """The snapshot whose words go on."""
    version_ids: NDArray[np.int64]
    """(rows,) the version of each row."""
    live: NDArray[np.bool_]
    seals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Intent:
    """What a new snapshot will say of itself."""

    model: ModelIdentity
    seq: int
    origin: str


class Publisher:
    """Makes snapshots on a shelf.

    Args:
        shelf: where they are put.
        source: the record.
        clock: for when they are made.
        keep: how many are kept.
        graph: makes their graphs; None where papers are not read for concepts.
    """

    def __init__(
        self, shelf: Shelf, source: Source, clock: Clock, *, keep: int, graph: GraphMaker | None = None
    ) -> None:
        self._shelf = shelf
        self._source = source
        self._clock = clock
        self._keep = keep
        self._graph = graph

    def publish(self, model: ModelIdentity, progress: Progress | None = None) -> Manifest:
        """Bring the index to the record's head; returns the current manifest if it is there already.

        Raises:
            ModelMismatch: the index was made with another model.
            StoreFull: the disk is full; the old snapshot stays current.
        """
        current = self._shelf.current()
        head = self._source.head()
        if current is not None:
            self.require(model)
            if current.seq == head:
                return current
        base = self._base(current, model)
        if base is not None and not self._wants_compaction(base):
            return self._build(_Intent(model, head, "publish"), base, progress)
        return self._build(_Intent(model, head, "publish"), None, progress)

    def require(self, model: ModelIdentity) -> None:
        """Make sure that the index was made with a model, if there is one.

        Raises:
            ModelMismatch: it was made with another.
        """
        try:
            current = self._shelf.current()
        except SnapshotCorrupt:  # it will be made anew
            return
        if current is not None and current.model != model:
            raise ModelMismatch(
                f"The index was made with {current.model}, but the model in use is {model}. "
                "Run `cmo kb rebuild --re-embed` to encode the papers with it, or set EMBED_MODEL back."
            )

    def rebuild(self, model: ModelIdentity, progress: Progress | None = None) -> Manifest:
        """Make a snapshot from the record alone, trusting no file of the index."""
        return self._build(_Intent(model, self._source.head(), "rebuild"), None, progress)

    def graph_faults(self, manifest: Manifest) -> list[str]:
        """Where the graph of a snapshot at the record's head is not what the record says."""
        if not self._graph:
            return []
        folder = self._shelf.columns(manifest.columns)
        columns = map_columns(folder, manifest.extent, manifest.model.dimension)
        snapshot = self._shelf.snapshot(manifest.id)
        live = read_live(snapshot, manifest.rows)
        shown = Shown(folder, columns, columns.rows["version_id"].astype(np.int64), live)
        return self._graph.faults(shown, manifest.extent, snapshot)

    def rollback(self, snapshot_id: str) -> Manifest:
        """Make an earlier snapshot current again, less the papers that are retracted since.

        It is published as a new snapshot, so that no cache mistakes it for the old one. The next ingest or retraction
        brings the index back to the record's head.
        """
        wanted = self._shelf.manifest(snapshot_id)
        newest = next(m for m in self._shelf.history() if m.columns == wanted.columns)
        base = self._base(newest, newest.model)
        if base is None:
            raise SnapshotCorrupt(f"Snapshot {snapshot_id} cannot be read. Run `cmo kb rebuild`.")
        then = read_live(self._shelf.snapshot(wanted.id), wanted.rows)
        live = np.zeros(len(base.live), np.bool_)
        live[: len(then)] = then
        live &= np.isin(base.version_ids, self._not_retracted(base.version_ids[live]))
        with full_disk_is_store_full(self._shelf.folder):
            intent = _Intent(newest.model, wanted.seq, f"{ROLLBACK}{wanted.id}")
            return self._install(replace(base, live=live), base.extent, self._stage(base), intent)

    def _not_retracted(self, version_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        wanted = [int(v) for v in np.unique(version_ids)]
        return np.array(self._source.standing(wanted), np.int64)

    def _base(self, current: Manifest | None, model: ModelIdentity) -> _Base | None:
        if current is None:
            return None
        try:
            columns = map_columns(self._shelf.columns(current.columns), current.extent, model.dimension)
            folder = self._shelf.snapshot(current.id)
            Words(folder / "words")
        except SnapshotCorrupt:
            return None
        version_ids = columns.rows["version_id"].astype(np.int64)
        live = np.isin(version_ids, np.array(list(self._source.current_versions()), np.int64))
        return _Base(current.columns, current.extent, folder, version_ids, live, current.seals)

    @staticmethod
    def _wants_compaction(base: _Base) -> bool:
        return len(base.live) > 0 and float(np.mean(base.live)) < 1 - _COMPACT_AT

    def _build(self, intent: _Intent, base: _Base | None, progress: Progress | None) -> Manifest:
        if base is None:
            none = np.empty(0, np.int64)
            base = _Base(self._shelf.next_columns(), EMPTY, None, none, none.astype(np.bool_))
        known = set(base.version_ids[base.live].tolist())
        wanted = [v for v in self._source.current_versions() if v not in known]
        with full_disk_is_store_full(self._shelf.folder):
            staged = self._stage(base)
            base, extent = self._append(base, wanted, intent.model, staged / "words", progress)
            return self._install(base, extent, staged, intent)

    def _stage(self, base: _Base) -> Path:
        staged = self._shelf.folder / "snapshots" / ".staged-next"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        if base.folder is not None:
            link_or_copy(base.folder / "words", staged / "words")
        return staged

    def _append(
        self, base: _Base, wanted: Sequence[int], model: ModelIdentity, words_folder: Path, progress: Progress | None
    ) -> tuple[_Base, Extent]:
        words = WordsWriter(words_folder)
        columns = ColumnWriter(self._shelf.columns(base.columns), base.extent, ROW_FILES)
        added: list[int] = []
        try:
            for chunk in self._source.chunks_of(wanted, model):
                said = lexemes(" ".join((chunk.paper.metadata.title, *(s[0] for s in chunk.sentences))))
                _append_row(columns, chunk, said, model)
                words.add(len(base.live) + len(added), said.stems.elements())
                added.append(chunk.version_id)
                if progress:
                    progress(len(added), 0)
            words.commit()
            extent = columns.finish()
        finally:
            columns.close()
        version_ids = np.concatenate([base.version_ids, np.array(added, np.int64)])
        live = np.concatenate([base.live, np.ones(len(added), np.bool_)])
        return replace(base, version_ids=version_ids, live=live), extent

    def _install(self, base: _Base, extent: Extent, staged: Path, intent: _Intent) -> Manifest:
        write_live(staged, base.live)
        folder = self._shelf.columns(base.columns)
        columns = map_columns(folder, extent, intent.model.dimension)
        if self._graph:
            extent = self._graph.make(Shown(folder, columns, base.version_ids, base.live), extent, staged)
        write_gram_rows(staged, base.folder, columns.grams[base.extent.size["grams.u32"] // _ENTRY_BYTES :])
        self._sketch(base, columns, staged)
        manifest = Manifest(
            id=self._shelf.next_id(),
            created_at=self._clock.now(),
            columns=base.columns,
            extent=extent,
            rows=len(base.live),
            live=int(base.live.sum()),
            papers=len(np.unique(base.version_ids[base.live])),
            model=intent.model,
            seq=intent.seq,
            origin=intent.origin,
            seals=sealed(staged, base.seals),
        )
        manifest.write(staged)
        self._shelf.install(staged, manifest.id)
        self._shelf.prune(self._keep)
        return manifest

    def _sketch(self, base: _Base, columns: Columns, staged: Path) -> None:
        if len(base.live) <= vectors.EXACT_ROWS:
            return
        vectors.write_sketch(columns.vectors, staged / _SKETCH, base.folder / _SKETCH if base.folder else None)


def _append_row(columns: ColumnWriter, chunk: ChunkRow, said: Lexemes, model: ModelIdentity) -> None:
    if chunk.vectors is None:
        raise ModelMismatch(f"{chunk.paper.source} has not been encoded with {model}. Run `cmo kb rebuild --re-embed`.")
    about = chunk.paper.metadata
    payload = orjson.dumps(payload_of(chunk))
    row = np.zeros(1, ROW)
    row["version_id"], row["chunk_id"] = chunk.version_id, chunk.chunk_id
    row["payload"], row["payload_size"] = columns.append("payload.bin", payload), len(payload)
    row["sentences"] = columns.append("sentences.i8", chunk.vectors.sentences) // model.dimension
    row["sentence_count"] = len(chunk.sentences)
    stems = numbered(said.stems)
    row["stems"] = columns.append("stems.u32", STEMS.pack(stems)) // _ENTRY_BYTES
    row["stem_count"], row["stem_length"] = len(stems), sum(stems.values())
    row["grams"] = columns.append("grams.u32", GRAMS.pack(said.grams)) // _ENTRY_BYTES
    row["gram_count"], row["gram_length"] = len(said.grams), sum(said.grams.values())
    row["paper"] = short_hash(chunk.paper.paper_id)
    row["journal"] = short_hash(about.journal.casefold())
    row["year"] = about.year or 0
    row["section"] = _SECTIONS[chunk.chunk.section]
    columns.append("vectors.f16", chunk.vectors.vector)
    columns.append("scales.f16", chunk.vectors.scales)
    columns.append("spans.u32", np.array([s[1:3] for s in chunk.sentences], "<u4").tobytes())
    columns.append("rows.bin", row.tobytes())
