"""Keys, sessions and the trail of what was done, in SQL: a change and its line are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from cmo.errors import NotFound
from cmo.model.access import Allowance, Deed, Key, Line, Role, Session
from cmo.store import access_tables as tables
from cmo.store.database import Database

_KEPT: Final = (
    "id", "digest", "name", "role", "tenant", "made_at", "expires_at", "revoked_at", "replaced_by", "used_at",
)  # fmt: skip
_DAYS: Final = 40
"""For which uses are counted apart."""


class SqlAccess:
    """The tables of `access_tables`. `Record.access` gives it. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    # -- keys ----------------------------------------------------------------------------------------------------

    def guarded(self) -> bool:
        """Whether a key was ever made: from then on everybody needs one."""
        with self._database.reading() as connection:
            return connection.execute(select(tables.keys.c.id).limit(1)).first() is not None

    def key(self, key: str) -> Key | None:
        """A key by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(tables.keys).where(tables.keys.c.id == key)).first()
        return _key(row) if row else None

    def keys(self) -> list[Key]:
        """All, the newest first."""
        query = select(tables.keys).order_by(tables.keys.c.made_at.desc(), tables.keys.c.id)
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(query)]

    def add(self, key: Key, deed: Deed) -> None:
        """Keep a key."""
        with self._database.changing() as connection:
            _insert(connection, key)
            append(connection, deed)

    def end(self, key: str, at: float | None, deed: Deed, successor: Key | None = None) -> None:
        """Let a key end at a moment, or not (None), and keep the one that comes in its place, if one does.

        Raises:
            NotFound: there is no such key.
        """
        table = tables.keys
        values: dict[str, Any] = {"revoked_at": at}
        if successor is not None:
            values["replaced_by"] = successor.id
        with self._database.changing() as connection:
            if not connection.execute(update(table).where(table.c.id == key).values(values)).rowcount:
                raise NotFound(f"There is no key {key!r}. See `cmo keys list`.")
            if successor is not None:
                _insert(connection, successor)
            append(connection, deed)

    def used(self, key: str, day: str, times: int, at: float) -> int:
        """Count uses of a key; returns how many there were that day, in all processes."""
        table = tables.uses
        with self._database.changing() as connection:
            fresh = self._database.upsert(table).values(key=key, day=day, times=times)
            added = fresh.on_conflict_do_update(
                index_elements=["key", "day"], set_={"times": table.c.times + times}
            ).returning(table.c.times)
            total = connection.execute(added).scalar_one()
            if total == times:  # the first of this day
                old = select(table.c.day).where(table.c.key == key).order_by(table.c.day.desc()).offset(_DAYS)
                connection.execute(delete(table).where(table.c.key == key, table.c.day.in_(old)))
            connection.execute(update(tables.keys).where(tables.keys.c.id == key).values(used_at=at))
        return int(total)

    # -- sessions ------------------------------------------------------------------------------------------------

    def session(self, digest: str) -> Session | None:
        """A session by its digest."""
        table = tables.sessions
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.digest == digest)).first()
        return Session(row.digest, row.key, row.expires_at) if row else None

    def begin(self, session: Session, deed: Deed) -> None:
        """Keep a session; those that are over are deleted."""
        with self._database.changing() as connection:
            _begin(connection, session, deed.at)
            append(connection, deed)

    def leave(self, digest: str, deed: Deed) -> None:
        """Delete a session."""
        with self._database.changing() as connection:
            connection.execute(delete(tables.sessions).where(tables.sessions.c.digest == digest))
            append(connection, deed)

    def take(self, digest: str, now: float) -> str:
        """Delete a session, of which whoever comes second finds nothing; returns its key, empty where none holds."""
        table = tables.sessions
        taken = delete(table).where(table.c.digest == digest, table.c.expires_at > now).returning(table.c.key)
        with self._database.changing() as connection:
            return str(connection.execute(taken).scalar() or "")

    def welcome(self, key: Key, deed: Deed, session: Session | None = None) -> Key:
        """Keep who was vouched for, with the role and tenant of now, and a session; returns the key as it is kept.

        The name stays that of the first time; one that is somebody else's gets the id behind it.
        """
        table = tables.keys
        with self._database.changing() as connection:
            _line_up(connection)
            row = connection.execute(select(table).where(table.c.id == key.id)).first()
            known = _key(row) if row else None
            kept = replace(known or key, role=key.role, tenant=key.tenant, name=_name(connection, key, known))
            if known is None:
                _insert(connection, kept)
            elif kept != known:
                values = {"name": kept.name, "role": kept.role, "tenant": kept.tenant}
                connection.execute(update(table).where(table.c.id == key.id).values(values))
            if session is not None:
                _begin(connection, session, deed.at)
            append(connection, replace(deed, actor=kept.name))
        return kept

    # -- the trail -----------------------------------------------------------------------------------------------

    def note(self, deed: Deed) -> Line:
        """Write a deed down."""
        with self._database.changing() as connection:
            return append(connection, deed)

    def lines(self, after: int = 0, most: int = 1_000) -> Sequence[Line]:
        """Lines after a number, in order."""
        table = tables.trail
        query = select(table).where(table.c.number > after).order_by(table.c.number).limit(most)
        with self._database.reading() as connection:
            return [_line(row) for row in connection.execute(query)]

    def height(self) -> tuple[int, str]:
        """Number and hash of the line that was written last, as they were noted beside it."""
        with self._database.reading() as connection:
            return _height(connection)


def append(connection: Connection, deed: Deed) -> Line:
    """Add a line to the trail, in the transaction of what it tells of."""
    _line_up(connection)
    line = Line.after(*_height(connection), deed)
    row = {name: getattr(deed, name) for name in ("at", "actor", "action", "subject")}
    facts = orjson.dumps(deed.facts).decode()
    connection.execute(
        insert(tables.trail).values(**row, facts=facts, number=line.number, before=line.before, hash=line.hash)
    )
    table, now = tables.height, {"number": line.number, "hash": line.hash}
    if not connection.execute(update(table).values(now)).rowcount:
        connection.execute(insert(table).values(id=1, **now))
    return line


def _line_up(connection: Connection) -> None:
    """Wait for whoever else writes: two of them would follow on the same line."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236839)")


def _begin(connection: Connection, session: Session, now: float) -> None:
    table = tables.sessions
    connection.execute(delete(table).where(table.c.expires_at < now))
    row = {"digest": session.digest, "key": session.key, "expires_at": session.expires_at}
    connection.execute(insert(table).values(row))


def _name(connection: Connection, wished: Key, known: Key | None) -> str:
    """By which name somebody goes: nobody can take another's by calling themselves so at the provider."""
    if known is not None and known.name:
        return known.name
    table = tables.keys
    others = select(table.c.id).where(table.c.name == wished.name, table.c.id != wished.id).limit(1)
    return f"{wished.name}~{wished.id}" if connection.execute(others).first() else wished.name


def _height(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(tables.height.c.number, tables.height.c.hash)).first()
    return (int(row.number), str(row.hash)) if row else (0, "")


def _insert(connection: Connection, key: Key) -> None:
    row = {name: getattr(key, name) for name in _KEPT}
    row |= {"per_minute": key.allowance.per_minute, "per_day": key.allowance.per_day}
    connection.execute(insert(tables.keys).values(row))


def _key(row: Row[Any]) -> Key:
    facts = {name: getattr(row, name) for name in _KEPT} | {"role": Role(row.role)}
    return Key(**facts, allowance=Allowance(row.per_minute, row.per_day))


def _line(row: Row[Any]) -> Line:
    deed = Deed(row.at, row.actor, row.action, row.subject, orjson.loads(row.facts))
    return Line(row.number, deed, row.before, row.hash)
