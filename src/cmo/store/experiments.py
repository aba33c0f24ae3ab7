"""Experiments in SQL: beside releases and rollouts, with their audit; one row of `observations` for each answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from cmo.model.delivery import Act, Observation
from cmo.model.trials import Rated, StoredExperiment
from cmo.store import delivery_tables as tables
from cmo.store.answer_tables import ratings
from cmo.store.delivery import SqlDelivery, _note

_AT_ONCE = 5_000
"""Rows that are read at once."""


class SqlExperiments(SqlDelivery):
    """The tables of `delivery_tables` as experiments use them. `Record.experiments` gives it. Threads may share it."""

    def experiment(self, name: str) -> StoredExperiment | None:
        """An experiment by its name."""
        with self._database.reading() as connection:
            query = select(tables.experiments).where(tables.experiments.c.name == name)
            row = connection.execute(query).first()
        return _experiment(row) if row else None

    def experiments(self) -> list[StoredExperiment]:
        """All, the newest first."""
        table = tables.experiments
        with self._database.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.begun_at.desc(), table.c.name)).all()
        return [_experiment(row) for row in rows]

    def put_experiment(self, experiment: StoredExperiment, act: Act) -> bool:
        """Write one that is at `experiment.version` now; 0: there is none, and what was left of one is forgotten."""
        table, facts = tables.experiments, _facts(experiment)
        with self._changing() as connection:
            if experiment.version:
                mine = (table.c.name == experiment.name) & (table.c.version == experiment.version)
                done = bool(connection.execute(update(table).where(mine).values(facts)).rowcount)
            else:
                known = connection.execute(select(table.c.name).where(table.c.name == experiment.name)).first()
                done = known is None
                if done:
                    _forget(connection, act.subject)
                    connection.execute(insert(table).values(name=experiment.name, **facts))
            if done:
                _note(connection, act)
        return done

    def drop_experiment(self, name: str, subject: str, act: Act) -> bool:
        """Forget one with all that was seen of it; the audit stays."""
        with self._changing() as connection:
            done = connection.execute(delete(tables.experiments).where(tables.experiments.c.name == name)).rowcount
            _forget(connection, subject)
            if done:
                _note(connection, act)
        return bool(done)

    def exposed(self, subject: str, step: int) -> Mapping[str, int]:
        """Units by arm."""
        table = tables.exposures
        mine = (table.c.subject == subject) & (table.c.step == step)
        query = select(table.c.arm, func.count()).where(mine).group_by(table.c.arm)
        with self._database.reading() as connection:
            return {arm: int(n) for arm, n in connection.execute(query)}

    def seen(self, subject: str, step: int) -> Iterator[Observation]:
        """All that was seen, in the order of its time."""
        table = tables.observations
        mine = (table.c.subject == subject) & (table.c.step == step)
        query = select(table).where(mine).order_by(table.c.at, table.c.batch).execution_options(yield_per=_AT_ONCE)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                yield Observation(row.batch, row.subject, row.step, row.arm, row.at, orjson.loads(row.sums))

    def rated(self, since: float) -> Iterator[Rated]:
        """What people said of answers since a time."""
        at = datetime.fromtimestamp(since, UTC)
        query = select(ratings).where(ratings.c.at >= at).order_by(ratings.c.at)
        with self._database.reading() as connection:
            for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
                yield Rated(row.answer, row.user_id, row.score)


def _forget(connection: Connection, subject: str) -> None:
    for table in (tables.observations, tables.exposures):
        connection.execute(delete(table).where(table.c.subject == subject))


def _facts(experiment: StoredExperiment) -> dict[str, Any]:
    return {
        "spec": orjson.dumps(experiment.spec).decode(),
        "status": orjson.dumps(experiment.status).decode(),
        "version": experiment.version + 1,
        "begun_at": experiment.begun_at,
        "ended_at": experiment.ended_at,
    }


def _experiment(row: Row[Any]) -> StoredExperiment:
    return StoredExperiment(
        row.name, orjson.loads(row.spec), orjson.loads(row.status), row.version, row.begun_at, row.ended_at
    )
