"""Answers that were given and what people think of them, in SQL.

A reply is kept whole, as compressed JSON of a few kilobytes: what was told must not change with what is known later.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import orjson
from sqlalchemy import Engine, Row, Select, delete, func, select

from cmo.errors import NotFound, StoreCorrupt
from cmo.kit.seal import Seal
from cmo.model.audit import Facts, Given, Rating
from cmo.model.money import Payer
from cmo.store.answer_tables import answers, ratings
from cmo.store.database import Database

_QUICK: Final = 1
"""Level of compression: five times smaller in a third of a millisecond."""
_AT_ONCE: Final = 200
_SEALED: Final = "\x01sealed:"
"""Begins a comment that is sealed; what people write never begins so."""
_ESCAPE: Final = "\\"


class SqlAnswers:
    """The tables of `answer_tables`. `Record.answers` gives it. Threads may share it.

    Args:
        engine: of the database.
        seal: seals what was asked, answered and said of it.
    """

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self._database = Database(engine)
        self._seal = seal

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
                "question": "" if self._seal.hides else g.question,
                "asked": self._seal.seal(_packed(g.asked), f"{g.id}.asked"),
                "reply": self._seal.seal(_packed(g.reply), f"{g.id}.reply"),
            }
            for g in given
        ]
        if rows:
            with self._database.adding() as connection:
                connection.execute(self._database.upsert(answers).on_conflict_do_nothing(), rows)

    def get(self, answer: str) -> Given | None:
        """An answer by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(answers).where(answers.c.id == answer)).first()
        return None if row is None else given_of(row, self._seal)

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
        query = select(answers).order_by(answers.c.at.desc(), answers.c.id)
        if containing and self._seal.hides:
            return list(islice(self._holding(query, containing.casefold()), limit))
        query = query.limit(limit)
        if containing:
            words = containing.casefold().replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
            query = query.where(func.lower(answers.c.question).like(f"%{words}%", escape=_ESCAPE))
        with self._database.reading() as connection:
            return [given_of(row, self._seal) for row in connection.execute(query)]

    def _holding(self, query: Select[Any], words: str) -> Iterator[Given]:
        """Answers whose question holds some words, where the database itself cannot read it."""
        with self._database.reading() as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                given = given_of(row, self._seal)
                if words in given.question.casefold():
                    yield given

    def forget(self, before: datetime) -> int:
        """Delete answers and their ratings; returns how many answers that were."""
        old = select(answers.c.id).where(answers.c.at < before)
        with self._database.adding() as connection:
            connection.execute(delete(ratings).where(ratings.c.answer.in_(old)))
            return connection.execute(delete(answers).where(answers.c.at < before)).rowcount

    def rate(self, rating: Rating) -> None:
        """Keep a rating; the last one of a person counts.

        Raises:
            NotFound: there is no such answer.
        """
        said = {"at": rating.at, "score": rating.score, "comment": self._hidden(rating)}
        whose = {"answer": rating.answer, "tenant": rating.payer.tenant, "user_id": rating.payer.user}
        with self._database.adding() as connection:
            if connection.execute(select(answers.c.id).where(answers.c.id == rating.answer)).first() is None:
                raise _unknown(rating.answer)
            fresh = self._database.upsert(ratings).values(**whose, **said)
            connection.execute(fresh.on_conflict_do_update(index_elements=list(whose), set_=said))

    def _hidden(self, rating: Rating) -> str:
        """A comment as it is kept."""
        comment = rating.comment.lstrip(_SEALED[0])
        if not (self._seal.hides and comment):
            return comment
        sealed = self._seal.seal(comment.encode(), f"{rating.answer}.comment")
        return _SEALED + base64.b64encode(sealed).decode()

    def ratings(self, answer: str | None = None) -> list[Rating]:
        """Ratings of one answer, or all, oldest first."""
        query = select(ratings).order_by(ratings.c.at, ratings.c.answer, ratings.c.user_id)
        if answer is not None:
            query = query.where(ratings.c.answer == answer)
        with self._database.reading() as connection:
            return [
                Rating(row.answer, _utc(row.at), Payer(row.tenant, row.user_id), row.score, comment_of(row, self._seal))
                for row in connection.execute(query)
            ]


def _unknown(answer: str) -> NotFound:
    return NotFound(f"There is no answer {answer!r}, or it is forgotten. See `cmo answers list`.")


def given_of(row: Row[Any], seal: Seal) -> Given:
    """An answer as its row says.

    Raises:
        StoreCorrupt: it cannot be read.
    """
    try:
        asked, reply = (_unpacked(seal.opened(getattr(row, n), f"{row.id}.{n}")) for n in ("asked", "reply"))
    except (zlib.error, ValueError) as error:
        raise StoreCorrupt(
            f"The answer {row.id} cannot be read: {error}. Delete it with `cmo answers forget`."
        ) from error
    return Given(row.id, _utc(row.at), Payer(row.tenant, row.user_id), row.release, row.version, asked, reply)


def comment_of(row: Row[Any], seal: Seal) -> str:
    """What somebody said of an answer.

    Raises:
        StoreCorrupt: it cannot be read.
    """
    kept = str(row.comment)
    if not kept.startswith(_SEALED):
        return kept
    return seal.opened(base64.b64decode(kept.removeprefix(_SEALED)), f"{row.answer}.comment").decode()


def _packed(facts: Facts) -> bytes:
    return zlib.compress(orjson.dumps(facts), _QUICK)


def _unpacked(data: bytes) -> Facts:
    read: Facts = orjson.loads(zlib.decompress(data))
    return read


def _utc(moment: datetime) -> datetime:
    """SQLite forgets the zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
