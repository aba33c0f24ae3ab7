"""A webhook's message as the Standard Webhooks specification has it (1.0.0, standardwebhooks.com), and what its reply means.

::

    webhook-id: msg_...                          the same at each attempt: who gets it twice can tell
    webhook-timestamp: 1790000000                of the attempt: an old one that somebody repeats is refused
    webhook-signature: v1,base64                 HMAC-SHA256 of "id.timestamp.body" with the webhook's secret; while that
                                                 is rotated one with each secret, a space between
    {"type": "paper.added", "timestamp": "...", "data": {"id": "...", "tenant": "..."}}

Pure: nothing is sent here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Final

import orjson

from cmo.kit.text import shorten
from cmo.model.webhooks import Delivery, Fate, State

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
MOST_BYTES: Final = 20_000
"""Of a body, as the specification advises; ours have some hundreds."""
PAUSES: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds before the second attempt and those after it, as the specification advises; then it is given up, after three days."""
_JITTER: Final = 0.5
"""Part of a pause by which chance makes it longer, so that many do not come back together."""
_LONGEST_ASKED: Final = 86_400.0
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one attempt."""

    taken: bool
    words: str
    """``HTTP 204``, ``ConnectTimeout``."""
    status: int = 0
    asked: float = 0.0
    """Seconds for which the receiver asked to be left alone."""


def fresh_secret() -> str:
    """A secret, as it is shown and kept."""
    return _PREFIX + base64.b64encode(token_bytes(_SECRET_BYTES)).decode()


def body_of(delivery: Delivery, tenant: str) -> bytes:
    """What is sent."""
    at = datetime.fromtimestamp(delivery.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": delivery.kind, "timestamp": at, "data": {**delivery.facts, "tenant": tenant}})


def signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """By which the receiver knows that a message is ours, as it was sent."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def headers_of(secrets: Sequence[str], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes before it; one signature that fits is enough for who receives it."""
    return {
        "content-type": "application/json",
        "user-agent": "clinical-metabolomics-oracle",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message, timestamp, body) for secret in secrets),
    }


def fate_of(attempts: int, said: Said, now: float, chance: float) -> Fate:
    """What becomes of a delivery after an attempt.

    Args:
        attempts: made, this one among them.
        said: what came of it.
        now: seconds since 1970.
        chance: of [0, 1).
    """
    words = shorten(said.words, 100)
    if said.taken:
        return Fate(State.DELIVERED, words, now)
    if said.status == _GONE:  # the receiver says that it wants no more
        return Fate(State.GIVEN_UP, words, now, ends="the receiver said 410 Gone")
    if attempts > len(PAUSES):
        return Fate(State.GIVEN_UP, words, now)
    pause = PAUSES[attempts - 1] * (1 + _JITTER * chance)
    return Fate(State.WAITING, words, now, now + max(pause, min(said.asked, _LONGEST_ASKED)))
