"""The courier: takes what is due out of an outbox to those who are to have it, and writes down what came of it.

::

    outbox --due--> claimed: the attempt is counted --sent, in so many seconds--> delivered
       ^                                                       '--not taken--> due again later, or given up

Each webhook has an errand of its own, so that a slow or dead one holds up no other; after a failure its other deliveries
wait for the next look. Who dies between claim and settling has sent perhaps: it is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import httpx

from cmo.errors import StoreError, WebhookRefused
from cmo.kit.address import AsyncCheckedTransport, NotAllowed, allowed
from cmo.kit.chance import CHANCE, Chance
from cmo.kit.clock import Clock
from cmo.kit.http import ERRORS, reason, retry_after
from cmo.model.webhooks import Delivery, Outbox, State, Webhook
from cmo.notify.signed import Said, body_of, fate_of, headers_of
from cmo.notify.webhook import Address

log = logging.getLogger("cmo.notify")

OF_EACH: Final = 50
"""Deliveries of one webhook in one errand, at most."""
SECONDS: Final = 10.0
"""For one attempt, from the look-up of its name to the status of its reply; the specification advises 15 to 30 at most."""
_CLAIMED_SECONDS: Final = 30.0
"""After which an attempt of which nothing more was heard is made again."""
_AT_ONCE: Final = 32


def address(url: str, *, private: bool) -> str:
    """The same, if webhooks may be sent there.

    Raises:
        WebhookRefused: it is no address of the web, one of a private network, or one that is called without TLS.
    """
    if allowed(url, private=private):
        if private or url.startswith("https://"):
            return url
        raise WebhookRefused(f"{_shown(url)} is no https, and everybody on the way could read along. Use https://.")
    if allowed(url, private=True):
        raise WebhookRefused(
            f"{_shown(url)} leads into a private network, and no webhook is sent there. "
            "Set CMO_WEBHOOK_PRIVATE=true if it is meant."
        )
    raise WebhookRefused("A webhook needs an address such as https://example.org/hook, with no name or password in it.")


class Courier:
    """Sends. To be entered in the event loop in which it works.

    Args:
        clock: the time.
        private: whether webhooks may be in a private network, or on this machine.
        seconds: for one attempt.
        chance: for the pauses.
    """

    def __init__(
        self, clock: Clock, *, private: bool = False, seconds: float = SECONDS, chance: Chance = CHANCE
    ) -> None:
        self._clock = clock
        self._private = private
        self._seconds = seconds
        self._chance = chance
        self._errands: dict[str, asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None
        self._untold: set[str] = set()
        """Webhooks of which it could not be written down what came of a delivery."""
        self.came_of: Counter[str] = Counter()
        """Attempts so far: ``delivered``, ``failed`` and to be made again, ``given-up``."""

    async def __aenter__(self) -> Self:
        self._slots = asyncio.Semaphore(_AT_ONCE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for errand in self._errands.values():
            errand.cancel()
        await asyncio.gather(*self._errands.values(), return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def look(self, outbox: Outbox, tenant: str) -> None:
        """Begin an errand to each webhook for which something is due and to which nobody is on the way.

        Raises:
            StoreError: the outbox cannot be read.
        """
        self._errands = {key: errand for key, errand in self._errands.items() if not errand.done()}
        due = await asyncio.to_thread(outbox.due, self._now(), OF_EACH)
        for webhook, deliveries in due.items():
            if webhook.id not in self._errands:
                errand = self._errand(outbox, tenant, webhook, deliveries)
                self._errands[webhook.id] = asyncio.get_running_loop().create_task(errand)

    async def settled(self) -> None:
        """Wait until all errands are done."""
        await asyncio.gather(*self._errands.values())

    async def send(self, webhook: Webhook, delivery: Delivery, tenant: str) -> Said:
        """Make one attempt; what came of it. A redirect is followed nowhere, and of a reply only the status is read."""
        client, body = self._opened(), body_of(delivery, tenant)
        now = self._now()
        signed = headers_of(webhook.secrets(now), delivery.id, int(now), body)
        try:
            async with asyncio.timeout(self._seconds):
                request = client.build_request("POST", webhook.url, content=body, headers=signed)
                request.url = Address(webhook.url)  # the log of the client shows no key that it may hold
                reply = await client.send(request, stream=True, follow_redirects=False)
                await reply.aclose()
        except NotAllowed as error:
            return Said(taken=False, words=f"{error}; CMO_WEBHOOK_PRIVATE=true lets webhooks into networks of your own")
        except ERRORS as error:
            return Said(taken=False, words=reason(error))
        asked = retry_after(reply.headers.get("retry-after", ""))
        return Said(reply.is_success, f"HTTP {reply.status_code}", reply.status_code, asked)

    def _opened(self) -> httpx.AsyncClient:
        """The client; made when somebody is told, as it costs a tenth of a second."""
        if self._client is None:
            transport = AsyncCheckedTransport(private=self._private, limits=httpx.Limits(max_connections=_AT_ONCE))
            self._client = httpx.AsyncClient(transport=transport, timeout=self._seconds, trust_env=False)
        return self._client

    async def _errand(self, outbox: Outbox, tenant: str, webhook: Webhook, deliveries: Sequence[Delivery]) -> None:
        try:
            for delivery in deliveries:
                async with self._slots:
                    taken = await self._delivered(outbox, tenant, webhook, delivery)
                    self._untold.discard(webhook.id)
                    if not taken:
                        return
        except StoreError as error:  # a look comes again, a second later: what lasts is said once
            if webhook.id not in self._untold:
                log.warning("webhook %s: what came of it cannot be written down: %s", webhook.id, error)
            self._untold.add(webhook.id)

    async def _delivered(self, outbox: Outbox, tenant: str, webhook: Webhook, delivery: Delivery) -> bool:
        """Send one; whether the next one may follow."""
        if not await asyncio.to_thread(outbox.claim, delivery, self._now() + _CLAIMED_SECONDS):
            return True  # somebody else has it
        said = await self.send(webhook, delivery, tenant)
        fate = fate_of(delivery.attempts + 1, said, self._now(), self._chance())
        await asyncio.to_thread(outbox.settle, delivery, fate)
        self.came_of["failed" if fate.state is State.WAITING else fate.state.value] += 1
        if fate.state is State.GIVEN_UP:
            log.warning("webhook %s: %s was given up: %s", webhook.id, delivery.id, fate.ends or fate.said)
        return said.taken

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _shown(url: str) -> str:
    return str(Address(url))
