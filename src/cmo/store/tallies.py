"""What the ledger comes to over some days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, case, func, or_, select, union

from cmo.model.money import Micros, Payer, Service, State, Tally, Total
from cmo.store import tables

_LEDGER, _ASKED = tables.ledger, tables.asked
_MOST_PAYERS: Final = 10
Days = tuple[str, str]
"""First and last."""


def tally(connection: Connection, days: Days) -> Tally:
    """All of it."""
    asked, failed = _questions(connection, days)
    return Tally(tuple(_totals(connection, days)), tuple(_payers(connection, days)), asked, failed)


def _totals(connection: Connection, days: Days) -> Iterator[Total]:
    kind = [_LEDGER.c[name] for name in ("provider", "model", "service", "purpose", "state", "failed")]
    sums = [
        func.sum(_LEDGER.c[name])
        for name in ("cost", "expected", "most", "input_tokens", "output_tokens", "cached_tokens", "seconds")
    ]
    over = [
        func.sum(case((_LEDGER.c.cost > _LEDGER.c.expected, 1), else_=0)),
        func.sum(case((_LEDGER.c.cost > _LEDGER.c.most, _LEDGER.c.cost - _LEDGER.c.most), else_=0)),
    ]
    query = select(*kind, func.count(), *sums, *over).where(_LEDGER.c.day.between(*days)).group_by(*kind)
    for provider, model, service, purpose, state, failed, *numbers in connection.execute(query.order_by(*kind)):
        calls, cost, expected, most, sent, got, cached, seconds, above, beyond = numbers
        yield Total(
            provider=provider,
            model=model,
            service=Service(service),
            purpose=purpose,
            state=State(state),
            failed=bool(failed),
            calls=calls,
            cost=int(cost),
            expected=int(expected),
            most=int(most),
            input_tokens=int(sent),
            output_tokens=int(got),
            cached_tokens=int(cached),
            seconds=float(seconds),
            above_expected=int(above),
            above_most=int(beyond),
        )


def _payers(connection: Connection, days: Days) -> list[tuple[Payer, Micros]]:
    columns, cost = (_LEDGER.c.tenant, _LEDGER.c.user_id), func.sum(_LEDGER.c.cost)
    query = select(*columns, cost).where(_LEDGER.c.day.between(*days)).group_by(*columns)
    query = query.order_by(cost.desc(), *columns).limit(_MOST_PAYERS)
    return [(Payer(tenant, user), int(spent)) for tenant, user, spent in connection.execute(query)]


def _questions(connection: Connection, days: Days) -> tuple[int, int]:
    """How many questions there were, and how many failed: as they were noted, or else all of whose calls failed."""
    ok = func.sum(case((or_(_LEDGER.c.failed, _LEDGER.c.state == State.VOID.value), 0), else_=1))
    noted = select(_ASKED.c.id)
    called = (
        select(_LEDGER.c.question.label("id"), case((ok == 0, 1), else_=0).label("failed"))
        .where(_LEDGER.c.day.between(*days), _LEDGER.c.question != "", _LEDGER.c.question.not_in(noted))
        .group_by(_LEDGER.c.question)
    )
    asked = select(_ASKED.c.id, case((_ASKED.c.failed, 1), else_=0).label("failed")).where(_ASKED.c.day.between(*days))
    each = union(called, asked).subquery()
    count, failed = connection.execute(select(func.count(), func.sum(each.c.failed)).select_from(each)).one()
    return int(count), int(failed or 0)
