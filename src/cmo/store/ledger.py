"""The ledger, in SQL: money is set aside before a call and accounted for after it.

::

    reserve: lock the balances --> look at them and their limits --> decide --> raise them, add the entry
    close, expire: lock the entry --> correct the balances by what it cost less what was set aside

The lock is SQLite's single writer or PostgreSQL's row locks, so that whoever decides sees all that was reserved before,
by whichever process or machine. Balances are locked in one order, so nobody waits in a circle. An entry keeps its day:
whatever the clock does, each day's and each month's limit holds for what is written on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, and_, delete, insert, select, tuple_, update

from cmo.model.money import (
    EACH,
    Asked,
    Balance,
    Closing,
    Decide,
    Draft,
    Micros,
    Payer,
    Refused,
    Reserved,
    State,
    Tally,
    Usage,
    Watch,
    Window,
)
from cmo.store import tables, tallies
from cmo.store.database import Database

_LEDGER, _BALANCES, _LIMITS, _ASKED = tables.ledger, tables.balances, tables.limits, tables.asked
_OPEN: Final = (State.RESERVED.value, State.UNKNOWN.value)
_EXPIRED_AT_ONCE: Final = 500
_MOST_REMEMBERED: Final = 1_000
Key = tuple[Payer, str]
"""A balance: whose, and of which period."""


class SqlLedger:
    """The tables `ledger`, `balances`, `limits` and `asked`. `Record.ledger` gives it. Threads may share it.

    Args:
        engine: on a migrated database.
        defaults: what everybody together may spend, where nobody set anything else.
    """

    def __init__(self, engine: Engine, defaults: Mapping[Window, Micros]) -> None:
        self._database = Database(engine)
        self._defaults = {(Payer(), window): limit for window, limit in defaults.items()}
        self._made: frozenset[Key] = frozenset()

    # -- one call ------------------------------------------------------------------------------------------------

    def reserve(self, draft: Draft, decide: Decide, watch: Watch) -> Reserved | Refused:
        """Set money aside if `decide` allows it; nobody else reserves between its look and the entry."""
        keys = _keys(draft.call.payer, draft.at)
        self._make(keys)
        with self._database.changing() as connection:
            before = self._locked(connection, draft.call.payer, draft.at)
            verdict = decide(before)
            if isinstance(verdict, Refused):
                return verdict
            _raise(connection, keys, draft.expected, draft.most)
            entry = connection.execute(insert(_LEDGER).values(_entry(draft)).returning(_LEDGER.c.id)).scalar_one()
            return Reserved(entry, _told(connection, _raised(before, draft.expected, draft.most), watch))

    def close(self, entry: int, closing: Closing, watch: Watch) -> tuple[Balance, ...]:
        """Say how a call ended, also after it expired; a second time changes nothing.

        Returns:
            Balances of which somebody is to be told.
        """
        with self._database.changing() as connection:
            wanted = (_LEDGER.c.id == entry) & _LEDGER.c.state.in_(_OPEN)
            row = connection.execute(select(_LEDGER).where(wanted).with_for_update()).first()
            if row is None or (row.state == State.UNKNOWN and closing.state is State.UNKNOWN):
                return ()
            cost = row.most if closing.state is State.UNKNOWN else closing.cost
            payer, at = Payer(row.tenant, row.user_id), _utc(row.at)
            before = self._locked(connection, payer, at)
            _raise(connection, _keys(payer, at), cost - row.cost, cost - row.most)
            values = {"state": closing.state.value, "cost": cost, "failed": closing.failed, "seconds": closing.seconds}
            connection.execute(update(_LEDGER).where(_LEDGER.c.id == entry).values(**values, **_tokens(closing.usage)))
            return _told(connection, _raised(before, cost - row.cost, cost - row.most), watch)

    def expire(self, now: datetime) -> int:
        """Take as spent what has waited too long for an outcome; returns how many entries."""
        late = (_LEDGER.c.state == State.RESERVED.value) & (_LEDGER.c.expires_at <= now)
        with self._database.reading() as connection:
            if connection.execute(select(_LEDGER.c.id).where(late).limit(1)).first() is None:
                return 0
        with self._database.changing() as connection:
            columns = [_LEDGER.c[name] for name in ("id", "tenant", "user_id", "at", "expected", "most")]
            # Whoever closes one of them right now is not waited for, and need not be.
            query = select(*columns).where(late).order_by(_LEDGER.c.id).limit(_EXPIRED_AT_ONCE)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            more: dict[Key, int] = {}
            for row in rows:
                for key in _keys(Payer(row.tenant, row.user_id), _utc(row.at)):
                    more[key] = more.get(key, 0) + row.most - row.expected
            for key in sorted(more):
                _raise(connection, [key], more[key], 0)
            values = {"state": State.UNKNOWN.value, "cost": _LEDGER.c.most, "failed": True}
            connection.execute(update(_LEDGER).where(_LEDGER.c.id.in_([row.id for row in rows])).values(**values))
        return len(rows)

    # -- limits and balances -------------------------------------------------------------------------------------

    def balances(self, payer: Payer, at: datetime) -> list[Balance]:
        """Those of a payer's accounts, days before months."""
        with self._database.reading() as connection:
            return self._read(connection, payer, at, connection.execute(_chosen(_keys(payer, at))).all())

    def set_limit(self, account: Payer, window: Window, limit: Micros | None) -> None:
        """Set a limit for everybody, a tenant or a user; None takes it away."""
        mine = _same(_LIMITS, account) & (_LIMITS.c.per == window.value)
        row = {"tenant": account.tenant, "user_id": account.user, "per": window.value, "micros": limit}
        with self._database.changing() as connection:
            connection.execute(delete(_LIMITS).where(mine))
            if limit is not None:
                connection.execute(insert(_LIMITS).values(row))

    def limits(self) -> list[tuple[Payer, Window, Micros]]:
        """All that were set."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_LIMITS).order_by(_LIMITS.c.tenant, _LIMITS.c.user_id, _LIMITS.c.per))
            return [(Payer(row.tenant, row.user_id), Window(row.per), row.micros) for row in rows]

    # -- looking back --------------------------------------------------------------------------------------------

    def outputs(self, provider: str, model: str, purpose: str, count: int) -> list[int]:
        """Output tokens of the latest settled calls of a kind."""
        kind = (_LEDGER.c.provider == provider) & (_LEDGER.c.model == model) & (_LEDGER.c.purpose == purpose)
        settled = kind & (_LEDGER.c.state == State.SETTLED.value) & ~_LEDGER.c.failed
        query = select(_LEDGER.c.output_tokens).where(settled).order_by(_LEDGER.c.id.desc()).limit(count)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def note(self, asked: Asked) -> None:
        """Remember a question; once, however often it is told."""
        row = {
            "id": asked.id[:64],
            "at": asked.at,
            "day": Window.DAY.period(asked.at),
            "tenant": asked.payer.tenant,
            "user_id": asked.payer.user,
            "source": asked.source[:64],
            "seconds": asked.seconds,
            "failed": asked.failed,
        }
        with self._database.changing() as connection:
            connection.execute(self._database.upsert(_ASKED).values(row).on_conflict_do_nothing())

    def tally(self, since: datetime, until: datetime) -> Tally:
        """Add up the days from `since` on, up to and with that of `until`."""
        with self._database.reading() as connection:
            return tallies.tally(connection, (Window.DAY.period(since), Window.DAY.period(until)))

    # -- transactions --------------------------------------------------------------------------------------------

    def _make(self, keys: Sequence[Key]) -> None:
        """Let there be balances, in a transaction of their own: who holds one must not wait for another to appear."""
        if self._made.issuperset(keys):
            return
        empty = {"spent": 0, "exposed": 0, "alerted": -1}
        rows = [{"tenant": who.tenant, "user_id": who.user, "period": period, **empty} for who, period in keys]
        with self._database.changing() as connection:
            connection.execute(self._database.upsert(_BALANCES).on_conflict_do_nothing(), rows)
        self._made = frozenset(keys) | (self._made if len(self._made) < _MOST_REMEMBERED else frozenset())

    def _locked(self, connection: Connection, payer: Payer, at: datetime) -> list[Balance]:
        """The balances of a payment, which nobody else changes before this transaction ends."""
        rows = connection.execute(_chosen(_keys(payer, at)).with_for_update()).all()
        return self._read(connection, payer, at, rows)

    def _read(self, connection: Connection, payer: Payer, at: datetime, rows: Sequence[Any]) -> list[Balance]:
        held = {(Payer(row.tenant, row.user_id), row.period): (row.spent, row.exposed, row.alerted) for row in rows}
        limits = self._defaults | _limits_of(connection, payer)
        return [
            Balance(who, window, period, limits.get((who, window)), *held.get((who, period), (0, 0, -1)))
            for window in Window
            for who in payer.accounts
            for period in [window.period(at)]
        ]


def _keys(payer: Payer, at: datetime) -> list[Key]:
    """All balances that a payment concerns, in the order in which they are locked."""
    return sorted((who, window.period(at)) for who in payer.accounts for window in Window)


def _chosen(keys: Sequence[Key]) -> Select[Any]:
    """Rows of balances, in the order in which they are locked."""
    columns = _BALANCES.c
    return select(_BALANCES).where(_among(keys)).order_by(columns.tenant, columns.user_id, columns.period)


def _among(keys: Sequence[Key]) -> Any:
    columns = _BALANCES.c
    wanted = [(who.tenant, who.user, period) for who, period in keys]
    return tuple_(columns.tenant, columns.user_id, columns.period).in_(wanted)


def _limits_of(connection: Connection, payer: Payer) -> dict[tuple[Payer, Window], Micros]:
    """Of each account the limit that was set for it, else the one of each such account."""
    names = {who: _said_of(who) for who in payer.accounts}
    wanted = {(name.tenant, name.user) for said in names.values() for name in said}
    query = select(_LIMITS).where(tuple_(_LIMITS.c.tenant, _LIMITS.c.user_id).in_(sorted(wanted)))
    there = {(Payer(row.tenant, row.user_id), Window(row.per)): row.micros for row in connection.execute(query)}
    found: dict[tuple[Payer, Window], Micros] = {}
    for who, said in names.items():
        for name in reversed(said):  # the nearest last
            found.update({(who, window): there[name, window] for window in Window if (name, window) in there})
    return found


def _said_of(account: Payer) -> list[Payer]:
    """The names by which a limit may mean an account, the nearest first."""
    if account.user:
        return [account, Payer(account.tenant, EACH), Payer(EACH, EACH)]
    return [account, Payer(EACH)] if account.tenant else [account]


def _raise(connection: Connection, keys: Sequence[Key], spent: int, exposed: int) -> None:
    """Add to balances. Several of them must be locked already: one statement takes them in any order."""
    values = {"spent": _BALANCES.c.spent + spent, "exposed": _BALANCES.c.exposed + exposed}
    connection.execute(update(_BALANCES).where(_among(keys)).values(**values))


def _raised(balances: Sequence[Balance], spent: int, exposed: int) -> list[Balance]:
    return [replace(b, spent=b.spent + spent, exposed=b.exposed + exposed) for b in balances]


def _told(connection: Connection, balances: Sequence[Balance], watch: Watch) -> tuple[Balance, ...]:
    """Balances of which somebody is to be told, marked as told."""
    due = tuple(b for b in balances if b.limit is not None and b.alerted != b.limit and watch(b))
    for balance in due:
        mine = _same(_BALANCES, balance.account) & (_BALANCES.c.period == balance.period)
        connection.execute(update(_BALANCES).where(mine).values(alerted=balance.limit))
    return due


def _utc(at: datetime) -> datetime:
    """As it was written: SQLite gives it back without its zone, PostgreSQL in the server's."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _same(table: Any, who: Payer) -> Any:
    return and_(table.c.tenant == who.tenant, table.c.user_id == who.user)


def _entry(draft: Draft) -> dict[str, Any]:
    call = draft.call
    return {
        "at": draft.at,
        "expires_at": draft.expires_at,
        "day": Window.DAY.period(draft.at),
        "tenant": call.payer.tenant,
        "user_id": call.payer.user,
        "provider": call.provider,
        "model": call.model,
        "service": call.service.value,
        "purpose": call.purpose[:64],
        "question": call.question[:64],
        "state": State.RESERVED.value,
        "expected": draft.expected,
        "most": draft.most,
        "cost": draft.expected,
        "seconds": 0.0,
        "failed": False,
        **_tokens(Usage()),
    }


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
    }
