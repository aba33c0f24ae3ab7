"""One sign-in from one browser: a secret that only that browser has, and all that is sent made of it.

::

    secret (in a cookie) --HMAC--> state (comes back with the browser), nonce (comes back in the token), PKCE verifier

Nothing is kept here, so that any process can end what another one began. Whoever has no cookie, or another browser's,
has a state that fits to nothing: nobody can be signed in as somebody else by a link (RFC 9700, section 4.7).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Self

LASTS_SECONDS: Final = 600
_HERE: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)
_COOKIE: Final = re.compile(r"([\w-]{43})\.(\d{1,12})\.([\w-]{0,2700})", re.ASCII)


def onward(address: str) -> str:
    """Where to go after a login: an address of this service, else its first page. No other site, however it is spelled."""
    return address if _HERE.fullmatch(address) else "/"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was begun."""

    secret: str = field(repr=False)
    begun: int
    """Seconds since 1970."""
    next: str
    """Where to go afterwards."""

    @classmethod
    def begin(cls, address: str, now: float) -> Self:
        """A new one."""
        return cls(secrets.token_urlsafe(32), int(now), onward(address))

    @classmethod
    def read(cls, cookie: str, now: float) -> Self | None:
        """One from the cookie of its browser; None where that is none, or is too old."""
        match = _COOKIE.fullmatch(cookie)
        if match is None or not 0 <= now - int(match[2]) <= LASTS_SECONDS:
            return None
        try:
            address = base64.urlsafe_b64decode(match[3] + "=" * (-len(match[3]) % 4)).decode("ascii")
        except ValueError:
            return None
        return cls(match[1], int(match[2]), onward(address))

    @property
    def cookie(self) -> str:
        """What its browser keeps."""
        return f"{self.secret}.{self.begun}.{_letters(self.next.encode('ascii'))}"

    @property
    def state(self) -> str:
        """What comes back with the browser."""
        return self._made_of(f"state {self.begun} {self.next}")

    @property
    def nonce(self) -> str:
        """What comes back in the token."""
        return self._made_of("nonce")

    @property
    def verifier(self) -> str:
        """What shows that we are who asked for the code (PKCE, RFC 7636)."""
        return self._made_of("verifier")

    @property
    def challenge(self) -> str:
        """What is told of it beforehand."""
        return challenge_of(self.verifier)

    def is_of(self, state: str) -> bool:
        """Whether a state that came back is its own."""
        return hmac.compare_digest(state.encode(), self.state.encode())

    def _made_of(self, what: str) -> str:
        return _letters(hmac.digest(self.secret.encode(), what.encode(), "sha256"))


def challenge_of(verifier: str) -> str:
    """What is told beforehand of something that is shown later (PKCE, S256)."""
    return _letters(hashlib.sha256(verifier.encode()).digest())


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
