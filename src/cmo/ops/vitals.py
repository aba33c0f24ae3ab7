"""This machine, as a service needs it: room on the disk, memory, descriptors, cores, permissions, a port. Pure but for the look."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cmo.kit.machine import cores, memory_left
from cmo.ops.doctor import Finding, broken, degraded, ok

GIGABYTE: Final = 1_000_000_000
LEAST_ROOM, ENOUGH_ROOM = GIGABYTE // 10, GIGABYTE
"""Bytes of the disk: below the first a snapshot cannot be published, below the second not many more."""
LEAST_MEMORY, ENOUGH_MEMORY = 3 * GIGABYTE // 10, GIGABYTE
"""Bytes: the model and an index of a few hundred papers take about the first."""
LEAST_DESCRIPTORS, ENOUGH_DESCRIPTORS = 256, 4096
_OTHERS = stat.S_IRWXO | stat.S_IRWXG


def disk_room(name: str, folder: Path) -> Finding:
    """Whether there is room where a folder is, or is to be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    said, fix = f"{free / GIGABYTE:,.1f} GB free at {folder}", "Free some space, or move the folder to a larger disk."
    if free < LEAST_ROOM:
        return broken(name, f"{said}; a change needs {LEAST_ROOM / GIGABYTE:g} GB", fix)
    return degraded(name, said, fix) if free < ENOUGH_ROOM else ok(name, said)


def memory(name: str, left: int | None = None) -> Finding:
    """Whether there is memory for one more process that answers."""
    left = memory_left() if left is None else left
    if left is None:
        return degraded(
            name, "This system does not tell how much memory is free", "Look yourself; a process needs 1 GB."
        )
    said = f"{left / GIGABYTE:,.1f} GB can still be taken"
    fix = "Run fewer --workers, lower CMO_CACHE_MEGABYTES, or give the machine or container more."
    if left < LEAST_MEMORY:
        return broken(name, f"{said}; a process needs about {ENOUGH_MEMORY / GIGABYTE:g} GB", fix)
    return degraded(name, said, fix) if left < ENOUGH_MEMORY else ok(name, said)


def descriptors(name: str, most: int | None = None) -> Finding:
    """How many files and connections a process may hold open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if most is None else most
    if most == resource.RLIM_INFINITY:
        return ok(name, "without limit")
    said = f"{most:,} at most"
    fix = "Raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in the systemd unit."
    if most < LEAST_DESCRIPTORS:
        return broken(name, said, fix)
    return (
        degraded(name, f"{said}; each open connection takes one", fix) if most < ENOUGH_DESCRIPTORS else ok(name, said)
    )


def threads(name: str, wanted: int, available: int | None = None) -> Finding:
    """Whether the encoder takes as many threads as there are cores."""
    available = available or cores()
    if wanted > available:
        said = f"CMO_THREADS={wanted}, and {available} cores may be used: they wait for each other"
        return degraded(name, said, f"Set CMO_THREADS to {available} or fewer, or leave it out.")
    return ok(name, f"{wanted or available} threads on {available} cores")


def folder_can_be_used(name: str, folder: Path, *, write: bool = True) -> Finding:
    """Whether a folder, and what lies at its top, may be read and written by this user."""
    if not folder.exists():
        parent = next(path for path in folder.absolute().parents if path.exists())
        if write and not os.access(parent, os.W_OK | os.X_OK):
            return broken(name, f"{folder} is not there, and {parent} may not be written to", _owned(parent))
        return ok(name, f"{folder} is not there yet; the first `cmo ingest` makes it")
    if not folder.is_dir():
        return broken(name, f"{folder} is no folder", "Move it away, or name another folder with CMO_HOME.")
    need = os.R_OK | os.X_OK | (os.W_OK if write else 0)
    closed = [
        path for path in (folder, *folder.iterdir()) if not os.access(path, need if path.is_dir() else need & ~os.X_OK)
    ]
    if closed:
        return broken(name, f"{closed[0]} may not be {'written' if write else 'read'} by this user", _owned(closed[0]))
    if folder.stat().st_mode & stat.S_IWOTH:
        return degraded(name, f"{folder} may be written by everybody", f"chmod o-w {folder}")
    return ok(name, f"{folder} can be {'read and written' if write else 'read'}")


def secrets_are_private(name: str, files: Iterable[Path]) -> Finding:
    """Whether files with secrets are for their owner alone."""
    open_to = [path for path in files if path.exists() and path.stat().st_mode & _OTHERS]
    if open_to:
        return degraded(name, f"{open_to[0]} may be read by others, and holds secrets", f"chmod 600 {open_to[0]}")
    return ok(name, "for their owner alone")


def port(name: str, host: str, number: int, *, ours: bool) -> Finding:
    """Whether somebody can listen at a port.

    Args:
        name: of the check.
        host: where to listen.
        number: the port; 0 takes a free one.
        ours: whether what answers there says that it is this service.
    """
    where = f"{host} port {number}"
    try:
        with socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return ok(name, f"{where} is free")
    except OSError as error:
        if ours:
            return ok(name, f"a service of this kind answers at {where}")
        return broken(
            name, f"{where}: {os.strerror(error.errno or 0)}", "Choose another with CMO_PORT, or end what listens."
        )


def _owned(path: Path) -> str:
    return f"chown -R {os.getuid()} {path}, or run as its owner."
