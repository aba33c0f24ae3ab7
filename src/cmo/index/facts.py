"""What readers found in the rows: append-only columns beside those of the rows.

``readings.bin``   one `READING` a reading taken in, or a vocabulary's set of curated edges
``concepts.u64``   hash of the id of each concept ever seen; its place is its number, and the number of its node
``labels.bin``     one `LABEL` a way in which a concept is shown: the vocabulary's, or that of a reading
``mentions.bin``   one `MENTION` a row and concept
``facts.bin``      one `FACT` a statement
``contexts.u32``   concepts that statements are set in
``curated.bin``    one `CURATED` an edge that a vocabulary states
``names.bin``      JSON: concepts, names of readers, sources of curated edges

Nothing is ever changed. What a snapshot shows of it is chosen by two masks: rows that live, and readings that the
record still has. So a retracted paper takes its facts with it, and a reading made anew supersedes the old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt
from cmo.index.columns import FACT_FILES, Extent, map_column
from cmo.model.concepts import Kind, RelationType

READING = np.dtype(
    [
        ("key", "<u8"),  # see `cmo.model.record.ReadingMark`; hash of its identity for curated edges
        ("version_id", "<i8"),  # -1 for curated edges
        ("reader", "<u8"),  # offset in names.bin
        ("reader_size", "<u4"),
    ]
)
LABEL = np.dtype(
    [
        ("concept", "<u4"),
        ("reading", "<u4"),  # that brought it; ALWAYS for the vocabulary
        ("rank", "u1"),  # the least one that lives is shown
        ("tie", "<u8"),  # hash of what it says: settles which of equal rank is shown, whatever their order
        ("name", "<u8"),  # offset in names.bin of JSON [id, name]
        ("size", "<u4"),
        ("kind", "u1"),  # position in `KINDS`
    ]
)
MENTION = np.dtype(
    [
        ("row", "<u4"),
        ("concept", "<u4"),
        ("reading", "<u4"),  # position in readings.bin
        ("count", "<u2"),
        ("confidence", "<f4"),  # the best one
    ]
)
FACT = np.dtype(
    [
        ("row", "<u4"),
        ("subject", "<u4"),
        ("object", "<u4"),
        ("reading", "<u4"),
        ("probability", "<f4"),
        ("context", "<u4"),  # first entry in contexts.u32
        ("contexts", "u1"),
        ("sentence", "<u2"),  # place among the row's sentences
        ("type", "u1"),  # position in `TYPES`
        ("flags", "u1"),  # NEGATED, HEDGED, APART
    ]
)
CURATED = np.dtype(
    [
        ("subject", "<u8"),  # hashes of ids: most of these concepts are in no paper and have no number
        ("object", "<u8"),
        ("reading", "<u4"),
        ("type", "u1"),
        ("name", "<u8"),  # offset in names.bin of JSON [subject, object, source, evidence]
        ("size", "<u4"),
    ]
)
NEGATED, HEDGED, APART = 1, 2, 4
ALWAYS = (1 << 32) - 1
BY_VOCABULARY, BY_READING, BY_MENTION, BY_ID = range(4)
"""Ranks of labels: who says how a concept is called and what it is."""
KINDS = tuple(Kind)
TYPES = tuple(RelationType)
"""The columns hold positions in these; what changes the order changes the format."""


class Label(NamedTuple):
    """How a concept is shown."""

    id: str
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """A memory-mapped prefix."""

    readings: NDArray[np.void]
    concepts: NDArray[np.uint64]
    labels: NDArray[np.void]
    mentions: NDArray[np.void]
    facts: NDArray[np.void]
    contexts: NDArray[np.uint32]
    curated: NDArray[np.void]
    names: NDArray[np.uint8]

    @classmethod
    def open(cls, folder: Path, extent: Extent) -> Self:
        """Map the prefix that an extent describes.

        Raises:
            SnapshotCorrupt: a file is missing or too short.
        """
        kinds: tuple[np.dtype[Any], ...] = (
            READING,
            np.dtype("<u8"),
            LABEL,
            MENTION,
            FACT,
            np.dtype("<u4"),
            CURATED,
            np.dtype("u1"),
        )
        arrays: list[Any] = [
            map_column(folder, extent, name, kind, ()) for name, kind in zip(FACT_FILES, kinds, strict=True)
        ]
        return cls(*arrays)

    def label(self, place: int) -> Label:
        """How a concept is shown, by the place of its label."""
        entry = self.labels[place]
        concept_id, name = self.text(int(entry["name"]), int(entry["size"]))
        return Label(concept_id, name, KINDS[entry["kind"]])

    def reader(self, reading: int) -> str:
        """Who made a reading, by its position."""
        entry = self.readings[reading]
        return str(self.text(int(entry["reader"]), int(entry["reader_size"])))

    def curated_text(self, number: int) -> tuple[str, str, str, str]:
        """Subject, object, source and evidence of a curated edge."""
        entry = self.curated[number]
        subject, object_, source, evidence = self.text(int(entry["name"]), int(entry["size"]))
        return subject, object_, source, evidence

    def text(self, start: int, size: int) -> Any:
        """A piece of names.bin."""
        try:
            return orjson.loads(self.names[start : start + size].tobytes())
        except ValueError as error:
            raise SnapshotCorrupt(f"names.bin cannot be read: {error}. Run `cmo kb rebuild`.") from error
