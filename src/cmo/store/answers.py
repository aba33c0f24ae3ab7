"""Answers that were given and what people think of them, in SQL.

A reply is kept whole, as compressed JSON of a few kilobytes: what was told must not change with what is known later.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Engine, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgres_upsert
from sqlalchemy.dialects.sqlite import insert as sqlite_upsert

from cmo.errors import NotFound, StoreCorrupt
from cmo.model.audit import Facts, Given, Rating
from cmo.model.money import Payer
from cmo.store.answer_tables import answers, ratings
from cmo.store.engine import place, translated

_QUICK: Final = 1
"""Level of compression: five times smaller in a third of a millisecond."""
_ESCAPE: Final = "\\"


class SqlAnswers:
    """The tables of `answer_tables`. `Record.answers` gives it. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._where = place(engine)
        self._upsert: Any = sqlite_upsert if engine.dialect.name == "sqlite" else postgres_upsert

    def put(self, given: Sequence[Given]) -> None:
        """Keep answers; what is there already stays as it is."""
        rows = [
            {
                "id": g.id,
                "at": g.at,
                "tenant": g.payer.tenant,
                "user_id": g.payer.user,
                "release": g.release,
                "version": g.version,
                "question": g.question,
                "asked": _packed(g.asked),
                "reply": _packed(g.reply),
            }
            for g in given
        ]
        if rows:
            with translated(self._where), self._engine.begin() as connection:
                connection.execute(self._upsert(answers).on_conflict_do_nothing(), rows)

    def get(self, answer: str) -> Given | None:
        """An answer by its id."""
        with translated(self._where), self._engine.connect() as connection:
            row = connection.execute(select(answers).where(answers.c.id == answer)).first()
        return None if row is None else given_of(row)

    def needed(self, answer: str) -> Given:
        """The same, for whoever cannot do without it.

        Raises:
            NotFound: there is no such answer.
        """
        given = self.get(answer)
        if given is None:
            raise _unknown(answer)
        return given

    def recent(self, limit: int, *, containing: str = "") -> list[Given]:
        """The latest answers, newest first, whose question holds some words; case does not matter."""
        query = select(answers).order_by(answers.c.at.desc(), answers.c.id).limit(limit)
        if containing:
            words = containing.casefold().replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
            query = query.where(func.lower(answers.c.question).like(f"%{words}%", escape=_ESCAPE))
        with translated(self._where), self._engine.connect() as connection:
            return [given_of(row) for row in connection.execute(query)]

    def forget(self, before: datetime) -> int:
        """Delete answers and their ratings; returns how many answers that were."""
        old = select(answers.c.id).where(answers.c.at < before)
        with translated(self._where), self._engine.begin() as connection:
            connection.execute(delete(ratings).where(ratings.c.answer.in_(old)))
            return connection.execute(delete(answers).where(answers.c.at < before)).rowcount

    def rate(self, rating: Rating) -> None:
        """Keep a rating; the last one of a person counts.

        Raises:
            NotFound: there is no such answer.
        """
        said = {"at": rating.at, "score": rating.score, "comment": rating.comment}
        whose = {"answer": rating.answer, "tenant": rating.payer.tenant, "user_id": rating.payer.user}
        with translated(self._where), self._engine.begin() as connection:
            if connection.execute(select(answers.c.id).where(answers.c.id == rating.answer)).first() is None:
                raise _unknown(rating.answer)
            fresh = self._upsert(ratings).values(**whose, **said)
            connection.execute(fresh.on_conflict_do_update(index_elements=list(whose), set_=said))

    def ratings(self, answer: str | None = None) -> list[Rating]:
        """Ratings of one answer, or all, oldest first."""
        query = select(ratings).order_by(ratings.c.at, ratings.c.answer, ratings.c.user_id)
        if answer is not None:
            query = query.where(ratings.c.answer == answer)
        with translated(self._where), self._engine.connect() as connection:
            return [
                Rating(row.answer, _utc(row.at), Payer(row.tenant, row.user_id), row.score, row.comment)
                for row in connection.execute(query)
            ]


def _unknown(answer: str) -> NotFound:
    return NotFound(f"There is no answer {answer!r}, or it is forgotten. See `cmo answers list`.")


def given_of(row: Row[Any]) -> Given:
    """An answer as its row says.

    Raises:
        StoreCorrupt: it cannot be read.
    """
    try:
        asked, reply = (_unpacked(data) for data in (row.asked, row.reply))
    except (zlib.error, ValueError) as error:
        raise StoreCorrupt(
            f"The answer {row.id} cannot be read: {error}. Delete it with `cmo answers forget`."
        ) from error
    return Given(row.id, _utc(row.at), Payer(row.tenant, row.user_id), row.release, row.version, asked, reply)


def _packed(facts: Facts) -> bytes:
    return zlib.compress(orjson.dumps(facts), _QUICK)


def _unpacked(data: bytes) -> Facts:
    read: Facts = orjson.loads(zlib.decompress(data))
    return read


def _utc(moment: datetime) -> datetime:
    """SQLite forgets the zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
