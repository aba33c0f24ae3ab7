"""Reading a snapshot: everything that a search needs, memory-mapped and immutable."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt
from cmo.index.columns import Columns, map_columns
from cmo.index.facts import Facts
from cmo.index.forward import GRAMS, STEMS, Forward, Packing, Saturation
from cmo.index.gram_rows import read_gram_rows
from cmo.index.graph import GraphView
from cmo.index.graph_file import NAME, GraphArrays
from cmo.index.lexicon import grams, stem_number, stems
from cmo.index.live import read_live
from cmo.index.manifest import Manifest
from cmo.index.payload import paper_id, passage
from cmo.index.shelf import Shelf
from cmo.index.vectors import Vectors, dots, read_sketch
from cmo.index.words import Words
from cmo.kit.hashing import short_hash
from cmo.model.evidence import FloatArray, Passage, Term
from cmo.model.hits import Hits
from cmo.model.papers import Section
from cmo.model.ports import ModelIdentity
from cmo.model.questions import Filters

_SECTIONS = {section: n for n, section in enumerate(Section)}
_SLACK = 2
_STEM_SATURATION = Saturation(k1=0.9, b=0.6)
_GRAM_SATURATION = Saturation(k1=0.9, b=0.4)
_FEW = 200
"""Passages below which a word is taken to be as rare as it would be among so many: where a base holds one paper, what it is
about stands in each passage, and is no less telling for that. Of 40 bases of one PubMedQA abstract 39 answer the question of
that abstract instead of 35, and none of 80 questions of others."""


class Snapshot:
    """One immutable state of the index."""

    def __init__(
        self,
        manifest: Manifest,
        columns: Columns,
        live: NDArray[np.bool_],
        *,
        words: Words,
        vectors: Vectors,
        gram_rows: NDArray[np.uint32],
        graph: tuple[GraphArrays, Facts] | None,
    ) -> None:
        self.manifest = manifest
        self.columns = columns
        self.vectors = vectors
        self._words = words
        self._live = None if live.all() else live
        self._gram_rows = gram_rows
        self.graph = GraphView(*graph, lambda row: paper_id(self._payloads([row])[0])) if graph else None
        """What its papers say of concepts; None where nothing was read for concepts."""
        self._stems = _forward(STEMS, columns.stems, columns.rows, "stem", self._live)
        self._grams = _forward(GRAMS, columns.grams, columns.rows, "gram", self._live)
        self._shown = int(live.sum())
        # What is masked still stands in the words index; a retracted paper must not make its words common.
        masked = np.flatnonzero(~live)
        self._masked_stems, self._masked_grams = self._stems.held(masked), self._grams.held(masked)

    @classmethod
    def open(cls, shelf: Shelf, manifest: Manifest) -> Self:
        """Map a snapshot's files.

        Raises:
            SnapshotCorrupt: a file is missing, too short or unreadable.
        """
        folder = shelf.snapshot(manifest.id)
        columns = map_columns(shelf.columns(manifest.columns), manifest.extent, manifest.model.dimension)
        try:
            sketch = folder / "sketch.faiss"
            vectors = Vectors(columns.vectors, read_sketch(sketch) if sketch.exists() else None)
        except (OSError, ValueError, RuntimeError) as error:
            raise SnapshotCorrupt(f"Snapshot {manifest.id} cannot be read: {error}. Run `cmo kb rebuild`.") from error
        live = read_live(folder, len(columns.rows))
        return cls(
            manifest,
            columns,
            live,
            words=Words(folder / "words"),
            vectors=vectors,
            gram_rows=read_gram_rows(folder),
            graph=_graph(folder, shelf.columns(manifest.columns), manifest),
        )

    @property
    def id(self) -> str:
        """Its id, part of every answer."""
        return self.manifest.id

    @property
    def model(self) -> ModelIdentity:
        """Who made its vectors."""
        return self.manifest.model

    def eligible(self, filters: Filters) -> NDArray[np.bool_] | None:
        """Which rows may be found; None where all of them may."""
        if not filters:
            return self._live
        rows = self.columns.rows
        mask = np.ones(len(rows), np.bool_) if self._live is None else self._live.copy()
        if filters.year_from is not None:
            mask &= rows["year"] >= filters.year_from
        if filters.year_to is not None:
            mask &= (rows["year"] <= filters.year_to) & (rows["year"] > 0)
        if filters.journals:
            mask &= np.isin(rows["journal"], _hashes(filters.journals))
        if filters.papers:
            mask &= np.isin(rows["paper"], _hashes(filters.papers))
        if filters.without:
            mask &= ~np.isin(rows["paper"], _hashes(filters.without))
        if filters.sections:
            mask &= np.isin(rows["section"], [_SECTIONS[section] for section in filters.sections])
        return mask

    def count(self, mask: NDArray[np.bool_] | None) -> int:
        """How many rows a mask admits."""
        return len(self.columns.rows) if mask is None else int(mask.sum())

    def nearest(self, query: FloatArray, limit: int, mask: NDArray[np.bool_] | None) -> Hits:
        """Rows by cosine with a unit vector."""
        return self.vectors.search(query, limit, mask)

    def matching(self, terms: Sequence[Term], limit: int, mask: NDArray[np.bool_] | None) -> Hits:
        """Rows by BM25."""
        stems = [term.stem for term in terms]
        if mask is None:
            return self._words.search(stems, limit)
        # The words index knows no masks, so it is asked for more: as many as it takes on average, then for all.
        total, admitted = len(mask), max(1, int(mask.sum()))
        wide = min(total, limit * _SLACK * total // admitted)
        hits = self._words.search(stems, wide)
        if len(hits.rows) == wide < total and len(hits.within(mask, limit).rows) < limit:
            hits = self._words.search(stems, total)
        return hits.within(mask, limit)

    def terms(self, text: str) -> tuple[Term, ...]:
        """Stems of a question with their rarity (BM25's idf), each once."""
        asked = tuple(dict.fromkeys(stems(text)))
        masked = self._masked_stems.of(np.fromiter(map(stem_number, asked), np.int64, len(asked))).tolist()
        rows = (max(0, self._words.document_frequency(stem) - gone) for stem, gone in zip(asked, masked, strict=True))
        return tuple(Term(stem, self._idf(n)) for stem, n in zip(asked, rows, strict=True))

    def stem_scores(self, terms: Sequence[Term], rows: NDArray[np.int64]) -> FloatArray:
        """BM25 of rows in which a stem weighs by the square of its rarity."""
        rarest = self._idf(1)
        weights = {stem_number(term.stem): term.idf * term.idf / rarest for term in terms}
        return self._stems.scores(weights, rows, _STEM_SATURATION)

    def gram_scores(self, text: str, rows: NDArray[np.int64]) -> FloatArray:
        """BM25 of rows over grams of four characters."""
        asked = np.fromiter(grams(text), np.int64)
        found = self._gram_rows[asked] - self._masked_grams.of(asked)
        total = self._shown
        rarity = np.log1p((total - np.minimum(found, total) + 0.5) / (found + 0.5))
        return self._grams.scores(dict(zip(asked.tolist(), rarity.tolist(), strict=True)), rows, _GRAM_SATURATION)

    def cosines(self, query: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """Cosines of rows with a unit vector."""
        return self.vectors.scores(query, rows)

    def row_vectors(self, rows: NDArray[np.int64]) -> FloatArray:
        """Unit vectors of rows (n, dim)."""
        return self.columns.vectors[rows].astype(np.float32)

    def sentence_maxima(self, query: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """The best cosine that any sentence of a row has with a unit vector; 0 for a row without sentences."""
        places, ends = self._sentence_places(rows)
        best = np.zeros(len(rows), np.float32)
        if not len(places):
            return best
        cosines = dots(self.columns.sentences[places].astype(np.float32), query) * self.columns.scales[places]
        starts = np.concatenate([[0], ends[:-1]])
        filled = ends > starts
        best[filled] = np.maximum.reduceat(cosines, starts[filled])
        return best

    def passages(
        self, rows: Sequence[int], scores: Sequence[float], signals: Sequence[Mapping[str, float]]
    ) -> list[Passage]:
        """Rows with what it takes to quote them."""
        if not rows:
            return []
        places, ends = self._sentence_places(np.asarray(rows, np.int64))
        scales = self.columns.scales[places].astype(np.float32)
        vectors = np.split(self.columns.sentences[places] * scales[:, None], ends[:-1])
        try:
            return [
                passage(payload, row, score, dict(parts), of_row)
                for payload, row, score, parts, of_row in zip(
                    self._payloads(rows), rows, scores, signals, vectors, strict=True
                )
            ]
        except (ValueError, TypeError) as error:
            raise SnapshotCorrupt(f"Snapshot {self.id} cannot be quoted: {error}. Run `cmo kb rebuild`.") from error

    def _idf(self, rows: int) -> float:
        total = max(self._shown, _FEW)
        return math.log1p((total - min(rows, total) + 0.5) / (rows + 0.5))

    def _payloads(self, rows: Sequence[int]) -> list[bytes]:
        facts, payload = self.columns.rows[np.asarray(rows, np.int64)], self.columns.payload
        sizes = zip(facts["payload"].tolist(), facts["payload_size"].tolist(), strict=True)
        return [payload[start : start + size].tobytes() for start, size in sizes]

    def _sentence_places(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the sentence vectors of some rows are, one row after another, and where each row's end among them."""
        chosen = self.columns.rows[rows]
        counts = chosen["sentence_count"].astype(np.int64)
        ends = np.cumsum(counts)
        return np.arange(counts.sum()) + np.repeat(chosen["sentences"].astype(np.int64) - ends + counts, counts), ends


class Snapshots:
    """The snapshot to read now; opens the next one when it is published.

    Looking costs one `stat` a question. Threads may share it; a search goes on with the snapshot that it began with.

    Args:
        shelf: where snapshots are.
        heal: called when the newest one cannot be read; says whether it can be now.
    """

    def __init__(self, shelf: Shelf, heal: Callable[[], bool]) -> None:
        self._shelf = shelf
        self._heal = heal
        self._seen: tuple[int, int] | None = None
        self._open: Snapshot | None = None
        self._lock = threading.Lock()

    def current(self) -> Snapshot | None:
        """The newest snapshot; None before the first.

        Raises:
            SnapshotCorrupt: it cannot be read.
        """
        mark = self._mark()
        if mark == self._seen and mark is not None:
            return self._open
        with self._lock:
            if mark != self._seen or mark is None:
                self._open = self._read()
                self._seen = mark
        return self._open

    def _read(self) -> Snapshot | None:
        before = self._mark()
        try:
            return self._newest()
        except SnapshotCorrupt:
            # It may just have been replaced and pruned; if not, it has to be made anew.
            if self._mark() == before and not self._heal():
                raise
            return self._newest()

    def _newest(self) -> Snapshot | None:
        manifest = self._shelf.current()
        return Snapshot.open(self._shelf, manifest) if manifest else None

    def _mark(self) -> tuple[int, int] | None:
        try:
            facts = self._shelf.pointer.stat()
        except FileNotFoundError:
            return None
        return facts.st_mtime_ns, facts.st_ino


def _forward(
    packing: Packing, entries: NDArray[np.uint32], rows: NDArray[np.void], name: str, live: NDArray[np.bool_] | None
) -> Forward:
    return Forward(
        packing,
        entries,
        starts=rows[f"{name}s"].astype(np.int64),
        counts=rows[f"{name}_count"].astype(np.int64),
        lengths=rows[f"{name}_length"].astype(np.float32),
        live=live,
    )


def _graph(folder: Path, columns: Path, manifest: Manifest) -> tuple[GraphArrays, Facts] | None:
    """A snapshot without this file has no graph, unless it was made with one."""
    return (GraphArrays.read(folder), Facts.open(columns, manifest.extent)) if NAME in manifest.seals else None


def _hashes(names: frozenset[str]) -> NDArray[np.uint64]:
    return np.array([short_hash(name) for name in names], np.uint64)
