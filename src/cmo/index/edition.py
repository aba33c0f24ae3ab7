"""Which snapshot is current, told without opening it: by its id, and by a digest that no other snapshot ever shares.

Ids count up and begin anew when an index is lost; the digest is over the whole manifest, the time of making included.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Self

from cmo.errors import SnapshotCorrupt
from cmo.index.manifest import Manifest
from cmo.index.shelf import Shelf
from cmo.kit.hashing import hex_hash


@dataclass(frozen=True, slots=True)
class Edition:
    """A snapshot by name."""

    id: str
    digest: str

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """That of a manifest."""
        return cls(manifest.id, hex_hash(repr(manifest)))


class Editions:
    """The current one; looking costs one `stat` as long as it stays the same.

    Args:
        shelf: the snapshots.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._seen: tuple[int, int] | None = None
        self._edition: Edition | None = None
        self._lock = threading.Lock()

    def now(self) -> Edition | None:
        """The current one; None where there is none that can be read."""
        try:
            facts = self._shelf.pointer.stat()
        except OSError:
            return None
        mark = facts.st_mtime_ns, facts.st_ino
        with self._lock:
            if mark != self._seen:
                self._edition, self._seen = self._read(), mark
            return self._edition

    def _read(self) -> Edition | None:
        try:
            manifest = self._shelf.current()
        except SnapshotCorrupt:  # whoever asks the index is told, or it is made anew
            return None
        return Edition.of(manifest) if manifest else None
