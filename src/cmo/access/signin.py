"""Signing in with a provider that knows people (OpenID Connect): the authorization code flow, with PKCE.

::

    begin --> the provider asks who it is --> back, with a code and our state
        state of this browser? --> code --token--> believed? --> a role here? --> session
                 '-------------------'---------------'-------------'--> Turned(why), written down
    a program's token --believed? a role here?--> principal

Nothing is kept of the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from anyio import to_thread

from cmo.access.attempt import Attempt
from cmo.access.keys import Why
from cmo.access.persons import Standing, Stranger, person
from cmo.access.provider import Provider
from cmo.access.tokens import Claims, Expected, Flaw
from cmo.access.warden import Warden
from cmo.kit.clock import Clock
from cmo.model.access import Deed, Principal

LATE: Final = "state"
"""Why: the sign-in was begun in another browser, long ago, or is over."""
DENIED: Final = "denied"
"""Why: the provider says no."""
USED: Final = "code"
"""Why: the provider does not know the code, or not any more."""
_MOST_USED: Final = 10_000
_MOST_CODE: Final = 4_000


@dataclass(frozen=True, slots=True)
class Back:
    """With what a browser comes back from the provider."""

    state: str = ""
    code: str = ""
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody is in."""

    cookie: str
    who: Principal
    next: str


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody is not let in."""

    why: str


class SignIn:
    """Lets in whom a provider vouches for.

    Args:
        provider: who knows people.
        standing: what they may here.
        warden: keeps who is in.
        clock: the time.
    """

    def __init__(self, provider: Provider, standing: Standing, warden: Warden, clock: Clock) -> None:
        self.provider = provider
        self._standing = standing
        self._warden = warden
        self._clock = clock
        self._over: dict[str, None] = {}

    async def begin(self, address: str) -> tuple[str, Attempt]:
        """Where to send a browser, and what it is to keep meanwhile.

        Raises:
            ProviderFailed: the provider does not answer.
        """
        attempt = Attempt.begin(address, self._now())
        return await self.provider.door(attempt), attempt

    async def end(self, back: Back, cookie: str, place: str) -> SignedIn | Turned:
        """Let in who came back, or not.

        Args:
            back: what the browser brings.
            cookie: what it kept.
            place: from where it comes.

        Raises:
            ProviderFailed: the provider does not answer as it should.
            StoreError: nothing can be written down.
        """
        attempt = Attempt.read(cookie, self._now())
        if attempt is None or not attempt.is_of(back.state) or not self._first(attempt):
            return await self._turned(LATE, place)
        claims = await self._vouched(back, attempt)
        if isinstance(claims, str):
            return await self._turned(claims, place)
        who = person(claims, self._standing)
        told = who if isinstance(who, Stranger) else await to_thread.run_sync(self._warden.greet, who, place)
        if isinstance(told, Stranger | Why):
            return await self._turned(told, place, claims)
        return SignedIn(*told, attempt.next)

    @property
    def takes_tokens(self) -> bool:
        """Whether programs may show a token of the provider's."""
        return bool(self.provider.client.audience)

    async def by_token(self, text: str) -> Principal | Why:
        """Who shows a token, or why they are not let in.

        Raises:
            ProviderFailed: its keys cannot be had.
            StoreError: the store is silent.
        """
        client = self.provider.client
        claims = await self.provider.believed(text, Expected(client.issuer, client.audience))
        if isinstance(claims, Flaw):
            return Why.EXPIRED if claims is Flaw.EXPIRED else Why.TOKEN
        who = person(claims, self._standing)
        if isinstance(who, Stranger):
            return Why.STRANGER
        return await to_thread.run_sync(self._warden.vouched, who)

    async def _vouched(self, back: Back, attempt: Attempt) -> Claims | str:
        """What the provider says of whoever came back, or why it is not asked or not believed."""
        if not await self._from_provider(back):
            return Flaw.ISSUER
        if back.error or not 0 < len(back.code) <= _MOST_CODE:
            return DENIED
        claims = await self.provider.redeemed(back.code, attempt)
        return USED if claims is None else claims

    async def _from_provider(self, back: Back) -> bool:
        """Whether it is our provider that sends somebody back, where it says so (RFC 9207: mix-up)."""
        if back.issuer:
            return back.issuer == self.provider.client.issuer
        return not (await self.provider.described()).says_who

    def _first(self, attempt: Attempt) -> bool:
        """Whether nobody came back with this attempt before; the oldest are forgotten, whose codes are long over."""
        if attempt.state in self._over:
            return False
        self._over[attempt.state] = None
        if len(self._over) > _MOST_USED:
            self._over.pop(next(iter(self._over)))
        return True

    async def _turned(self, why: str, place: str, claims: Claims | None = None) -> Turned:
        subject = str((claims or {}).get("sub", ""))[:300].encode("ascii", "replace").decode()
        deed = Deed(self._now(), place, "login-refused", subject, {"why": str(why), "by": "oidc"})
        await to_thread.run_sync(self._warden.note_some, deed)
        return Turned(str(why))

    def _now(self) -> float:
        return self._clock.now().timestamp()
