"""Flags, releases and rollouts, in SQL: every change is one transaction with its line in the audit.

::

    read at version n --> decide --> write where the version is still n --> n + 1
                                       '--otherwise--> nothing is written, and the writer is told

Observations are counted in the transaction that writes what they led to: each counts exactly once, whoever dies when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

import orjson
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from cmo.kit.actor import SOMEBODY, actor
from cmo.model.access import Deed
from cmo.model.delivery import (
    Act,
    Current,
    Exposure,
    Facts,
    Lease,
    Observation,
    Release,
    StoredFinding,
    StoredFlag,
    StoredRollout,
    Talk,
    Unseen,
)
from cmo.model.webhooks import Event, Kind, moved
from cmo.store import delivery_tables as tables
from cmo.store.access import append
from cmo.store.database import Database
from cmo.store.delivery_rows import columns, flag_of, observation_of, release_of, rollout_of, text
from cmo.store.webhooks import publish

_KEPT_SECONDS: Final = 21_600.0
_MOST_COUNTED: Final = 2_000
"""Observations that one step counts; what is left is counted by the next one."""
_MOST_TALKS: Final = 50_000
_NOTED: Final = "cmo.noted"
_MARK: Final = select(
    select(func.max(tables.delivery_audit.c.id)).scalar_subquery(),
    select(func.max(tables.rollouts.c.version)).where(tables.rollouts.c.live).scalar_subquery(),
)


class SqlDelivery:
    """The tables of `delivery_tables`. `Record.delivery` gives it. Threads may share it.

    Args:
        engine: of the database.
        announce: called after each change that is in the audit.
    """

    def __init__(self, engine: Engine, announce: Callable[[], None] = lambda: None) -> None:
        self._database = Database(engine)
        self._announce = announce

    def announcing(self, announce: Callable[[], None]) -> Self:
        """The same, which tells of its changes."""
        return type(self)(self._database.engine, announce)

    # -- what workers need ---------------------------------------------------------------------------------------

    def current(self) -> Current:
        """The live rollout, all releases and all flags."""
        with self._database.reading() as connection:
            row = connection.execute(select(tables.rollouts).where(tables.rollouts.c.live)).first()
            live = rollout_of(row) if row else None
            releases = [release_of(row) for row in connection.execute(select(tables.releases))]
            flags = [flag_of(row) for row in connection.execute(select(tables.flags))]
        return Current(live, {r.name: r for r in releases}, {f.name: f for f in flags})

    def mark(self) -> object:
        """The last line of the audit, and the version of the live rollout: nothing changes without one of them."""
        with self._database.reading() as connection:
            return tuple(connection.execute(_MARK).one())

    def talks(self, since: float) -> list[Talk]:
        """Conversations that somebody had since a time: the latest of many."""
        table = tables.talks
        query = select(table).where(table.c.at >= since).order_by(table.c.at.desc()).limit(_MOST_TALKS)
        with self._database.reading() as connection:
            return [Talk(*row) for row in connection.execute(query)]

    def observe(
        self, observations: Sequence[Observation], exposures: Sequence[Exposure], talks: Sequence[Talk] = ()
    ) -> None:
        """Write down what was seen; what is there already stays as it is, but for who talks."""
        seen = [columns(o, "batch", "subject", "step", "arm", "at", sums=text(o.sums), counted=0) for o in observations]
        put = [columns(e, "subject", "step", "unit", "arm", "at") for e in exposures]
        with self._changing() as connection:
            for table, rows in ((tables.observations, seen), (tables.exposures, put)):
                if rows:
                    connection.execute(self._database.upsert(table).on_conflict_do_nothing(), rows)
            if talks:
                self._write_talks(connection, talks)

    def _write_talks(self, connection: Connection, talks: Sequence[Talk]) -> None:
        """The last word on each, in the place of all that are long over."""
        table, names = tables.talks, ("rollout", "step", "place", "percent", "at")
        fresh = self._database.upsert(table)
        fresh = fresh.on_conflict_do_update(index_elements=["name"], set_={n: fresh.excluded[n] for n in names})
        connection.execute(fresh, [columns(t, "name", *names) for t in talks])
        connection.execute(delete(table).where(table.c.at < max(t.at for t in talks) - _KEPT_SECONDS))

    # -- releases and flags --------------------------------------------------------------------------------------

    def release(self, name: str) -> Release | None:
        """A release by its name."""
        with self._database.reading() as connection:
            return _release_of(connection, name)

    def releases(self) -> list[Release]:
        """All, the newest first."""
        query = select(tables.releases).order_by(tables.releases.c.at.desc(), tables.releases.c.name)
        with self._database.reading() as connection:
            return [release_of(row) for row in connection.execute(query)]

    def add_release(self, release: Release, act: Act) -> bool:
        """Keep a new one; the same again is no change."""
        with self._changing() as connection:
            known = _release_of(connection, release.name)
            if known is not None:
                return dict(known.settings) == dict(release.settings)
            row = columns(release, "name", "about", "at", settings=text(release.settings))
            connection.execute(insert(tables.releases).values(row))
            _note(connection, act)
            return True

    def put_flag(self, flag: StoredFlag, act: Act) -> bool:
        """Set a flag that is at `flag.version` now; 0: there is none."""
        table, facts = tables.flags, {"spec": text(flag.spec), "version": flag.version + 1, "at": flag.at}
        with self._changing() as connection:
            if flag.version:
                mine = (table.c.name == flag.name) & (table.c.version == flag.version)
                done = connection.execute(update(table).where(mine).values(facts)).rowcount
            else:
                fresh = self._database.upsert(table).values(name=flag.name, **facts).on_conflict_do_nothing()
                done = len(connection.execute(fresh.returning(table.c.name)).all())
            if done:
                _note(connection, act)
            return bool(done)

    def drop_flag(self, name: str, act: Act) -> bool:
        """Take a flag away."""
        with self._changing() as connection:
            done = connection.execute(delete(tables.flags).where(tables.flags.c.name == name)).rowcount
            if done:
                _note(connection, act)
            return bool(done)

    # -- rollouts ------------------------------------------------------------------------------------------------

    def rollout(self, name: str) -> StoredRollout | None:
        """A rollout by its name, live or not."""
        with self._database.reading() as connection:
            return _rollout_of(connection, name)

    def rollouts(self) -> list[StoredRollout]:
        """All, the newest first."""
        query = select(tables.rollouts).order_by(tables.rollouts.c.begun_at.desc(), tables.rollouts.c.name)
        with self._database.reading() as connection:
            return [rollout_of(row) for row in connection.execute(query)]

    def begin(self, rollout: StoredRollout, replaces: StoredRollout | None, act: Act) -> bool:
        """Start one in the place of the live one, if that is still the one that was looked at."""
        table = tables.rollouts
        with self._changing() as connection:
            if self._database.engine.dialect.name == "postgresql":  # where none is live, there is no row to lock
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236838)")
            live = connection.execute(select(table.c.name, table.c.version).where(table.c.live).with_for_update()).all()
            if [tuple(row) for row in live] != ([(replaces.name, replaces.version)] if replaces else []):
                return False
            if _rollout_of(connection, rollout.name) is not None:
                return False
            connection.execute(update(table).where(table.c.live).values(live=False, version=table.c.version + 1))
            row = columns(rollout, "name", "release", "baseline", "begun_at", "at", **_told(rollout))
            connection.execute(insert(table).values(**row, version=1, live=True))
            publish(connection, [_event(Kind.RELEASE_STARTED, rollout, act)])
            _note(connection, act)
            return True

    def lease(self, name: str, holder: str, now: float, seconds: float) -> Lease | None:
        """Take or renew a lease."""
        table = tables.leases
        with self._changing() as connection:
            empty = (
                self._database.upsert(table).values(name=name, holder="", term=0, until=0.0).on_conflict_do_nothing()
            )
            connection.execute(empty)
            row = connection.execute(select(table).where(table.c.name == name).with_for_update()).one()
            if row.holder not in {"", holder} and row.until > now:
                return None
            lease = Lease(name, holder, row.term + (row.holder != holder), now + seconds)
            values = columns(lease, "holder", "term", "until")
            connection.execute(update(table).where(table.c.name == name).values(values))
            return lease

    def unseen(self, name: str) -> Unseen | None:
        """A rollout, what was observed of it, and how many units each arm has in its present step."""
        seen, put = tables.observations, tables.exposures
        with self._database.reading() as connection:
            rollout = _rollout_of(connection, name)
            if rollout is None:
                return None
            wanted = (seen.c.subject == name) & (seen.c.counted == 0)
            query = select(seen).where(wanted).order_by(seen.c.at, seen.c.batch, seen.c.arm).limit(_MOST_COUNTED)
            observations = tuple(observation_of(row) for row in connection.execute(query))
            mine = (put.c.subject == name) & (put.c.step == int(rollout.status.get("steps", 0)))
            arms = connection.execute(select(put.c.arm, func.count()).where(mine).group_by(put.c.arm)).all()
        return Unseen(rollout, observations, {arm: int(n) for arm, n in arms})

    def change(
        self,
        rollout: StoredRollout,
        *,
        counted: Sequence[Observation] = (),
        act: Act | None = None,
        finding: Facts | None = None,
        lease: Lease | None = None,
    ) -> bool:
        """Write a rollout that is at `rollout.version` now, and count observations with it."""
        table, version = tables.rollouts, rollout.version + 1
        with self._changing() as connection:
            if lease is not None and not _holds(connection, lease):
                return False
            mine = (table.c.name == rollout.name) & (table.c.version == rollout.version) & table.c.live
            values = {**_told(rollout), "version": version, "at": rollout.at}
            if not connection.execute(update(table).where(mine).values(values)).rowcount:
                return False
            _count(connection, counted, version)
            if finding is not None:
                row = {"subject": rollout.name, "version": version, "at": rollout.at, "facts": text(finding)}
                connection.execute(insert(tables.findings).values(row))
                _forget(connection, rollout)
            if act is not None:
                if (kind := moved(act.facts)) is not None:
                    publish(connection, [_event(kind, rollout, act)])
                _note(connection, act)
            return True

    # -- looking back --------------------------------------------------------------------------------------------

    def findings(self, name: str, most: int = 500) -> list[StoredFinding]:
        """What the gates said over time, oldest first."""
        table = tables.findings
        query = select(table).where(table.c.subject == name).order_by(table.c.version.desc()).limit(most)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [StoredFinding(row.subject, row.version, row.at, orjson.loads(row.facts)) for row in reversed(rows)]

    def history(self, subject: str | None = None, most: int = 200) -> list[Act]:
        """Who changed what, newest first."""
        table = tables.delivery_audit
        query = select(table).order_by(table.c.id.desc()).limit(most)
        if subject is not None:
            query = query.where(table.c.subject == subject)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Act(row.at, row.actor, row.action, row.subject, row.reason, orjson.loads(row.facts)) for row in rows]

    def note(self, act: Act) -> None:
        """Add a line to that."""
        with self._changing() as connection:
            _note(connection, act)

    # -- transactions --------------------------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with self._database.changing() as connection:
            connection.info.pop(_NOTED, None)
            yield connection
            noted = connection.info.pop(_NOTED, False)
        if noted:
            self._announce()


def _event(kind: Kind, rollout: StoredRollout, act: Act) -> Event:
    """What other programs are told of a rollout; the reason may be a person's words, and is not."""
    status = rollout.status
    stands = {"percent": status.get("percent"), "phase": status.get("phase")}
    return Event(kind, act.at, {"id": rollout.release, "rollout": rollout.name, **stands})


def _holds(connection: Connection, lease: Lease) -> bool:
    table = tables.leases
    row = connection.execute(select(table).where(table.c.name == lease.name).with_for_update()).first()
    return row is not None and (row.holder, row.term) == (lease.holder, lease.term)


def _count(connection: Connection, observations: Sequence[Observation], version: int) -> None:
    table = tables.observations
    for one in observations:
        mine = (table.c.batch == one.batch) & (table.c.subject == one.subject)
        mine &= (table.c.step == one.step) & (table.c.arm == one.arm)
        connection.execute(update(table).where(mine).values(counted=version))


def _forget(connection: Connection, rollout: StoredRollout) -> None:
    """Observations are in the evidence once they are counted; they stay only as long as somebody may write them again."""
    table = tables.observations
    old = (table.c.subject == rollout.name) & (table.c.counted > 0) & (table.c.at < rollout.at - _KEPT_SECONDS)
    connection.execute(delete(table).where(old))


def _note(connection: Connection, act: Act) -> None:
    row = columns(act, "at", "subject", "reason", facts=text(act.facts))
    row |= {"actor": act.actor[:128], "action": act.action[:32]}
    connection.execute(insert(tables.delivery_audit).values(row))
    who = act.actor if actor() == SOMEBODY else actor()  # whose key it was, whatever the body says
    facts = {"as": act.actor, "reason": act.reason}
    append(connection, Deed(act.at, who, f"release-{act.action}"[:32], act.subject, facts))
    connection.info[_NOTED] = True


def _rollout_of(connection: Connection, name: str) -> StoredRollout | None:
    row = connection.execute(select(tables.rollouts).where(tables.rollouts.c.name == name)).first()
    return rollout_of(row) if row else None


def _release_of(connection: Connection, name: str) -> Release | None:
    row = connection.execute(select(tables.releases).where(tables.releases.c.name == name)).first()
    return release_of(row) if row else None


def _told(rollout: StoredRollout) -> dict[str, Any]:
    return {name: text(getattr(rollout, name)) for name in ("spec", "status", "evidence")}
