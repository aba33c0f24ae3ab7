"""Who is in the chat: whoever sits at this machine, or, where the service wants to know who asks, who signed in with it.

::

    the service lets this process in --> one person: the account that runs the chat
    it does not --/cmo/login--> its /login/chat, where people log in by key or with their institution --ticket-->
        /cmo/in: begun in this browser? --ticket, verifier--> the service --> a session of theirs, under a cookie of ours

What was begun is in a cookie of that browser alone (`Attempt`), so that nobody is signed in as somebody else by a link. Sessions
are kept in this process, and nowhere else: whoever begins it anew signs in anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx

from cmo.access.attempt import Attempt
from cmo.client import AsyncClient
from cmo.errors import NotKnown, OracleError, ServiceGone
from cmo.kit.clock import Clock
from cmo.kit.http import ERRORS, reason

BACK: Final = "/cmo/in"
"""Where the service sends people back to; it knows no other place of a chat (`cmo.web.handing`)."""
_ANSWER_SECONDS: Final = 600.0
"""Longest wait for an answer: a language model on a small machine takes minutes."""
_LOOK_AGAIN_SECONDS: Final = 5.0
_MOST: Final = 1_000
_CALL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody."""

    name: str
    """By which their conversations are kept."""
    user: str
    """As whom the service is asked; empty where it knows by itself."""
    client: AsyncClient


_HERE: ContextVar[Guest] = ContextVar("guest")


def guest() -> Guest:
    """Who sent what is being served."""
    return _HERE.get()


@contextmanager
def here(one: Guest) -> Iterator[None]:
    """Within it, and within all that is begun there, somebody asks."""
    before = _HERE.set(one)
    try:
        yield
    finally:
        _HERE.reset(before)


@dataclass(slots=True)
class _Signed:
    guest: Guest
    line: httpx.AsyncBaseTransport
    until: float


class Guests:
    """All of them.

    Args:
        url: of the service.
        person: who sits at this machine.
        clock: both clocks.
    """

    def __init__(self, url: str, person: str, clock: Clock) -> None:
        self.url = url
        self._clock = clock
        self._own = Guest(person, person, AsyncClient(url, seconds=_ANSWER_SECONDS))
        self._signed: dict[str, _Signed] = {}
        self._let_in = True
        self._looked = -_LOOK_AGAIN_SECONDS

    async def who(self, cookie: str, *, anew: bool = False) -> Guest | None:
        """Who is in by a cookie, or without one; None where they have to sign in.

        Args:
            cookie: of ours.
            anew: whether the service is asked if it still knows them.
        """
        known = self._signed.get(cookie)
        if known is not None and self._clock.monotonic() < known.until:
            if not anew or await _lets_in(known.guest.client):
                return known.guest
            await self.leave(cookie)
        now = self._clock.monotonic()
        if anew or now - self._looked >= _LOOK_AGAIN_SECONDS:
            self._looked, self._let_in = now, await _lets_in(self._own.client)
        return self._own if self._let_in else None

    def begin(self, address: str, place: str) -> tuple[str, str]:
        """Where to send a browser that is to sign in, and the cookie that it is to keep meanwhile.

        Args:
            address: of ours, to go to afterwards.
            place: where this chat listens, as that browser calls it.
        """
        attempt = Attempt.begin(address, self._now())
        asked = {"back": f"{place}{BACK}", "state": attempt.state, "challenge": attempt.challenge}
        return f"{self.url}/login/chat?{urlencode(asked)}", attempt.cookie

    async def end(self, kept: str, state: str, ticket: str) -> tuple[str, str]:
        """The cookie of who came back, and where to go.

        Args:
            kept: the cookie of `begin`.
            state: as it came back.
            ticket: of the service.

        Raises:
            NotKnown: it was begun in another browser, or too long ago, or the service does not take the ticket.
            ServiceGone: the service does not answer.
        """
        attempt = Attempt.read(kept, self._now())
        if attempt is None or not attempt.is_of(state):
            raise NotKnown("This sign-in was begun in another browser, or more than ten minutes ago. Sign in again.")
        told = await self._taken(ticket, attempt.verifier)
        name = person(str(told["name"]), str(told["tenant"]))
        shown = _Shown(f"{told['cookie']}={told['session']}", self.url)
        one = Guest(name, "", AsyncClient(self.url, key="", seconds=_ANSWER_SECONDS, transport=shown))
        cookie = secrets.token_urlsafe(32)
        while len(self._signed) >= _MOST:
            await self.leave(next(iter(self._signed)))
        self._signed[cookie] = _Signed(one, shown, self._clock.monotonic() + float(told["seconds"]))
        return cookie, attempt.next

    async def leave(self, cookie: str) -> None:
        """Let somebody be out, here and at the service."""
        if (known := self._signed.pop(cookie, None)) is None:
            return
        try:
            async with httpx.AsyncClient(transport=known.line, timeout=_CALL_SECONDS) as http:
                await http.post(f"{self.url}/logout")
        except ERRORS:
            pass  # their session ends by itself

    async def _taken(self, ticket: str, verifier: str) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=_CALL_SECONDS) as http:
                body = {"ticket": ticket, "verifier": verifier}
                reply = await http.post(f"{self.url}/login/chat/ticket", json=body)
        except ERRORS as error:
            raise ServiceGone(f"The service at {self.url} does not answer: {reason(error)}. Try again.") from None
        if not reply.is_success:
            raise NotKnown("The service does not take this sign-in any more. Sign in again.")
        return dict(reply.json())

    def _now(self) -> float:
        return self._clock.now().timestamp()


def person(name: str, tenant: str) -> str:
    """By what one person is known; no two by the same: a tenant has no ``@``, and a name may have some."""
    return f"{name}@{tenant}" if tenant or "@" in name else name


async def _lets_in(client: AsyncClient) -> bool:
    """Whether the service lets somebody in; where it is not there, what they ask will say so."""
    try:
        await client.me()
    except NotKnown:
        return False
    except OracleError:
        return True
    return True


class _Shown(httpx.AsyncHTTPTransport):
    """Shows a session with each request; the service takes changes by one from its own pages alone, whose part this has."""

    def __init__(self, cookie: str, url: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        self._headers = {"Cookie": cookie, "Origin": f"{parts.scheme}://{parts.netloc}"}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._headers)
        return await super().handle_async_request(request)
