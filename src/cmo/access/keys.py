"""Keys: made once, shown once, kept as a hash.

::

    cmo_<id>_<secret>    id: 12 hexadecimal digits, no secret; secret: 256 random bits, as 43 letters

SHA-256 is right here, and a slow hash such as Argon2 would be wrong: slow hashes protect what people choose, which can
be guessed. Nobody guesses 256 random bits, and a hash that takes 50 ms on purpose would let anybody tire the service out
by sending keys (OWASP, NIST SP 800-63B section 5.1.2).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from cmo.model.access import Key

_KEY = re.compile(r"cmo_([0-9a-f]{12})_([\w-]{43})", re.ASCII)
_NOBODY = "0" * 64


class Why(StrEnum):
    """Why somebody is not let in."""

    NOTHING = "nothing"
    """No key was shown."""
    MALFORMED = "malformed"
    """What was shown is no key."""
    UNKNOWN = "unknown"
    """There is no such key."""
    REVOKED = "revoked"
    """It was revoked."""
    ROTATED = "rotated"
    """Another key came in its place, and the time for both is over."""
    EXPIRED = "expired"
    """Its time is over."""
    LEFT = "left"
    """The session is over."""
    TOKEN = "token"  # noqa: S105 - a name
    """A token of the provider's does not hold."""
    STRANGER = "stranger"
    """The provider knows them, and nobody here does."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A key as it is shown, this once."""

    id: str
    digest: str
    text: str = field(repr=False)


def mint() -> Minted:
    """A new key."""
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return Minted(key, digest(secret), f"cmo_{key}_{secret}")


def split(text: str) -> tuple[str, str] | None:
    """Id of a key as it was shown, and the digest of its secret; None where that is no key."""
    match = _KEY.fullmatch(text)
    return None if match is None else (match[1], digest(match[2]))


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def standing(key: Key | None, shown: str, now: float) -> Why | None:
    """Why a key does not open, or None if it does.

    Args:
        key: as it is kept; None where there is none of that id.
        shown: digest of the secret that was shown.
        now: seconds since 1970.
    """
    same = hmac.compare_digest(shown, key.digest if key else _NOBODY)  # takes as long whatever is wrong
    if key is None or not same:
        return Why.UNKNOWN
    return over(key, now)


def over(key: Key, now: float) -> Why | None:
    """Why a key holds no longer, or None if it does."""
    if key.revoked_at is not None and now >= key.revoked_at:
        return Why.ROTATED if key.replaced_by else Why.REVOKED
    if key.expires_at is not None and now >= key.expires_at:
        return Why.EXPIRED
    return None
