"""Files that are either there whole or not there at all, and a lock that dies with its holder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cmo.errors import StoreFull, StoreLocked

_BLOCK = 1 << 20


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, also after a power cut; threads may race."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def crc32_file(path: Path, size: int | None = None) -> int:
    """CRC-32 of a file's first `size` bytes, of all by default, in constant memory."""
    value = 0
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            value = zlib.crc32(block, value)
            left -= len(block)
    return value


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    sync_file(folder)


@contextmanager
def full_disk_is_store_full(where: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StoreFull(
            f"The disk that holds {where} is full. Nothing that was acknowledged is lost; "
            "free some space and run the same command again."
        ) from error


@contextmanager
def exclusive(path: Path, purpose: str, *, wait: bool, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock file while the block runs; the kernel frees it when the holder dies.

    Raises:
        StoreLocked: somebody else holds it and `wait` is false; the message names the holder.
    """
    with full_disk_is_store_full(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, path, wait=wait, on_wait=on_wait)
        with suppress(OSError):  # on a full disk the lock holds all the same, it just cannot say whose it is
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "purpose": purpose}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, *, wait: bool, on_wait: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(path)
        if not wait:
            raise StoreLocked(
                f"{path.parent} is being written by {holder}. Wait for it to end, or run again with --wait."
            ) from error
        if on_wait:
            on_wait(holder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(path: Path) -> str:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return "another process"
    return f"process {facts.get('pid', '?')} ({facts.get('purpose', 'unknown')})"
