"""The shelf: which snapshots are there, which one is current, and which files nobody needs any more.

::

    index/CURRENT                    the id of the snapshot to read
    index/columns/0001/              append-only files, shared by snapshots of one lineage
    index/snapshots/000012/          manifest.json, live.u1, words/, sketch.faiss
"""

from __future__ import annotations

import shutil
from pathlib import Path

from cmo.errors import NotFound, SnapshotCorrupt
from cmo.index.manifest import Manifest
from cmo.kit.files import sync_folder, write_atomic

_POINTER = "CURRENT"
PENDING = "PUBLISH-PENDING"
"""A file of this name in the working directory: the record may be ahead of the index."""


class Shelf:
    """Names and folders of snapshots; opens none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pointer = folder / _POINTER

    def columns(self, name: str) -> Path:
        """Folder of shared columns."""
        return self.folder / "columns" / name

    def snapshot(self, snapshot_id: str) -> Path:
        """Folder of a snapshot."""
        return self.folder / "snapshots" / snapshot_id

    def current(self) -> Manifest | None:
        """Manifest of the snapshot to read; None before the first.

        Raises:
            SnapshotCorrupt: the pointer names a snapshot that cannot be read.
        """
        name = self._pointed()
        if name is None and not self._names():
            return None
        if name is None or not name.isdigit():
            raise SnapshotCorrupt(f"{self.pointer} names no snapshot. Run `cmo kb rebuild`.")
        return Manifest.read(self.snapshot(name))

    def manifest(self, snapshot_id: str) -> Manifest:
        """Manifest of a kept snapshot.

        Raises:
            NotFound: it was never made, or is no longer kept.
        """
        snapshot_id = snapshot_id.zfill(6)
        if not snapshot_id.isdigit() or not self.snapshot(snapshot_id).is_dir():
            kept = ", ".join(m.id for m in self.history()) or "none"
            raise NotFound(f"There is no snapshot {snapshot_id!r}; kept are: {kept}.")
        return Manifest.read(self.snapshot(snapshot_id))

    def history(self) -> list[Manifest]:
        """Readable snapshots, newest first."""
        found = []
        for name in sorted(self._names(), reverse=True):
            try:
                found.append(Manifest.read(self.snapshot(name)))
            except SnapshotCorrupt:
                continue
        return found

    def next_id(self) -> str:
        """An id that no snapshot has had."""
        pointed = self._pointed() or ""
        return f"{max(0, *map(int, self._names()), int(pointed) if pointed.isdigit() else 0) + 1:06d}"

    def next_columns(self) -> str:
        """A name for new columns."""
        folder = self.folder / "columns"
        names = [p.name for p in folder.iterdir() if p.name.isdigit()] if folder.exists() else []
        return f"{max(map(int, names), default=0) + 1:04d}"

    def install(self, staged: Path, snapshot_id: str) -> None:
        """Give a finished snapshot its name and point to it; the one step that readers can see."""
        staged.rename(self.snapshot(snapshot_id))
        sync_folder(self.folder / "snapshots")
        write_atomic(self.pointer, snapshot_id.encode())

    def prune(self, keep: int) -> None:
        """Remove all but the newest snapshots, columns that none of them reads, and what crashes left behind."""
        for name in sorted(self._names())[:-keep]:
            shutil.rmtree(self.snapshot(name), ignore_errors=True)
        for stale in (self.folder / "snapshots").glob(".staged-*"):
            shutil.rmtree(stale, ignore_errors=True)
        used = {manifest.columns for manifest in self.history()}
        for columns in (self.folder / "columns").iterdir():
            if columns.name not in used:
                shutil.rmtree(columns, ignore_errors=True)

    def _pointed(self) -> str | None:
        try:
            return self.pointer.read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None

    def _names(self) -> list[str]:
        folder = self.folder / "snapshots"
        return [p.name for p in folder.iterdir() if p.name.isdigit()] if folder.exists() else []
