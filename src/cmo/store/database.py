"""One database as a room of it is used: read at will, changed one at a time, rows put where one may be already."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from cmo.store.engine import alone, place, translated

_BEGIN: Final = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SET LOCAL lock_timeout = '10s'",  # as long as SQLite waits: a frozen process stops nobody for ever
}


class Database:
    """Transactions on one database, whose errors are ours.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._where = place(engine)
        self._insert: Any = sqlite_insert if engine.dialect.name == "sqlite" else postgres_insert
        # Threads that wait for SQLite's one writer sleep by guess and may starve; here they wait in turn.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by.

        Raises:
            StoreError: the database cannot be used.
        """
        with translated(self._where), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction that sees what it changes as it stands: everything or nothing.

        Raises:
            StoreError: the database cannot be used.
        """
        with translated(self._where), self._turn, self.engine.begin() as connection:
            connection.exec_driver_sql(_BEGIN[self.engine.dialect.name])
            yield connection

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """A transaction that waits for nobody before its first line is written.

        Raises:
            StoreError: the database cannot be used.
        """
        with translated(self._where), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A transaction that no other one made by this runs beside, in whatever process (see `cmo.store.engine.alone`).

        Raises:
            StoreError: the database cannot be used.
        """
        with translated(self._where), alone(self.engine) as connection:
            yield connection

    def upsert(self, table: Table) -> Any:
        """An insert that may say what becomes of rows that are there already, in this database's words."""
        return self._insert(table)
