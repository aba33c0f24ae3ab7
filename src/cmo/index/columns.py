"""Columns: append-only files of fixed meaning, memory-mapped by readers.

``rows.bin``       one `ROW` a chunk
``vectors.f16``    (rows, dim) float16, unit length
``sentences.i8``   (sentences, dim) int8
``scales.f16``     (sentences,) float16
``stems.u32``      stems of each chunk with their counts (`cmo.index.forward`)
``grams.u32``      grams of each chunk with their counts
``payload.bin``    JSON of each chunk: what it takes to quote it
``spans.u32``      (sentences, 2) where each sentence stands in its paper's text

Beside them stands what readers found in the rows (`cmo.index.facts`), in files that grow on their own: a paper may be
read again long after its rows were written.

A row is never changed. A snapshot sees a prefix; what a crash left behind the newest prefix is cut off by the next
append.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt
from cmo.kit.files import crc32_file

ROW = np.dtype(
    [
        ("version_id", "<i8"),
        ("chunk_id", "<i8"),
        ("payload", "<u8"),  # offset in payload.bin
        ("payload_size", "<u4"),
        ("sentences", "<u8"),  # first row in sentences.i8
        ("sentence_count", "<u4"),
        ("stems", "<u8"),  # first entry in stems.u32
        ("stem_count", "<u4"),
        ("stem_length", "<u4"),  # occurrences, repetitions counted
        ("grams", "<u8"),  # first entry in grams.u32
        ("gram_count", "<u4"),
        ("gram_length", "<u4"),
        ("paper", "<u8"),  # hash of the paper's id
        ("journal", "<u8"),  # hash of the case-folded journal
        ("year", "<i2"),  # 0 where unknown
        ("section", "u1"),  # position in `Section`
    ]
)
ROW_FILES = (
    "rows.bin", "vectors.f16", "sentences.i8", "scales.f16", "payload.bin", "stems.u32", "grams.u32", "spans.u32",
)  # fmt: skip
FACT_FILES = (
    "readings.bin", "concepts.u64", "labels.bin", "mentions.bin", "facts.bin", "contexts.u32", "curated.bin",
    "names.bin",
)  # fmt: skip
FILES = ROW_FILES + FACT_FILES


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of each file a snapshot sees: bytes, and their CRC-32."""

    size: Mapping[str, int]
    crc: Mapping[str, int]


EMPTY = Extent(dict.fromkeys(FILES, 0), dict.fromkeys(FILES, 0))


class ColumnWriter:
    """Appends to some of the files behind an extent, and says the new one."""

    def __init__(self, folder: Path, extent: Extent, names: Sequence[str] = FILES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._size = dict(extent.size)
        self._crc = dict(extent.crc)
        for name in names:
            path = folder / name
            if (path.stat().st_size if path.exists() else 0) < self._size[name]:
                raise SnapshotCorrupt(f"{path} is shorter than its manifest says. Run `cmo kb rebuild`.")
        self._files = {name: (folder / name).open("ab") for name in names}
        for name, file in self._files.items():
            file.truncate(self._size[name])

    def append(self, name: str, data: bytes) -> int:
        """Append bytes to a file; returns the offset at which they begin."""
        start = self._size[name]
        self._files[name].write(data)
        self._size[name] += len(data)
        self._crc[name] = zlib.crc32(data, self._crc[name])
        return start

    def finish(self) -> Extent:
        """Make everything durable and close."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        self.close()
        return Extent(self._size, self._crc)

    def close(self) -> None:
        """Close without a promise."""
        with ExitStack() as stack:  # all are closed, even if the first one's last bytes find no room
            for file in self._files.values():
                stack.callback(file.close)


@dataclass(frozen=True, slots=True)
class Columns:
    """A memory-mapped prefix."""

    rows: NDArray[np.void]
    """(n,) `ROW`."""
    vectors: NDArray[np.float16]
    """(n, dim)."""
    sentences: NDArray[np.int8]
    """(m, dim)."""
    scales: NDArray[np.float16]
    """(m,)."""
    payload: NDArray[np.uint8]
    stems: NDArray[np.uint32]
    grams: NDArray[np.uint32]
    spans: NDArray[np.uint32]
    """(m, 2) start and end of each sentence in its paper's text."""


def map_columns(folder: Path, extent: Extent, dimension: int) -> Columns:
    """Map the prefix that an extent describes.

    Raises:
        SnapshotCorrupt: a file is missing or too short.
    """
    return Columns(
        map_column(folder, extent, "rows.bin", ROW, ()),
        map_column(folder, extent, "vectors.f16", np.dtype("<f2"), (dimension,)),
        map_column(folder, extent, "sentences.i8", np.dtype("i1"), (dimension,)),
        map_column(folder, extent, "scales.f16", np.dtype("<f2"), ()),
        map_column(folder, extent, "payload.bin", np.dtype("u1"), ()),
        map_column(folder, extent, "stems.u32", np.dtype("<u4"), ()),
        map_column(folder, extent, "grams.u32", np.dtype("<u4"), ()),
        map_column(folder, extent, "spans.u32", np.dtype("<u4"), (2,)),
    )


def faults(folder: Path, extent: Extent) -> list[str]:
    """Files whose prefix is missing, too short or does not have its CRC-32."""
    found = []
    for name in extent.size:
        path = folder / name
        if not extent.size[name]:
            continue  # nobody has written to it yet
        if not path.exists() or path.stat().st_size < extent.size[name]:
            found.append(f"{path} is missing or too short")
        elif crc32_file(path, extent.size[name]) != extent.crc[name]:
            found.append(f"{path} does not match its checksum")
    return found


def map_column(folder: Path, extent: Extent, name: str, dtype: np.dtype[Any], tail: tuple[int, ...]) -> NDArray[Any]:
    """Map the prefix of one file as an array of (n, *tail).

    Raises:
        SnapshotCorrupt: it is missing or too short.
    """
    width = dtype.itemsize * (tail[0] if tail else 1)
    count = extent.size[name] // width
    if count == 0:
        return np.empty((0, *tail), dtype)
    try:
        # A plain ndarray over the map: the memmap subclass costs microseconds at every slice.
        return np.memmap(folder / name, dtype, "r", 0, (count, *tail)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise SnapshotCorrupt(f"{folder / name} cannot be read: {error}. Run `cmo kb rebuild`.") from error
