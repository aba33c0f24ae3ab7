"""Taking readings in: mentions and relations of papers to mentions and facts of rows.

::

    reading --spans of the rows' sentences--> which row, which sentence --numbers of concepts--> columns

A sentence that two overlapping rows hold is mentioned by both, and its facts stand in the first. What was read where no
row stands (headings, author lists) cannot be cited and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.index.columns import FACT_FILES, Columns, ColumnWriter, Extent
from cmo.index.facts import (
    ALWAYS,
    APART,
    BY_ID,
    BY_MENTION,
    BY_READING,
    BY_VOCABULARY,
    CURATED,
    FACT,
    HEDGED,
    KINDS,
    LABEL,
    MENTION,
    NEGATED,
    READING,
    TYPES,
    Facts,
)
from cmo.kit.hashing import short_hash
from cmo.model.concepts import Concept, CuratedEdge, Kind, Mention, Reading, Relation, RelationType
from cmo.model.record import ReadingMark, StoredReading

Describe = Callable[[str], Concept | None]
"""A concept by its id, as a vocabulary knows it."""
_KIND_PLACE = {kind: n for n, kind in enumerate(KINDS)}
_TYPE_PLACE = {kind: n for n, kind in enumerate(TYPES)}
_MOST = np.iinfo(np.uint16).max
_MOST_CONTEXTS = 255
NO_VERSION = -1
_ID_BYTES = 4


class ReadingSource(Protocol):
    """Where readings are kept: the record."""

    def marks(self, version_ids: Sequence[int]) -> list[ReadingMark]:
        """Which readings versions have."""
        ...

    def of(self, version_ids: Sequence[int]) -> Iterator[StoredReading]:
        """Readings of versions."""
        ...

    def sentence_starts(self, version_ids: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Where the sentences of versions begin in their texts."""
        ...


class Curated(Protocol):
    """What vocabularies state."""

    @property
    def identity(self) -> str:
        """Changes with any of the edges."""
        ...

    def edges(self) -> Iterable[CuratedEdge]:
        """All of them."""
        ...


class Places:
    """Where the rows of a version stand in its paper.

    Args:
        rows: its rows in the columns, in order.
        columns: with these rows.
    """

    def __init__(self, rows: NDArray[np.int64], columns: Columns) -> None:
        first = columns.rows["sentences"][rows].astype(np.int64)
        counts = columns.rows["sentence_count"][rows].astype(np.int64)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        spans = columns.spans[np.repeat(first, counts) + within].astype(np.int64)
        self._starts, self._ends = spans[:, 0], spans[:, 1]
        self._rows = np.repeat(rows, counts)
        self._sentence: dict[int, tuple[int, int]] = {}
        for start, row, place in zip(self._starts.tolist(), self._rows.tolist(), within.tolist(), strict=True):
            self._sentence.setdefault(start, (row, place))

    def sentence(self, start: int) -> tuple[int, int] | None:
        """Row, and place in it, of the sentence that begins at a character; None where no row has it."""
        return self._sentence.get(start)

    def rows_of(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which mentions, of those that begin at ascending characters, stand in which rows: two arrays alike."""
        low = np.searchsorted(starts, self._starts)
        counts = np.searchsorted(starts, self._ends) - low
        which = np.arange(counts.sum()) + np.repeat(low - np.cumsum(counts) + counts, counts)
        return which, np.repeat(self._rows, counts)


class Intake:
    """Appends readings behind an extent. Enter it, take in, and `finish`.

    Args:
        folder: of the columns.
        extent: what is there.
        columns: the rows, with all that readings speak of.
        describe: names concepts.
    """

    def __init__(self, folder: Path, extent: Extent, columns: Columns, describe: Describe) -> None:
        facts = Facts.open(folder, extent)
        self._columns = columns
        self._describe = describe
        self._numbers = {h: n for n, h in enumerate(facts.concepts.tolist())}
        self._settled = set(facts.labels["concept"][facts.labels["rank"] == BY_VOCABULARY].tolist())
        self._readings = len(facts.readings)
        self._readers = {
            facts.reader(int(n)): (int(facts.readings["reader"][n]), int(facts.readings["reader_size"][n]))
            for n in np.unique(facts.readings["reader"], return_index=True)[1]
        }
        self._hashes: dict[str, int] = {}
        self._writer = ColumnWriter(folder, extent, FACT_FILES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def finish(self) -> Extent:
        """Make what was taken in durable."""
        return self._writer.finish()

    def take(self, stored: StoredReading, rows: NDArray[np.int64], starts: Sequence[int]) -> None:
        """Append one reading.

        Args:
            stored: the reading.
            rows: rows of its version.
            starts: where each sentence of the paper begins.
        """
        number = self._begin(stored.mark.key, stored.mark.version_id, stored.mark.reader)
        places = Places(rows, self._columns)
        self._name_all(stored.reading, number)
        self._mentions(stored.reading.mentions, places, number)
        self._facts(stored.reading, places, starts, number)

    def take_curated(self, curated: Curated) -> None:
        """Append what vocabularies state."""
        number = self._begin(short_hash(curated.identity), NO_VERSION, curated.identity)
        rows = [self._curated(edge, number) for edge in curated.edges()]
        self._writer.append("curated.bin", np.array(rows, CURATED).tobytes())

    def name(self, concept_id: str) -> None:
        """See that a concept has a number and a label, which every snapshot shows."""
        if not self._settle(concept_id):
            self._label(concept_id, concept_id, Kind.OTHER, ALWAYS, BY_ID)

    def _name_all(self, read: Reading, reading: int) -> None:
        """Label the concepts of a reading that no vocabulary knows, as this reading calls them."""
        kinds = {m.concept: m.kind for m in read.mentions}
        foreign = {c.id: c for c in read.concepts}
        related = ((r.subject, r.object, *r.context) for r in read.relations)
        for concept_id in dict.fromkeys((*kinds, *chain.from_iterable(related))):
            if self._settle(concept_id):
                continue
            if concept := foreign.get(concept_id):
                self._label(concept_id, concept.name, concept.kind, reading, BY_READING)
            elif kind := kinds.get(concept_id):
                self._label(concept_id, concept_id, kind, reading, BY_MENTION)
            else:
                self._label(concept_id, concept_id, Kind.OTHER, reading, BY_ID)

    def _settle(self, concept_id: str) -> bool:
        """Give a concept a number; whether a vocabulary names it."""
        number = self._number(concept_id)
        if number not in self._settled:
            concept = self._describe(concept_id)
            if concept is None:
                return False
            self._label(concept_id, concept.name, concept.kind, ALWAYS, BY_VOCABULARY)
            self._settled.add(number)
        return True

    def _number(self, concept_id: str) -> int:
        hashed = self._hash(concept_id)
        number = self._numbers.get(hashed)
        if number is None:
            number = self._numbers[hashed] = len(self._numbers)
            self._writer.append("concepts.u64", hashed.to_bytes(8, "little"))
        return number

    def _label(self, concept_id: str, name: str, kind: Kind, reading: int, rank: int) -> None:
        start, size = self._text([concept_id, name])
        tie = short_hash(f"{kind} {name}")
        entry = (self._number(concept_id), reading, rank, tie, start, size, _KIND_PLACE[kind])
        self._writer.append("labels.bin", np.array([entry], LABEL).tobytes())

    def _begin(self, key: int, version_id: int, reader: str) -> int:
        start, size = self._readers.get(reader) or self._readers.setdefault(reader, self._text(reader))
        self._writer.append("readings.bin", np.array([(key, version_id, start, size)], READING).tobytes())
        self._readings += 1
        return self._readings - 1

    def _mentions(self, mentions: Sequence[Mention], places: Places, reading: int) -> None:
        if not mentions:
            return
        concepts = np.array([self._number(m.concept) for m in mentions], np.int64)
        confidences = np.array([m.confidence for m in mentions], np.float32)
        which, rows = places.rows_of(np.array([m.start for m in mentions], np.int64))
        order = np.lexsort((concepts[which], rows))
        which, rows = which[order], rows[order]
        concepts, confidences = concepts[which], confidences[which]
        first = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(concepts, prepend=-1))
        entries = np.zeros(len(first), MENTION)
        entries["row"], entries["concept"], entries["reading"] = rows[first], concepts[first], reading
        entries["count"] = np.minimum(np.diff(first, append=len(rows)), _MOST)
        entries["confidence"] = np.maximum.reduceat(confidences, first) if len(first) else 0.0
        self._writer.append("mentions.bin", entries.tobytes())

    def _facts(self, read: Reading, places: Places, starts: Sequence[int], reading: int) -> None:
        entries = []
        for relation in read.relations:
            known = 0 <= relation.sentence < len(starts)
            place = places.sentence(starts[relation.sentence]) if known else None
            if place is not None:
                entries.append(self._fact(relation, place, reading))
        self._writer.append("facts.bin", np.array(entries, FACT).tobytes())

    def _fact(self, relation: Relation, place: tuple[int, int], reading: int) -> tuple[Any, ...]:
        context = [self._number(c) for c in relation.context[:_MOST_CONTEXTS]]
        start = self._writer.append("contexts.u32", np.array(context, "<u4").tobytes()) // _ID_BYTES
        subject, object_ = relation.subject, relation.object
        if relation.type is RelationType.ASSOCIATED_WITH and object_ < subject:
            subject, object_ = object_, subject  # readers from elsewhere may not know that the ids settle the order
        row, sentence = place
        return (
            row,
            self._number(subject),
            self._number(object_),
            reading,
            relation.probability,
            start,
            len(context),
            min(sentence, _MOST),
            _TYPE_PLACE[relation.type],
            relation.negated * NEGATED | relation.hedged * HEDGED | relation.apart * APART,
        )

    def _curated(self, edge: CuratedEdge, reading: int) -> tuple[Any, ...]:
        start, size = self._text([edge.subject, edge.object, edge.source, edge.evidence])
        return self._hash(edge.subject), self._hash(edge.object), reading, _TYPE_PLACE[edge.type], start, size

    def _text(self, value: Any) -> tuple[int, int]:
        data = orjson.dumps(value)
        return self._writer.append("names.bin", data), len(data)

    def _hash(self, concept_id: str) -> int:
        known = self._hashes.get(concept_id)
        return known if known is not None else self._hashes.setdefault(concept_id, short_hash(concept_id))
