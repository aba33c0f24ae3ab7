"""The shapes of webhooks over HTTP: `cmo.model.webhooks` makes the replies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cmo.kit.address import MOST_CHARS
from cmo.model.webhooks import MOST_OVERLAP_HOURS, OFFERED, State
from cmo.web.schemas import Asked, Line, Sent

Event = Literal[
    "paper.added", "paper.replaced", "paper.retracted", "paper.refused",
    "release.started", "release.step", "release.rolled_back", "release.finished",
]  # fmt: skip
"""What can be wished for; a test holds it against `OFFERED`."""


class WebhookBody(Asked):
    """A webhook to make."""

    url: Annotated[Line, Field(min_length=1, max_length=MOST_CHARS, examples=["https://example.org/oracle"])]
    """Where events are posted to: https, and no machine of a private network unless the service is set so."""
    events: Annotated[list[Event], Field(default_factory=list, max_length=len(OFFERED))]
    """Of what; of everything where none is named."""


class RotateBody(Asked):
    """A secret to replace."""

    overlap_hours: Annotated[float, Field(ge=0, le=MOST_OVERLAP_HOURS, allow_inf_nan=False)] = 24.0
    """For which messages are signed with the old one too; 0 where it leaked."""


class DeliveriesQuery(Asked):
    """Which deliveries to list."""

    webhook: Annotated[str, Field(max_length=64)] = ""
    """Of one webhook; of all where none is named."""
    state: State | None = None
    """Only those that stand so."""
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    """How many at most."""


class WebhookOut(Sent):
    """A webhook, without its secret."""

    id: str
    url: str
    """Without what stands behind its question mark."""
    events: list[str]
    state: Literal["told", "paused", "ended"]
    ended: str
    """Why nothing is sent there any more; empty while something is."""
    made_at: str
    by: str
    """Who made it."""
    former_until: str | None
    """Until when its secret before the last rotation holds, or held."""


class WebhookMadeOut(WebhookOut):
    """A webhook with its secret, which is shown this once."""

    secret: str


class WebhooksOut(Sent):
    """All webhooks, the oldest first."""

    webhooks: list[WebhookOut]


class WebhookRemovedOut(Sent):
    """A webhook that is no more."""

    removed: str


class WebhookTestedOut(Sent):
    """What came of a test."""

    webhook: str
    taken: bool
    """Whether it was answered with 2xx, within ten seconds."""
    said: str
    """Such as `HTTP 204` or `ConnectTimeout`."""


class WebhookDeliveryOut(Sent):
    """One event on its way to one webhook."""

    id: str
    """The `webhook-id` of its message, the same at each attempt."""
    webhook: str
    event: str
    at: str
    """When it happened."""
    about: dict[str, Any]
    state: Literal["waiting", "delivered", "given-up"]
    attempts: int
    said: str
    """What came of the last attempt."""
    tried_at: str | None
    due_at: str | None
    """When it is sent next; null where it is not."""


class WebhookDeliveriesOut(Sent):
    """What was sent or waits, the newest first."""

    deliveries: list[WebhookDeliveryOut]
