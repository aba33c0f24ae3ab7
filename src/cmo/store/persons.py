"""What is kept of one person, in SQL: all of it told, or all of it taken away.

::

    answers, ratings, questions asked, exposures, limits ----> deleted
    what calls cost, experiments' observations --------------> kept, under a name that nobody can trace
    the trail ----------------------------------------------> stands: it is the proof of who did what
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, and_, delete, func, or_, select, update

from cmo.kit.hashing import hex_hash
from cmo.kit.seal import Seal
from cmo.model.access import PERSON
from cmo.model.webhooks import State
from cmo.store import access_tables, delivery_tables, tables, webhook_tables
from cmo.store.answer_tables import answers, ratings
from cmo.store.answers import comment_of, given_of
from cmo.store.database import Database

Facts = Mapping[str, Any]
_MONEY: Final = (tables.ledger, tables.balances)
_FORGOTTEN: Final = (tables.limits, tables.asked)


class SqlPersons:
    """Reads and erases. `Record.persons` gives it.

    Args:
        engine: of the database.
        seal: opens what was asked, answered and said.
    """

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self._database = Database(engine)
        self._seal = seal

    def said(self, user: str) -> dict[str, list[Facts]]:
        """What somebody asked and thought, where they were put, which keys have their name."""
        with self._database.reading() as connection:
            asked = select(answers).where(answers.c.user_id == user).order_by(answers.c.at)
            rated = select(ratings).where(ratings.c.user_id == user).order_by(ratings.c.at)
            return {
                "answers": [_answer(row, self._seal) for row in connection.execute(asked)],
                "ratings": [_rating(row, self._seal) for row in connection.execute(rated)],
                "exposures": list(_exposures(connection, user)),
                "keys": _rows(connection, access_tables.keys, access_tables.keys.c.name == user, without=("digest",)),
                "trail": _rows(connection, access_tables.trail, access_tables.trail.c.actor == user),
            }

    def spent(self, user: str, tenant: str | None) -> dict[str, list[Facts]]:
        """What their questions cost; of one tenant, or of all."""
        with self._database.reading() as connection:
            return {
                str(table.name): _rows(connection, table, _whose(table, user, tenant)) for table in _MONEY + _FORGOTTEN
            } | {"people": _rows(connection, access_tables.keys, _person(user, tenant), without=("digest",))}

    def erase_said(self, user: str) -> dict[str, int]:
        """Delete that; returns how many rows of each kind."""
        mine = select(answers.c.id).where(answers.c.user_id == user)
        with self._database.alone() as connection:
            rated = connection.execute(delete(ratings).where(ratings.c.answer.in_(mine))).rowcount
            rated += connection.execute(delete(ratings).where(ratings.c.user_id == user)).rowcount
            asked = connection.execute(delete(answers).where(answers.c.user_id == user)).rowcount
            return {"answers": asked, "ratings": rated, "exposures": _unexpose(connection, user)}

    def erase_spent(self, user: str, tenant: str | None) -> dict[str, int]:
        """Delete what can be, and let money be that of nobody who can be traced."""
        nobody, done = f"erased-{secrets.token_hex(6)}", {}
        with self._database.alone() as connection:
            for table in _MONEY:
                whose = _whose(table, user, tenant)
                done[str(table.name)] = connection.execute(update(table).where(whose).values(user_id=nobody)).rowcount
            for table in _FORGOTTEN:
                done[str(table.name)] = connection.execute(delete(table).where(_whose(table, user, tenant))).rowcount
            done["people"] = _unname(connection, user, tenant)
        return done

    def forget(self, kind: str, before: datetime) -> int:
        """Delete what is older of one kind: ``answers``, ``exposures``, ``spending`` or ``deliveries`` of webhooks; returns how many rows."""
        with self._database.alone() as connection:
            return sum(connection.execute(delete(table).where(which)).rowcount for table, which in _old(kind, before))

    def older(self, kind: str, before: datetime) -> int:
        """How many rows that would be."""
        with self._database.reading() as connection:
            counts = (select(func.count()).select_from(table).where(which) for table, which in _old(kind, before))
            return sum(int(connection.execute(count).scalar_one()) for count in counts)


def _old(kind: str, before: datetime) -> list[tuple[Table, ColumnElement[bool]]]:
    """What is older of one kind: rows of tables, in the order in which they can be deleted."""
    seconds = before.timestamp()
    put, seen, sent = delivery_tables.exposures, delivery_tables.observations, webhook_tables.deliveries
    given = select(answers.c.id).where(answers.c.at < before)
    paused = select(webhook_tables.webhooks.c.id).where(webhook_tables.webhooks.c.paused_at.is_not(None))
    old: dict[str, list[tuple[Table, ColumnElement[bool]]]] = {
        "answers": [(ratings, ratings.c.answer.in_(given)), (answers, answers.c.at < before)],
        "exposures": [(put, put.c.at < seconds), (seen, seen.c.at < seconds)],
        "spending": [(table, table.c.at < before) for table in (tables.ledger, tables.asked)],
        "deliveries": [
            (sent, and_(sent.c.at < seconds, or_(sent.c.state != State.WAITING, sent.c.webhook.in_(paused))))
        ],
    }
    return old[kind]


def _whose(table: Table, user: str, tenant: str | None) -> ColumnElement[bool]:
    mine = table.c.user_id == user
    return mine if tenant is None else and_(mine, table.c.tenant == tenant)


def _person(user: str, tenant: str | None) -> ColumnElement[bool]:
    """Who signs in with a provider under that name."""
    keys = access_tables.keys
    mine = and_(keys.c.name == user, keys.c.id.startswith(PERSON))
    return mine if tenant is None else and_(mine, keys.c.tenant == tenant)


def _unname(connection: Connection, user: str, tenant: str | None) -> int:
    """Let what stands for them have no name, and no session; whether they come again is their provider's to say."""
    keys, sessions = access_tables.keys, access_tables.sessions
    which = _person(user, tenant)
    connection.execute(delete(sessions).where(sessions.c.key.in_(select(keys.c.id).where(which))))
    return connection.execute(update(keys).where(which).values(name="")).rowcount


def _rows(connection: Connection, table: Table, which: Any, *, without: Sequence[str] = ()) -> list[Facts]:
    columns = [column for column in table.c if column.name not in without]
    return [_plain(row) for row in connection.execute(select(*columns).where(which))]


def _plain(row: Row[Any]) -> Facts:
    """A row by the names of its columns, which are a kind of their own."""
    return {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - its API


def _answer(row: Row[Any], seal: Seal) -> Facts:
    given = given_of(row, seal)
    return {"id": given.id, "at": given.at, "tenant": given.payer.tenant, "asked": given.asked, "reply": given.reply}


def _rating(row: Row[Any], seal: Seal) -> Facts:
    return {**_plain(row), "comment": comment_of(row, seal)}


def _exposures(connection: Connection, user: str) -> Iterator[Mapping[str, Any]]:
    """Rows of where somebody was put, who is known there by a hash alone."""
    table = delivery_tables.exposures
    subjects = connection.execute(select(table.c.subject, table.c.step).distinct()).all()
    for subject, step in subjects:
        mine = (table.c.subject == subject) & (table.c.step == step) & table.c.unit.in_(_units(subject, step, user))
        for row in connection.execute(select(table).where(mine)):
            yield _plain(row)


def _units(subject: str, step: int, user: str) -> tuple[str, str]:
    """By which hashes rollouts and experiments know somebody."""
    return hex_hash(subject, user, size=16), hex_hash(subject, str(step), user, size=16)


def _unexpose(connection: Connection, user: str) -> int:
    """Take away where somebody was put; what was observed of them stays, as that of somebody unknown."""
    put, seen = delivery_tables.exposures, delivery_tables.observations
    done = 0
    for row in list(_exposures(connection, user)):
        mine = and_(*(put.c[name] == row[name] for name in ("subject", "step", "unit")))
        done += connection.execute(delete(put).where(mine)).rowcount
        stranger = secrets.token_hex(16)
        about = (seen.c.subject == row["subject"]) & (seen.c.step == row["step"]) & seen.c.sums.contains(row["unit"])
        renamed = func.replace(seen.c.sums, row["unit"], stranger)
        connection.execute(update(seen).where(about).values(sums=renamed))
    return done
