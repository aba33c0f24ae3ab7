"""Which rows of the columns a snapshot shows: one byte a row, 0 or 1, and a CRC-32 behind them.

A wrong byte would bring a retracted paper back, so the sum is checked at every opening.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt

_NAME = "live.u1"
_SUM_BYTES = 4


def write_live(folder: Path, live: NDArray[np.bool_]) -> None:
    """Write into a snapshot's folder."""
    data = live.tobytes()
    (folder / _NAME).write_bytes(data + _sum(data))


def read_live(folder: Path, rows: int) -> NDArray[np.bool_]:
    """Read from a snapshot's folder.

    Raises:
        SnapshotCorrupt: it is missing, or is not about so many rows.
    """
    path = folder / _NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotCorrupt(f"{path} cannot be read: {error}. Run `cmo kb rebuild`.") from error
    data, told = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if len(data) != rows or told != _sum(data):
        raise SnapshotCorrupt(f"{path} is damaged. Run `cmo kb rebuild`.")
    live: NDArray[np.bool_] = np.frombuffer(data, np.uint8) != 0
    return live


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM_BYTES, "little")
