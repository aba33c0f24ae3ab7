"""The provider that knows people (OpenID Connect): what it says of itself, its keys, and a token for a code.

::

    issuer/.well-known/openid-configuration --> where to send people, where codes are redeemed, where keys are
    keys, kept ten minutes --a token names one that is not among them--> asked for anew (every five seconds at most)
    silent --> what it said within the last hour, or an error at once for the next five seconds

Each fetch has an end in time and in size, no redirect is followed, and only https is spoken, save with a provider on this
machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx

from cmo.access.attempt import Attempt
from cmo.access.tokens import ALGORITHMS, Claims, Expected, Flaw, believed, keys_of
from cmo.errors import ProviderFailed
from cmo.kit.address import allowed
from cmo.kit.clock import Clock
from cmo.kit.http import ERRORS, Body, reason

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

T = TypeVar("T")
CALL_SECONDS: Final = 5.0
MOST_BYTES: Final = 1_000_000
FRESH_SECONDS, STALE_SECONDS, REST_SECONDS = 600.0, 3_600.0, 5.0
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ASKING: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Nothing that grows when it is unpacked."""
_MOST_CODE: Final = 40
DISCOVERY: Final = "/.well-known/openid-configuration"
"""Where a provider says what it is (OpenID Connect Discovery, section 4)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Us, as the provider knows us."""

    issuer: str
    id: str
    redirect: str
    """Where people come back to."""
    secret: str = field(default="", repr=False)
    """Empty where the provider asks for none."""
    scopes: str = "openid profile email"
    audience: str = ""
    """Of tokens that programs may show; empty where they may show none."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a provider says of itself."""

    authorization: str
    token: str
    keys: str
    end: str
    """Where people log out; empty where it offers no such thing."""
    says_who: bool
    """Whether it names itself when people come back (RFC 9207)."""
    by_post: bool
    """Whether it takes our secret in the body alone."""


class Provider:
    """Asks one provider, from one event loop at a time.

    Args:
        client: us.
        clock: both clocks.
        seconds: longest that one of its replies may take.
    """

    def __init__(self, client: Client, clock: Clock, seconds: float = CALL_SECONDS) -> None:
        self.client = client
        self._clock = clock
        self._seconds = seconds
        self._http: httpx.AsyncClient | None = None
        self._described = _Kept(self._describe, clock)
        self._keys = _Kept(self._publish, clock)

    async def described(self) -> Described:
        """What it says of itself.

        Raises:
            ProviderFailed: nothing, or nothing that can be used.
        """
        return await self._described.now()

    async def door(self, attempt: Attempt) -> str:
        """Where to send somebody who is to sign in.

        Raises:
            ProviderFailed: it does not answer.
        """
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.client.redirect,
            "scope": self.client.scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return _with((await self.described()).authorization, asked)

    async def way_out(self) -> str:
        """Where to send somebody who is to log out there as well; empty where nobody can.

        Raises:
            ProviderFailed: it does not answer.
        """
        end = (await self.described()).end
        back = self.client.redirect.partition("/login/")[0] + "/login"
        return _with(end, {"client_id": self.client.id, "post_logout_redirect_uri": back}) if end else ""

    async def redeemed(self, code: str, attempt: Attempt) -> Claims | Flaw | None:
        """What it says of somebody who came back with a code; None where it does not know the code.

        Raises:
            ProviderFailed: it does not answer as it should.
        """
        described, client = await self.described(), self.client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect,
            "code_verifier": attempt.verifier,
        }
        basic = bool(client.secret) and not described.by_post
        if not basic:
            form |= {"client_id": client.id} | ({"client_secret": client.secret} if client.secret else {})
        auth = httpx.BasicAuth(_quoted(client.id), _quoted(client.secret)) if basic else None
        status, told = await self._fetch("POST", described.token, data=form, auth=auth)
        if status == httpx.codes.BAD_REQUEST and told.get("error") == "invalid_grant":
            return None
        if status != httpx.codes.OK:
            raise ProviderFailed(f"The provider redeems no code: HTTP {status}{_error(told)}. `cmo doctor` looks why.")
        token = told.get("id_token")
        if not isinstance(token, str):
            raise ProviderFailed("The provider sent no ID token. CMO_OIDC_SCOPES must hold openid.")
        return await self.believed(token, Expected(client.issuer, client.id, attempt.nonce))

    async def believed(self, token: str, expected: Expected) -> Claims | Flaw:
        """The claims of a token, or why it is not believed; keys that came in the place of others are asked for.

        Raises:
            ProviderFailed: its keys cannot be had.
        """
        now = self._clock.now().timestamp()
        told = believed(token, await self._keys.now(), expected, now)
        if told in (Flaw.KEY, Flaw.SIGNATURE):
            told = believed(token, await self._keys.now(anew=True), expected, now)
        return told

    async def examined(self) -> int:
        """How many keys it signs with, if all that it says can be used; for whoever looks whether it can.

        Raises:
            ProviderFailed: it cannot.
        """
        try:
            return len((await self._keys.now()).keys)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; they are opened anew where they are needed again."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    # -- what it says --------------------------------------------------------------------------------------------

    async def _describe(self) -> Described:
        issuer = self.client.issuer
        status, told = await self._fetch("GET", issuer.rstrip("/") + DISCOVERY)
        if status != httpx.codes.OK:
            raise ProviderFailed(f"There is no provider at {issuer}: HTTP {status}. Check CMO_OIDC_ISSUER.")
        if told.get("issuer") != issuer:
            raise ProviderFailed(
                f"The provider at {issuer} calls itself {str(told.get('issuer'))[:200]!r}. Set CMO_OIDC_ISSUER to that, "
                "if it is the right one: each letter counts."
            )
        signed = told.get("id_token_signing_alg_values_supported", [*ALGORITHMS])
        if not set(ALGORITHMS) & set(_texts(signed)):
            raise ProviderFailed(f"The provider at {issuer} signs by none of {', '.join(ALGORITHMS)}.")
        ways = _texts(told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]))
        return Described(
            self._place(told, "authorization_endpoint"),
            self._place(told, "token_endpoint"),
            self._place(told, "jwks_uri"),
            self._place(told, "end_session_endpoint") if told.get("end_session_endpoint") else "",
            told.get("authorization_response_iss_parameter_supported") is True,
            "client_secret_basic" not in ways and "client_secret_post" in ways,
        )

    def _place(self, told: Mapping[str, Any], name: str) -> str:
        place = told.get(name)
        if not isinstance(place, str) or not sound(place, here=urlsplit(self.client.issuer).scheme == "http"):
            raise ProviderFailed(f"The provider at {self.client.issuer} says no {name} that can be used.")
        return place

    async def _publish(self) -> KeySet:
        described = await self.described()
        status, told = await self._fetch("GET", described.keys)
        if status != httpx.codes.OK:
            raise ProviderFailed(f"The provider publishes no keys: HTTP {status}. Try again.")
        return keys_of(told)

    async def _fetch(
        self, method: str, url: str, *, data: Mapping[str, str] | None = None, auth: httpx.Auth | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a reply."""
        where = urlsplit(url).netloc
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._read(method, url, data, auth)
        except ERRORS as error:  # none of them is shown: a request holds the code, the verifier and the secret
            raise ProviderFailed(f"The provider at {where} does not answer: {reason(error)}. Try again.") from None
        try:
            told = json.loads(reply.content)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            told = {}
        return reply.status_code, told

    async def _read(
        self, method: str, url: str, data: Mapping[str, str] | None, auth: httpx.Auth | None
    ) -> httpx.Response:
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=self._seconds, headers=_ASKING)
        body = Body(MOST_BYTES)
        async with self._http.stream(method, url, data=data, auth=auth) as reply:
            async for part in reply.aiter_raw():
                body.add(part)
        return httpx.Response(reply.status_code, content=body.whole)


class _Kept(Generic[T]):
    """What was heard, for a while: asked once at a time, and not again at once where there was no answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._at = self._failed_at = -STALE_SECONDS
        self._failure: ProviderFailed | None = None

    async def now(self, *, anew: bool = False) -> T:
        """What holds now.

        Raises:
            ProviderFailed: there was no answer, and nothing is known that is young enough.
        """
        if self._due(anew=anew):
            async with self._lock:
                if self._due(anew=anew):
                    await self._hear()
        if self._value is None or self._clock.monotonic() - self._at > STALE_SECONDS:
            assert self._failure is not None, "it was asked, and did not answer"
            raise ProviderFailed(str(self._failure))
        return self._value

    def _due(self, *, anew: bool) -> bool:
        now = self._clock.monotonic()
        rested = now - self._failed_at >= REST_SECONDS
        return rested and (self._value is None or now - self._at >= (REST_SECONDS if anew else FRESH_SECONDS))

    async def _hear(self) -> None:
        try:
            self._value, self._at, self._failure = await self._ask(), self._clock.monotonic(), None
        except ProviderFailed as error:
            self._failure, self._failed_at = error, self._clock.monotonic()


def sound(url: str, *, here: bool) -> bool:
    """Whether an address may be asked: https; or http on this machine, where `here` says so."""
    if not allowed(url, private=True) or urlsplit(url).fragment:
        return False
    parts = urlsplit(url)
    return parts.scheme == "https" or (here and parts.hostname in _HERE)


def _with(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}"


def _quoted(text: str) -> str:
    """A name or a password as RFC 6749, section 2.3.1 has it before it is put together."""
    return urlencode({"": text})[1:]


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _error(told: Mapping[str, Any]) -> str:
    code = told.get("error")
    return f", {code}" if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= _MOST_CODE else ""
