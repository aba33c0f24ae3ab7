"""In how many rows each gram occurs: one table a snapshot, carried on from the one before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt
from cmo.index.lexicon import GRAMS
from cmo.kit.files import sync_file

_NAME = "gram_rows.u32"
_GRAM_MASK = np.uint32((1 << 21) - 1)


def write_gram_rows(folder: Path, before: Path | None, entries: NDArray[np.uint32]) -> None:
    """Write the table: that of the snapshot before, and the entries of the rows that are new."""
    table = read_gram_rows(before).copy() if before else np.zeros(GRAMS, np.uint32)
    np.add.at(table, entries & _GRAM_MASK, np.uint32(1))  # touches what is new; a histogram would cost a whole table
    path = folder / _NAME
    path.write_bytes(table.data)
    sync_file(path)


def read_gram_rows(folder: Path) -> NDArray[np.uint32]:
    """The table, memory-mapped.

    Raises:
        SnapshotCorrupt: it is missing or of the wrong size.
    """
    try:
        return np.memmap(folder / _NAME, "<u4", "r", 0, (GRAMS,)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise SnapshotCorrupt(f"{folder / _NAME} cannot be read: {error}. Run `cmo kb rebuild`.") from error
