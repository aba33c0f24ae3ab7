"""The bytes of a file, bounded before they are read: on disk, and again when unpacked.

Nothing here knows what a paper is. A file is admitted by its size and kind alone; gzip is unpacked only as far as the
bounds allow, so a bomb costs no more than an honest file.
"""

from __future__ import annotations

import gzip
import stat
import zlib
from pathlib import Path

from cmo.errors import PaperRefused
from cmo.model.outcomes import Refusal

MAX_BYTES = 200_000_000
"""Largest file that is read, and largest text that is unpacked from one."""
MAX_RATIO = 200
"""Text packs 3 to 8 times; what unpacks to far more is a bomb."""
RATIO_FROM_BYTES = 1_000_000
"""Below this size the ratio is not looked at."""
_STEP = 1 << 20
_GZIP = b"\x1f\x8b"


def admit(path: Path, max_bytes: int = MAX_BYTES) -> int:
    """The size of a regular, non-empty file within the limit. Raises `PaperRefused`; reads nothing."""
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise PaperRefused(Refusal.UNREADABLE, f"The folder {path.name} cannot be read.", "Check its permissions.")
    if not stat.S_ISREG(found.st_mode):
        raise PaperRefused(Refusal.UNREADABLE, f"{path.name} is not a regular file.", "Name the file itself.")
    if found.st_size == 0:
        raise PaperRefused(Refusal.EMPTY, f"{path.name} is empty (0 bytes).", "Download or export it again.")
    if found.st_size > max_bytes:
        raise PaperRefused(
            Refusal.TOO_LARGE,
            f"{path.name} has {found.st_size / 1e6:,.0f} MB; the limit is {max_bytes / 1e6:,.0f} MB.",
            "Split it, or raise CMO_MAX_FILE_MEGABYTES.",
        )
    return found.st_size


def head(path: Path, size: int) -> tuple[bytes, bool]:
    """The first bytes of a file, unpacked if it is gzip, and whether it was."""
    try:
        with path.open("rb") as file:
            start = file.read(size)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not start.startswith(_GZIP):
        return start, False
    try:
        return zlib.decompressobj(wbits=31).decompress(start, size), True
    except zlib.error as error:
        raise _broken_gzip(path) from error


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """All bytes of a file, unpacked if it is gzip. Raises `PaperRefused` before it grows past the bounds."""
    size = admit(path, max_bytes)
    try:
        with path.open("rb") as file:
            if file.read(2) != _GZIP:
                file.seek(0)
                return file.read(max_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _unpack(path, size, max_bytes)


def _unpack(path: Path, size: int, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    try:
        with gzip.open(path) as file:
            while part := file.read(_STEP):
                total += len(part)
                if total > max_bytes or (total > RATIO_FROM_BYTES and total > size * MAX_RATIO):
                    raise PaperRefused(
                        Refusal.TOO_LARGE,
                        f"{path.name} unpacks from {size:,} bytes to more than {total:,}: no article packs so tightly.",
                        "Unpack it, look at what it holds, and add that file.",
                    )
                parts.append(part)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _broken_gzip(path) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(parts)


def _broken_gzip(path: Path) -> PaperRefused:
    return PaperRefused(Refusal.TRUNCATED, f"{path.name} is a damaged or cut-off gzip file.", "Download it again.")


def _unreadable(path: Path, error: OSError) -> PaperRefused:
    return PaperRefused(
        Refusal.UNREADABLE,
        f"{path.name} cannot be read ({error.strerror or type(error).__name__}).",
        "Check that it exists and that this user may read it.",
    )
