"""What the service replies about webhooks, as typed dictionaries.

A test holds them against what the service describes.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Webhook(TypedDict):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[str]
    state: Literal["told", "paused", "ended"]
    ended: str
    made_at: str
    by: str
    former_until: str | None


class WebhookMade(Webhook):
    """A webhook with its secret, which is shown this once."""

    secret: str


class Webhooks(TypedDict):
    """All webhooks, the oldest first."""

    webhooks: list[Webhook]


class WebhookRemoved(TypedDict):
    """A webhook that is no more."""

    removed: str


class WebhookTested(TypedDict):
    """What came of a test."""

    webhook: str
    taken: bool
    said: str


class WebhookDelivery(TypedDict):
    """One event on its way to one webhook."""

    id: str
    webhook: str
    event: str
    at: str
    about: dict[str, Any]
    state: Literal["waiting", "delivered", "given-up"]
    attempts: int
    said: str
    tried_at: str | None
    due_at: str | None


class WebhookDeliveries(TypedDict):
    """What was sent or waits, the newest first."""

    deliveries: list[WebhookDelivery]
