"""Packed entries in one SQLite file, bounded in bytes, the oldest going first. Used from one thread.

::

    entries   key, scope, size, value, in the order in which they were put
    totals    how many there are and how much room they take, kept by triggers, right for all processes

A cache may be lost, so nothing waits for the disk (`synchronous=OFF`): what was put survives a killed process; after a
power cut the file may be damaged. Damage is found by SQLite or by the checksum of each entry, and a file that cannot be
read is thrown away and made anew. A file that somebody else threw away is noticed by its number and opened anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

LEAST_BYTES: Final = 1_000_000
"""Of a file: what SQLite itself takes must fit in as well."""
_PAGE = 4096
_BUSY_MS = 50
_FORMAT = 1
_ROOM = 0.9
"""Share of the limit down to which the oldest are removed once it is reached, so that this is not done for each."""
_FILL = 0.95
"""Share of the limit that entries may take; the rest is for the tables."""
_BATCH = 64
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""The last is what a table says that is not there."""
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_scope ON entries (scope);
CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON entries BEGIN
  UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON entries BEGIN
  UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.size;
END;
PRAGMA user_version = 1;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a file holds."""

    entries: int = 0
    bytes: int = 0


class CacheFile:
    """The file; opened on first use.

    Args:
        path: where it is.
        limit: bytes that it may take.
        entries: how many it may hold.

    Every method raises `sqlite3.Error` or `OSError` where the file cannot be used, now or for good.
    """

    def __init__(self, path: Path, limit: int, entries: int | None = None) -> None:
        self.path = path
        self.limit = max(limit, LEAST_BYTES)
        self._most = entries
        self._connection: sqlite3.Connection | None = None
        self._number = 0
        self.totals = Totals()
        """As of the last change that was made here."""
        self.remade = 0
        """How often it was found damaged."""
        self.evicted = 0

    def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        row = self._try(lambda c: c.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone())
        if row is None:
            return None
        return row[0] if isinstance(row[0], bytes) else b""  # a damaged file may say anything, and pass for whole

    def put(self, key: str, scope: str, value: bytes) -> bool:
        """Keep something; whether there was room for it."""
        size = (len(value) // _PAGE + 1) * _PAGE
        if size > self.limit * _FILL * _ROOM:
            return False
        return self._try(lambda c: self._put(c, (key, scope, size, value)))

    def remove(self, key: str) -> None:
        """Forget one."""
        self._try(lambda c: c.execute("DELETE FROM entries WHERE key = ?", (key,)))

    def drop(self, scope: str, *, others: bool = False) -> None:
        """Forget what was kept in a scope, or in all the others, and leave none of it in the file."""
        which = "scope <> ?" if others else "scope = ?"
        self._try(lambda c: self._wipe(c, f"DELETE FROM entries WHERE {which}", (scope,)))  # noqa: S608 - two fixed texts

    def clear(self) -> None:
        """Forget everything."""
        self._try(lambda c: self._wipe(c, "DELETE FROM entries", ()))

    def count(self) -> None:
        """Bring the totals up to date with what other processes did."""
        self._try(self._count)

    def throw_away(self) -> None:
        """Remove the file, whatever its state."""
        self.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        self.totals = Totals()

    def close(self) -> None:
        """Give the file back."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work on the file; once more on a new one, should it turn out to be damaged."""
        try:
            return work(self._opened())
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not _is_damage(error):
                raise
            self.throw_away()
            self.remade += 1
            return work(self._opened())

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._number == _number(self.path):
            return self._connection
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        try:
            self._prepare(connection)
        except (sqlite3.Error, UnicodeDecodeError):
            connection.close()
            raise
        self._connection, self._number = connection, _number(self.path)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            f"page_size={_PAGE}",
            f"max_page_count={self.limit // _PAGE}",
            "journal_mode=WAL",
            "synchronous=OFF",
            "journal_size_limit=4000000",
            "recursive_triggers=ON",  # so that what is replaced is counted as gone
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        known = connection.execute("PRAGMA user_version").fetchone()[0]
        if known not in {0, _FORMAT}:
            raise _Foreign(f"{self.path} is of another format")
        if known == 0:
            connection.executescript(_SCHEMA)
        self._count(connection)

    def _put(self, connection: sqlite3.Connection, row: tuple[str, str, int, bytes]) -> bool:
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._make_room(connection, row[2])
            try:
                self._insert(connection, row)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not connection.in_transaction:
                    raise
                self._evict(connection, int(self.totals.bytes * _ROOM) - row[2])
                self._insert(connection, row)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return True

    def _insert(self, connection: sqlite3.Connection, row: tuple[str, str, int, bytes]) -> None:
        connection.execute("INSERT OR REPLACE INTO entries (key, scope, size, value) VALUES (?, ?, ?, ?)", row)
        self._count(connection)

    def _make_room(self, connection: sqlite3.Connection, size: int) -> None:
        self._count(connection)
        most = int(self.limit * _FILL)
        if self.totals.bytes + size > most or (self._most is not None and self.totals.entries >= self._most):
            self._evict(connection, int(most * _ROOM) - size)

    def _evict(self, connection: sqlite3.Connection, down_to: int) -> None:
        """Remove the oldest until the rest takes no more than this, and there is a place for one more."""
        while self.totals.entries and (
            self.totals.bytes > down_to or (self._most is not None and self.totals.entries >= self._most)
        ):
            before = self.totals.entries
            some = _BATCH if self.totals.bytes > down_to else 1
            connection.execute("DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY id LIMIT ?)", (some,))
            self._count(connection)
            if self.totals.entries == before:
                raise _Foreign(f"{self.path} holds less than it says")
            self.evicted += before - self.totals.entries

    def _wipe(self, connection: sqlite3.Connection, statement: str, values: tuple[str, ...]) -> None:
        connection.execute("PRAGMA secure_delete=ON")
        try:
            connection.execute(statement, values)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted would stand in the log for a while
        finally:
            connection.execute("PRAGMA secure_delete=OFF")
        self._count(connection)

    def _count(self, connection: sqlite3.Connection) -> None:
        match connection.execute("SELECT entries, bytes FROM totals").fetchone():
            case (int(entries), int(held)) if entries >= 0 and held >= 0:
                self.totals = Totals(entries, held)
            case _:
                raise _Foreign(f"{self.path} does not say how much it holds")


class _Foreign(sqlite3.DatabaseError):
    """A database, but not one of ours."""


def _is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """A message of SQLite that is no text quotes names of a damaged schema."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return isinstance(error, _Foreign | UnicodeDecodeError) or (code & 0xFF) in _DAMAGE


def _number(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
