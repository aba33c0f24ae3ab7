"""Bytes sealed before they are kept, and opened when they are read: AES-256-GCM, with a key that is not beside them.

::

    1 byte, which form · 4 bytes, which key · 12 bytes, once and never again · what is sealed, and a tag of 16 bytes

What a row is about is sealed with it, so that nobody can move one row's bytes into another. Keys may be several: the first
one seals, all of them open, so that another key can come without reading everything anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final, Protocol

from cmo.errors import ExtraMissing, SettingsError, StoreCorrupt

_FORM: Final = b"\x01"
"""No form that was kept before begins so: compressed bytes begin with 0x78."""
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_HEAD: Final = 1 + _ID_BYTES + _NONCE_BYTES


class Seal(Protocol):
    """Seals and opens."""

    @property
    def hides(self) -> bool:
        """Whether what it seals cannot be read without it."""
        ...

    def seal(self, data: bytes, about: str) -> bytes:
        """Bytes as they are kept."""
        ...

    def opened(self, data: bytes, about: str) -> bytes:
        """Bytes as they were.

        Raises:
            StoreCorrupt: they cannot be opened, or are of something else.
        """
        ...


class Plain:
    """Keeps bytes as they are."""

    hides = False

    def seal(self, data: bytes, about: str) -> bytes:  # noqa: ARG002 - the port's own signature
        """The same bytes."""
        return data

    def opened(self, data: bytes, about: str) -> bytes:
        """The same bytes, unless they were sealed.

        Raises:
            StoreCorrupt: they were, and there is no key.
        """
        if data.startswith(_FORM):
            raise StoreCorrupt(
                f"{about} is sealed, and no key is set. Set CMO_ENCRYPTION_KEY to the one it was sealed with."
            )
        return data


PLAIN: Final = Plain()


class AesSeal:
    """Seals with the first key, opens with any.

    Args:
        keys: of 32 bytes each.

    Raises:
        ExtraMissing: the extra is not installed.
    """

    hides = True

    def __init__(self, keys: Sequence[bytes]) -> None:
        try:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError as error:
            raise ExtraMissing(
                'CMO_ENCRYPTION_KEY needs the extra [encryption]: pip install "clinical-metabolomics-oracle[encryption]".'
            ) from error
        self._invalid = InvalidTag
        self._ciphers = {hashlib.sha256(key).digest()[:_ID_BYTES]: AESGCM(key) for key in keys}
        self._first = next(iter(self._ciphers))

    def seal(self, data: bytes, about: str) -> bytes:
        """Bytes as they are kept."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + self._first + nonce + self._ciphers[self._first].encrypt(nonce, data, about.encode())

    def opened(self, data: bytes, about: str) -> bytes:
        """Bytes as they were; those from before there was a key as they are.

        Raises:
            StoreCorrupt: no key opens them, or they were changed, or are of something else.
        """
        if not data.startswith(_FORM):
            return data
        cipher = self._ciphers.get(data[1 : 1 + _ID_BYTES])
        if cipher is None:
            raise StoreCorrupt(
                f"{about} was sealed with another key. Add that one behind a comma to CMO_ENCRYPTION_KEY."
            )
        try:
            return bytes(cipher.decrypt(data[1 + _ID_BYTES : _HEAD], data[_HEAD:], about.encode()))
        except self._invalid as error:
            raise StoreCorrupt(f"{about} was changed after it was sealed. Restore it from a backup.") from error


def fresh_key() -> str:
    """A new key, as it is set."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def seal_of(text: str) -> Seal:
    """What seals with the keys of a text, separated by commas; nothing is sealed where there are none.

    Raises:
        SettingsError: one of them is no key.
        ExtraMissing: the extra is not installed.
    """
    keys = [_key(part) for part in text.split(",") if part.strip()]
    return AesSeal(keys) if keys else PLAIN


def _key(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsError("CMO_ENCRYPTION_KEY holds what is no key. `cmo privacy key` prints one.")
    return key
