"""Webhooks and what is on its way to them, in SQL: the outbox.

::

    a paper or a release changes --the same transaction--> a row for each webhook that wants it --claimed, sent, settled-->

A row is there as soon as what it tells of is, so a kill loses none. An attempt is counted before it is made, and comes again
if whoever made it died: who receives may get an event twice, and knows it by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from cmo.errors import NotFound, WebhookRefused
from cmo.kit.seal import Seal
from cmo.model.access import Deed
from cmo.model.webhooks import Delivery, Event, Fate, Stand, Standing, State, Webhook
from cmo.store.access import append
from cmo.store.database import Database
from cmo.store.webhook_tables import deliveries, webhooks

_TOLD: Final = (webhooks.c.ended == "") & webhooks.c.paused_at.is_(None)


class SqlOutbox:
    """The tables of `webhook_tables`. `Record.outbox` gives it. Threads may share it.

    Args:
        engine: of the database.
        seal: seals the secrets.
    """

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self._database = Database(engine)
        self._seal = seal

    # -- webhooks ------------------------------------------------------------------------------------------------

    def webhooks(self) -> list[Webhook]:
        """All of them, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(webhooks).order_by(webhooks.c.made_at, webhooks.c.id)).all()
        return [self._webhook(row) for row in rows]

    def add(self, webhook: Webhook, deed: Deed, most: int) -> None:
        """Keep one.

        Raises:
            WebhookRefused: there are as many as there may be.
        """
        row = {name: getattr(webhook, name) for name in ("id", "url", "made_at", "by")}
        with self._database.alone() as connection:  # two that come at once are counted one after the other
            if connection.execute(select(func.count()).select_from(webhooks)).scalar_one() >= most:
                raise WebhookRefused(
                    f"There are {most} webhooks, the most there may be. `cmo webhooks remove` takes one away."
                )
            values = {**row, **self._changeable(webhook), "kinds": " ".join(webhook.kinds)}
            connection.execute(insert(webhooks).values(values))
            append(connection, deed)

    def change(self, webhook: str, change: Callable[[Webhook], Webhook], deed: Deed) -> Webhook:
        """Change its secrets, or whether it is told.

        Raises:
            NotFound: there is none.
        """
        with self._database.changing() as connection:
            row = connection.execute(select(webhooks).where(webhooks.c.id == webhook).with_for_update()).first()
            if row is None:
                raise _none(webhook)
            changed = change(self._webhook(row))
            values = self._changeable(changed)
            connection.execute(update(webhooks).where(webhooks.c.id == webhook).values(values))
            append(connection, deed)
        return changed

    def remove(self, webhook: str, deed: Deed) -> None:
        """Delete one, with what was on its way to it.

        Raises:
            NotFound: there is none.
        """
        with self._database.changing() as connection:
            connection.execute(select(webhooks.c.id).where(webhooks.c.id == webhook).with_for_update())
            connection.execute(delete(deliveries).where(deliveries.c.webhook == webhook))
            if not connection.execute(delete(webhooks).where(webhooks.c.id == webhook)).rowcount:
                raise _none(webhook)
            append(connection, deed)

    # -- on the way ----------------------------------------------------------------------------------------------

    def publish(self, events: Sequence[Event]) -> None:
        """Put events on their way to all that want them."""
        with self._database.changing() as connection:
            publish(connection, events)

    def due(self, now: float, of_each: int) -> Mapping[Webhook, Sequence[Delivery]]:
        """What is to be sent now, the longest due first; of one webhook so many at most."""
        table = deliveries
        wanted = (table.c.state == State.WAITING) & (table.c.due_at <= now)
        found: dict[Webhook, Sequence[Delivery]] = {}
        with self._database.reading() as connection:
            waiting = select(table.c.webhook).where(wanted).distinct()
            for row in connection.execute(select(webhooks).where(webhooks.c.id.in_(waiting), _TOLD)).all():
                mine = select(table).where(wanted, table.c.webhook == row.id)
                rows = connection.execute(mine.order_by(table.c.due_at, table.c.at, table.c.id).limit(of_each)).all()
                found[self._webhook(row)] = [_delivery(one) for one in rows]
        return found

    def claim(self, delivery: Delivery, until: float) -> bool:
        """Count an attempt before it is made; False where somebody else made it, or its webhook is told no more."""
        table = deliveries
        mine = (table.c.id == delivery.id) & (table.c.attempts == delivery.attempts)
        mine &= (table.c.state == State.WAITING) & (table.c.due_at == delivery.due_at)
        mine &= table.c.webhook.in_(select(webhooks.c.id).where(_TOLD))
        with self._database.changing() as connection:
            values = {"attempts": delivery.attempts + 1, "due_at": until}
            return bool(connection.execute(update(table).where(mine).values(values)).rowcount)

    def settle(self, delivery: Delivery, fate: Fate) -> None:
        """Write down what came of an attempt; with a webhook that ends, all that waits for it is given up."""
        table, values = deliveries, {"said": fate.said, "tried_at": fate.at}
        with self._database.changing() as connection:
            now = {"state": fate.state, "due_at": fate.due_at, **values}
            connection.execute(update(table).where(table.c.id == delivery.id).values(now))
            if not fate.ends:
                return
            connection.execute(update(webhooks).where(webhooks.c.id == delivery.webhook).values(ended=fate.ends))
            waits = (table.c.webhook == delivery.webhook) & (table.c.state == State.WAITING)
            connection.execute(update(table).where(waits).values(state=State.GIVEN_UP, **values))

    def deliveries(self, *, webhook: str = "", state: str = "", most: int = 50) -> list[Delivery]:
        """The latest, newest first."""
        query = select(deliveries).order_by(deliveries.c.at.desc(), deliveries.c.id).limit(most)
        if webhook:
            query = query.where(deliveries.c.webhook == webhook)
        if state:
            query = query.where(deliveries.c.state == state)
        with self._database.reading() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def again(self, delivery: str, now: float, deed: Deed) -> Delivery:
        """Put a delivery on its way once more, as if it had never been tried.

        Raises:
            NotFound: there is none, or its webhook ended.
        """
        table = deliveries
        standing = select(webhooks.c.id).where(webhooks.c.ended == "")
        mine = (table.c.id == delivery) & table.c.webhook.in_(standing)
        with self._database.changing() as connection:
            values = {"state": State.WAITING, "attempts": 0, "due_at": now}
            if not connection.execute(update(table).where(mine).values(values)).rowcount:
                raise NotFound(
                    f"There is no delivery {delivery!r} to a webhook that holds. See `cmo webhooks deliveries`."
                )
            append(connection, deed)
            return _delivery(connection.execute(select(table).where(table.c.id == delivery)).one())

    def standing(self) -> Standing:
        """How all webhooks stand, and how much waits for them."""
        waits = select(func.count(), func.min(deliveries.c.at)).where(deliveries.c.state == State.WAITING)
        told = deliveries.c.webhook.in_(select(webhooks.c.id).where(_TOLD))
        how = select(webhooks.c.ended != "", webhooks.c.paused_at.is_not(None))
        with self._database.reading() as connection:
            stands = [_stand(ended=ended, paused=paused) for ended, paused in connection.execute(how)]
            waiting, _ = connection.execute(waits).one()
            _, oldest_at = connection.execute(waits.where(told)).one()
        return Standing({stand: stands.count(stand) for stand in Stand}, int(waiting), oldest_at)

    def _webhook(self, row: Row[Any]) -> Webhook:
        secret = self._seal.opened(row.secret, _about(row.id)).decode()
        former = self._seal.opened(row.former, _about(row.id)).decode() if row.former else ""
        kinds = tuple(row.kinds.split())
        made = Webhook(row.id, row.url, kinds, secret, row.made_at, row.by, row.ended, row.paused_at)
        return replace(made, former=former, former_until=row.former_until or 0.0)

    def _changeable(self, webhook: Webhook) -> dict[str, Any]:
        """The columns that a change touches."""
        seal, about = self._seal.seal, _about(webhook.id)
        return {
            "ended": webhook.ended,
            "paused_at": webhook.paused_at,
            "secret": seal(webhook.secret.encode(), about),
            "former": seal(webhook.former.encode(), about) if webhook.former else None,
            "former_until": webhook.former_until or None,
        }


def publish(connection: Connection, events: Sequence[Event]) -> None:
    """Put events on their way to all that want them, in the transaction of what they tell of."""
    query = select(webhooks.c.id, webhooks.c.kinds).where(webhooks.c.ended == "")
    query = query.with_for_update(read=True, key_share=True)  # none of them is removed before the lines are there
    told = [(row.id, set(row.kinds.split())) for row in connection.execute(query)]
    fresh = {"state": State.WAITING, "attempts": 0, "said": ""}
    lines = [
        {
            **fresh,
            "id": f"msg_{token_hex(12)}",
            "webhook": webhook,
            "kind": event.kind.value,
            "at": event.at,
            "due_at": event.at,
            "facts": orjson.dumps(event.facts).decode(),
        }
        for event in events
        for webhook, kinds in told
        if event.kind in kinds
    ]
    if lines:
        connection.execute(insert(deliveries), lines)


def _stand(*, ended: bool, paused: bool) -> Stand:
    if ended:
        return Stand.ENDED
    return Stand.PAUSED if paused else Stand.TOLD


def _none(webhook: str) -> NotFound:
    return NotFound(f"There is no webhook {webhook!r}. See `cmo webhooks list`.")


def _about(webhook: str) -> str:
    return f"The secret of webhook {webhook}"


def _delivery(row: Row[Any]) -> Delivery:
    names = ("id", "webhook", "kind", "at", "attempts", "due_at", "said", "tried_at")
    facts = {name: getattr(row, name) for name in names}
    return Delivery(**facts, facts=orjson.loads(row.facts), state=State(row.state))
