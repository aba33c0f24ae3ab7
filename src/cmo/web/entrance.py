"""The entrance: every request says who sent it before anything else is done for it.

::

    key or cookie --warden--> principal --> asks too often? --> the desk of its tenant --> the service
                       '--why not--> 401, or for a browser /login
                                             '--> 429

What needs no key is the login page, its files, and whether the service is well.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import quote

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cmo.access import TOKEN, Meter, Shown, Tries, Warden, Why
from cmo.access.signin import SignIn
from cmo.errors import NotAllowed, NotKnown, OracleError
from cmo.kit.actor import acting
from cmo.kit.rate import Rate
from cmo.kit.text import clean_line
from cmo.model.access import Deed, Principal, Role
from cmo.web.desk import Desk
from cmo.web.problems import of_error
from cmo.web.tenants import Desks

log = logging.getLogger("cmo.web")

OPEN: Final = frozenset(
    {
        "/health",
        "/live",
        "/ready",
        "/login",
        "/login/oidc",
        "/login/oidc/callback",
        "/login/oidc/leave",
        "/login/chat/ticket",
        "/favicon.ico",
    }
)
"""Addresses that need no key; a test holds this against what the routes say."""
_TOKEN: Final = re.compile(r"ey[\w-]{8,}\.[\w-]+\.[\w-]+", re.ASCII)
"""How a token of a provider (JWT) begins."""
_MOST_KEY, _MOST_TOKEN = 500, 16_000
_HEALTH: Final = "/health"
_FILES: Final = "/static/"
_OTHERWISE: Final = "?"
"""What is no key, for whoever says who they are in a way that is not known here."""
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ATTEMPTS: Final = Rate(0.5, 30)
"""Keys that do not open, from one address."""
_RETURNS: Final = Rate(5, 100)
"""Ways back from a provider, each of which asks it, from one address; behind a proxy, of everybody."""
_SAID: Final = {
    Why.NOTHING: "This service needs a key. Send it as `Authorization: Bearer cmo_...`; `cmo keys create` makes one.",
    Why.MALFORMED: "What was sent is no key: one looks like `cmo_`, 12 digits, `_` and 43 letters, all on one line.",
    Why.UNKNOWN: "There is no such key here.",
    Why.REVOKED: "This key was revoked.",
    Why.ROTATED: "Another key came in the place of this one, and the time for both is over.",
    Why.EXPIRED: "This key has expired.",
    Why.LEFT: "You are not logged in any more. Log in at /login.",
    Why.TOKEN: "This token does not hold here: it is another provider's, made for somebody else, or not yet good.",
    Why.STRANGER: "The provider knows who you are, and gives you no role here. Ask whoever runs this service.",
}


class Entrance:
    """What all requests pass.

    Args:
        warden: knows who asks.
        desks: one for each tenant.
        cookie: name of the cookie of who logged in.
        meter: opens what counts what each key asks, when it is first needed.
        sign_in: lets in whom a provider vouches for; None where nobody is asked.
        crossed: told of each request that came to the base of another tenant.
    """

    def __init__(
        self,
        warden: Warden,
        desks: Desks,
        cookie: str,
        meter: Callable[[], Meter],
        sign_in: SignIn | None = None,
        *,
        crossed: Callable[[], None] = lambda: None,
    ) -> None:
        self.warden = warden
        self.desks = desks
        self.cookie = cookie
        self.sign_in = sign_in
        self._meter = meter
        self._count_crossed = crossed
        self._looking = anyio.Lock()
        self._few = CapacityLimiter(2)
        self._writing = CapacityLimiter(1)  # apart: whoever waits for the disk keeps nobody who is let in
        self._attempts = Tries("keys", _ATTEMPTS, meter)
        self.returns = Tries("returns", _RETURNS, meter)

    def shown(self, headers: Mapping[str, str]) -> Shown:
        """What a request shows of who sent it."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme and scheme.casefold() != "bearer":
            return Shown(key=_OTHERWISE)
        key = given.strip() or headers.get("x-api-key", "").strip()
        if key:
            return Shown(key=key[: _MOST_TOKEN if _TOKEN.match(key) else _MOST_KEY])
        return Shown(cookie=cookie_parser(headers.get("cookie", "")).get(self.cookie, "")[:500])

    async def who(self, shown: Shown) -> Principal | Why:
        """Who asks, or why they are not let in.

        Raises:
            StoreError: nobody knows, as the store is silent.
            ProviderFailed: the same of the provider.
        """
        if self.sign_in is not None and self.sign_in.takes_tokens and _TOKEN.match(shown.key):
            return await self.sign_in.by_token(shown.key)
        told = self.warden.at_once(shown)
        if told is None:
            async with self._looking:  # of those who ask at once, one looks for all
                told = self.warden.at_once(shown)
                if told is None:
                    told = await to_thread.run_sync(self.warden.look, shown, limiter=self._few)
        return told

    async def unknown(self, why: Why, shown: Shown, place: str) -> OracleError:
        """The error of a key that does not open, which is written down."""
        if why is Why.NOTHING:
            return NotKnown(_SAID[why])
        await to_thread.run_sync(self.warden.refuse, why, shown, place, limiter=self._writing)
        return await self.unopened(why, place)

    async def unopened(self, why: Why, place: str) -> OracleError:
        """The same without writing anything down: that a key does not open, or that too many did not."""
        if refused := await self._attempts.admit(place):
            return refused.error("A key")
        return NotAllowed(_SAID[why]) if why is Why.STRANGER else NotKnown(_SAID[why])

    async def too_much(self, asks: Principal) -> OracleError | None:
        """Why a key may not ask now, if it may not."""
        return await self._meter().admit(asks) if asks.known and asks.key != TOKEN else None

    def require_own(self, asks: Principal, desk: Desk) -> None:
        """Refuse a request that came to the base of another tenant: none ever should, and people are told.

        Raises:
            NotAllowed: this one did.
        """
        base = desk.house.settings.tenant
        if asks.tenant != base:
            log.critical("a request of tenant %r came to the base of %r, and was refused", asks.tenant, base)
            self._count_crossed()
            raise NotAllowed(
                "This came to a base that is not its own, and was refused. Tell whoever runs this service."
            )

    def runs_it(self, asks: Principal) -> bool:
        """Whether they run this service, and may know where its files lie."""
        return asks.role.covers(Role.OPERATOR) and asks.tenant == self.warden.rules.tenant

    async def refused(self, asks: Principal, method: str, path: str) -> None:
        """Write down that somebody may not do what they tried."""
        now = self.desks.front.house.clock.now().timestamp()
        deed = Deed(now, asks.name, "role-refused", clean_line(f"{method} {path[:300]}"), {"role": asks.role.value})
        await to_thread.run_sync(self.warden.note_some, deed, limiter=self._writing)


class Access:
    """Lets requests in.

    Args:
        app: the service.
        entrance: what they pass.
    """

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with AsyncExitStack() as stack:
            refusal = await self._admitted(scope, stack)
            await (refusal or self._app)(scope, receive, send)

    async def _admitted(self, scope: Scope, stack: AsyncExitStack) -> Response | None:
        """Note who asks, and at which desk; or why not, as a response."""
        entrance, headers, state = self._entrance, _said(scope), scope.setdefault("state", {})
        shown, free = entrance.shown(headers), is_open(scope["path"])
        state["desk"], state["principal"] = entrance.desks.front, None
        if free and scope["path"] != _HEALTH:  # which tells more to whoever may know it
            return None
        try:
            told = await entrance.who(shown)
            if isinstance(told, Why):
                return None if free else await self._turned_away(scope, headers, shown, told)
            if shown.cookie and not shown.key and told.known and not _from_our_page(scope, headers):
                return of_error(scope, NotAllowed("Changes with a login are taken from this service's own pages only."))
            if (error := await entrance.too_much(told)) is not None:
                return of_error(scope, error)
            if told.tenant != entrance.warden.rules.tenant:
                state["desk"] = await stack.enter_async_context(entrance.desks.at(told.tenant))
            entrance.require_own(told, state["desk"])
        except OracleError as error:
            return None if free else of_error(scope, error)
        state["principal"], state["places"] = told, entrance.runs_it(told)
        stack.enter_context(acting(told.name))
        return None

    async def _turned_away(self, scope: Scope, headers: Mapping[str, str], shown: Shown, why: Why) -> Response:
        if scope["method"] == "GET" and "text/html" in headers.get("accept", "") and not shown.key:
            path = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            return RedirectResponse(f"/login?next={quote(path, safe='/')}", 303)
        error = await self._entrance.unknown(why, shown, place_of(scope))
        response = of_error(scope, error)
        if isinstance(error, NotKnown):
            response.headers["WWW-Authenticate"] = 'Bearer realm="cmo"'
        return response


def is_open(path: str) -> bool:
    """Whether an address needs no key."""
    return path in OPEN or path.startswith(_FILES)


def place_of(scope: Scope) -> str:
    """From where a request comes."""
    client = scope.get("client")
    return str(client[0]) if client else "somewhere"


def _said(scope: Scope) -> dict[str, str]:
    """Headers by name, of which the first counts that comes twice."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _from_our_page(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a request that a cookie lets in may be one of another site's page (CSRF).

    The cookie is SameSite=Strict already. Beside it a write must say that it is ours: every browser sends one of
    these with a write, and no page can forge them.
    """
    if scope["method"] not in _WRITES:
        return True
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == headers.get("host", "")
    return headers.get("sec-fetch-site", "") == "same-origin"
