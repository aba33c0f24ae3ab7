"""What a provider signed (a JWT), believed only where all of it holds.

::

    text --RS256 or ES256, a key of the provider--> claims --iss, aud, azp, exp, iat, nonce--> believed
         '--anything else--> the flaw, and nothing of what it said

The signature is checked by joserfc, with these two algorithms and no other: `none`, and HS256 with the public key as its
secret, are no signatures here whatever a token says of itself (RFC 8725, sections 3.1 and 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cmo.errors import ExtraMissing, ProviderFailed

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_SECONDS: Final = 30
"""By which the provider's clock and ours may differ."""
MOST_CHARS: Final = 32_000
_KINDS: Final = frozenset({"RSA", "EC"})
Claims = Mapping[str, Any]


class Flaw(StrEnum):
    """Why a token is not believed."""

    UNREADABLE = "unreadable"
    """It is no signed token."""
    ALGORITHM = "algorithm"
    """It is signed in a way that is not taken."""
    KEY = "key"
    """Its key is none of the provider's."""
    SIGNATURE = "signature"
    """Its signature does not hold."""
    ISSUER = "issuer"
    """It is another provider's."""
    AUDIENCE = "audience"
    """It was made for somebody else."""
    TIME = "time"
    """It is not yet good, or says no time."""
    EXPIRED = "expired"
    """Its time is over."""
    NONCE = "nonce"
    """It answers another sign-in."""
    INCOMPLETE = "incomplete"
    """Something is missing that each has."""


_OF_CLAIM: Final = {"iss": Flaw.ISSUER, "aud": Flaw.AUDIENCE, "azp": Flaw.AUDIENCE, "nonce": Flaw.NONCE}
_TIMES: Final = frozenset({"exp", "iat", "nbf"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    audience: str
    nonce: str | None = None
    """Of the sign-in that it answers; None where it answers none."""


def believed(text: str, keys: KeySet, expected: Expected, now: float) -> Claims | Flaw:
    """The claims of a token, or why it is not believed.

    Args:
        text: the token.
        keys: of the provider, from `keys_of`.
        expected: what it must say.
        now: seconds since 1970.
    """
    from joserfc import errors, jwt  # noqa: PLC0415 - an extra

    if len(text) > MOST_CHARS:
        return Flaw.UNREADABLE
    try:
        claims = jwt.decode(text, keys, algorithms=ALGORITHMS).claims
        _registry(expected, now).validate(claims)
    except (errors.JoseError, ValueError, TypeError, KeyError) as error:
        return _flaw(error)
    return claims if _for_us(claims, expected) else Flaw.AUDIENCE


def keys_of(document: Any) -> KeySet:
    """The keys of a JWKS that can sign; those of kinds that are not used here are left out.

    Raises:
        ProviderFailed: there is none.
        ExtraMissing: the extra is not installed.
    """
    require_extra()
    from joserfc.errors import JoseError  # noqa: PLC0415 - an extra
    from joserfc.jwk import JWKRegistry, KeySet  # noqa: PLC0415

    listed = document.get("keys") if isinstance(document, dict) else None
    found = []
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("kty") in _KINDS and one.get("use", "sig") == "sig":
            try:
                found.append(JWKRegistry.import_key({name: one[name] for name in one if name not in _PRIVATE}))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    if not found:
        raise ProviderFailed("The provider publishes no key that signs by RS256 or ES256. Set one of them up there.")
    return KeySet(found)


def require_extra() -> None:
    """Refuse to go on without what checks signatures.

    Raises:
        ExtraMissing: the extra is not installed.
    """
    try:
        import joserfc  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            'CMO_OIDC_ISSUER needs the extra [oidc]: pip install "clinical-metabolomics-oracle[oidc]".'
        ) from error


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
"""Parts of a key that nobody publishes, and that would do nothing here."""


def _registry(expected: Expected, now: float) -> Any:
    from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415 - an extra

    wanted: dict[str, Any] = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.audience},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    if expected.nonce is not None:
        wanted["nonce"] = {"essential": True, "value": expected.nonce}
    return JWTClaimsRegistry(now=int(now), leeway=LEEWAY_SECONDS, **wanted)


def _flaw(error: Exception) -> Flaw:
    from joserfc import errors  # noqa: PLC0415 - an extra

    if isinstance(error, errors.InvalidClaimError):
        return Flaw.TIME if error.claim in _TIMES else _OF_CLAIM.get(error.claim, Flaw.INCOMPLETE)
    kinds: tuple[tuple[type[Exception], Flaw], ...] = (
        (errors.InvalidKeyIdError, Flaw.KEY),
        (errors.UnsupportedAlgorithmError, Flaw.ALGORITHM),
        (errors.InvalidKeyTypeError, Flaw.ALGORITHM),
        (errors.BadSignatureError, Flaw.SIGNATURE),
        (errors.ExpiredTokenError, Flaw.EXPIRED),
        (errors.MissingClaimError, Flaw.INCOMPLETE),
    )
    return next((flaw for kind, flaw in kinds if isinstance(error, kind)), Flaw.UNREADABLE)


def _for_us(claims: Claims, expected: Expected) -> bool:
    """Of an ID token that names several, we must be who asked for it (OpenID Connect Core, 3.1.3.7)."""
    if expected.nonce is None:
        return True
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    return bool(claims.get("azp", None if several else expected.audience) == expected.audience)
