"""The calls about webhooks: what each endpoint takes, as arguments. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cmo.client import shapes_webhooks as shapes
from cmo.client.endpoint import Call


def webhooks() -> Call[shapes.Webhooks]:
    """Who is told of papers and releases."""
    return Call()


def webhook(webhook: str) -> Call[shapes.Webhook]:
    """One of them."""
    return Call({"webhook": webhook})


def add_webhook(url: str, events: Sequence[str] = ()) -> Call[shapes.WebhookMade]:
    """Tell an address of events, of all kinds where none is named. The reply has its `secret`, this once."""
    return Call(body={"url": url, "events": list(events)})


def remove_webhook(webhook: str) -> Call[shapes.WebhookRemoved]:
    """Tell it nothing any more, also nothing that is under way."""
    return Call({"webhook": webhook})


def pause_webhook(webhook: str) -> Call[shapes.Webhook]:
    """Send it nothing for now; what happens meanwhile waits for it."""
    return Call({"webhook": webhook})


def resume_webhook(webhook: str) -> Call[shapes.Webhook]:
    """Send to it again, what waits first."""
    return Call({"webhook": webhook})


def test_webhook(webhook: str) -> Call[shapes.WebhookTested]:
    """Send it a signed test now, once; whether it was taken."""
    return Call({"webhook": webhook})


def rotate_webhook(webhook: str, overlap_hours: float = 24.0) -> Call[shapes.WebhookMade]:
    """Give it another `secret`, in the reply this once; the old one holds so many hours beside it."""
    return Call({"webhook": webhook}, body={"overlap_hours": overlap_hours})


def deliveries(
    webhook: str = "", *, state: Literal["waiting", "delivered", "given-up"] | None = None, limit: int = 50
) -> Call[shapes.WebhookDeliveries]:
    """What was sent or waits, the newest first, of one webhook or of all."""
    return Call(params={"webhook": webhook, "state": state, "limit": limit})


def redeliver(delivery: str) -> Call[shapes.WebhookDelivery]:
    """Send a delivery once more, under the same id."""
    return Call({"delivery": delivery})
