"""The story of those programs that are told: added with a secret that is shown once, tried out, removed, told again.

::

    add --> a webhook, its secret --papers and releases change--> deliveries --given up?--> once more
            '--pause, resume: what happens meanwhile waits; rotate: both secrets hold for a while
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

from cmo.errors import NotFound, WebhookRefused
from cmo.kit.clock import Clock
from cmo.model.access import Deed
from cmo.model.webhooks import MOST_OVERLAP_HOURS, OFFERED, Delivery, Kind, Outbox, Webhook
from cmo.notify import Courier, address, fresh_secret
from cmo.notify.signed import Said

MOST: Final = 20
"""Webhooks of one tenant: each change is written down once for each."""


class Subscribers:
    """The webhooks of one base.

    Args:
        outbox: where they are kept.
        clock: the time.
        tenant: whose base it is.
        private: whether they may be in a private network, or on this machine.
    """

    def __init__(self, outbox: Outbox, clock: Clock, tenant: str, *, private: bool) -> None:
        self._outbox = outbox
        self._clock = clock
        self._tenant = tenant
        self._private = private

    def add(self, url: str, kinds: Sequence[str], actor: str) -> Webhook:
        """Tell an address of some kinds of events; of all where none is named.

        Raises:
            WebhookRefused: nothing may be sent there, there is no such kind, or there are too many webhooks.
        """
        if unknown := sorted(set(kinds) - set(OFFERED)):
            raise WebhookRefused(f"There is no event {', '.join(unknown)}. There are {', '.join(OFFERED)}.")
        wanted = tuple(kind.value for kind in OFFERED if not kinds or kind in kinds)
        safe = address(url, private=self._private)
        made = Webhook(f"wh_{token_hex(6)}", safe, wanted, fresh_secret(), self._now(), actor)
        self._outbox.add(made, self._deed(actor, "webhook-added", made.id, kinds=wanted), MOST)
        return made

    def all(self) -> Sequence[Webhook]:
        """All webhooks, the oldest first."""
        return self._outbox.webhooks()

    def one(self, webhook: str) -> Webhook:
        """A webhook.

        Raises:
            NotFound: there is none.
        """
        found = next((one for one in self.all() if one.id == webhook), None)
        if found is None:
            raise NotFound(f"There is no webhook {webhook!r}. See `cmo webhooks list`.")
        return found

    def pause(self, webhook: str, actor: str) -> Webhook:
        """Send it nothing for now; what happens meanwhile waits.

        Raises:
            NotFound: there is none.
        """
        now = self._now()
        return self._outbox.change(
            webhook,
            lambda one: one if one.paused_at else replace(one, paused_at=now),
            self._deed(actor, "webhook-paused", webhook),
        )

    def resume(self, webhook: str, actor: str) -> Webhook:
        """Send to it again what waits, also where it had said that it wants no more.

        Raises:
            NotFound: there is none.
        """
        deed = self._deed(actor, "webhook-resumed", webhook)
        return self._outbox.change(webhook, lambda one: replace(one, paused_at=None, ended=""), deed)

    def rotate(self, webhook: str, actor: str, overlap_seconds: float) -> Webhook:
        """Give it another secret. For a while messages are signed with both; one that came before those ends at once.

        Raises:
            NotFound: there is none.
            WebhookRefused: the old one cannot hold for so long.
        """
        if not 0 <= overlap_seconds <= MOST_OVERLAP_HOURS * 3600:
            raise WebhookRefused(f"An old secret holds for 0 to {MOST_OVERLAP_HOURS:,.0f} hours beside the new one.")
        fresh, until = fresh_secret(), self._now() + overlap_seconds
        return self._outbox.change(
            webhook,
            lambda one: replace(
                one,
                secret=fresh,
                former=one.secret if overlap_seconds else "",
                former_until=until if overlap_seconds else 0.0,
            ),
            self._deed(actor, "webhook-rotated", webhook, overlap_seconds=overlap_seconds),
        )

    def remove(self, webhook: str, actor: str) -> None:
        """Tell it nothing any more, also nothing that is under way.

        Raises:
            NotFound: there is none.
        """
        self._outbox.remove(webhook, self._deed(actor, "webhook-removed", webhook))

    def test(self, webhook: str) -> Said:
        """Send it a signed test now, once; what came of it.

        Raises:
            NotFound: there is none.
        """
        return asyncio.run(self._try(self.one(webhook)))

    def deliveries(self, *, webhook: str = "", state: str = "", most: int = 50) -> Sequence[Delivery]:
        """What was sent or waits, the newest first."""
        return self._outbox.deliveries(webhook=webhook, state=state, most=most)

    def again(self, delivery: str, actor: str) -> Delivery:
        """Send a delivery once more, under the same id.

        Raises:
            NotFound: there is none, or its webhook ended.
        """
        deed = self._deed(actor, "webhook-redelivered", delivery)
        return self._outbox.again(delivery, self._now(), deed)

    async def _try(self, webhook: Webhook) -> Said:
        test = Delivery(f"msg_{token_hex(12)}", webhook.id, Kind.TEST, self._now(), {"id": webhook.id})
        async with Courier(self._clock, private=self._private) as courier:
            return await courier.send(webhook, test, self._tenant)

    def _deed(self, actor: str, action: str, subject: str, **facts: Any) -> Deed:
        return Deed(self._now(), actor, action, subject, facts)

    def _now(self) -> float:
        return self._clock.now().timestamp()
