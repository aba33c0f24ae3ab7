"""Webhooks over HTTP: who is told of papers and releases, what was sent, and with the key of an admin who else is told.

::

    a key --its tenant--> the webhooks of that base alone: list, test, pause, deliveries, once more (operator)
                                                            add, remove, another secret (admin)

A tenant's key meets its own webhooks and nobody else's, as they are in its own base. What changes is in that base's audit.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from cmo.kit.actor import actor
from cmo.model.access import Role
from cmo.model.webhooks import Webhook
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas_webhooks import (
    DeliveriesQuery,
    RotateBody,
    WebhookBody,
    WebhookDeliveriesOut,
    WebhookDeliveryOut,
    WebhookMadeOut,
    WebhookOut,
    WebhookRemovedOut,
    WebhooksOut,
    WebhookTestedOut,
)

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"], dependencies=[needs(Role.OPERATOR)])
_ADMIN: Final = [needs(Role.ADMIN)]
_CHANGED: Final = failing(403, 404, 409, 421, 503, 507)
_WRITTEN: Final = failing(400, 403, 404, 409, 413, 415, 421, 503, 507)
Id = Annotated[str, Path(pattern="^wh_[0-9a-f]{12}$", description="Of a webhook.")]
Message = Annotated[str, Path(pattern="^msg_[0-9a-f]{24}$", description="Of a delivery.")]


@router.get("", responses={200: {"model": WebhooksOut}, **failing(421, 503)})
async def listing(desk: AtDesk) -> Response:
    """All webhooks, the oldest first, without their secrets."""
    found = await desk.read(desk.house.subscribers.all)
    return json({"webhooks": [webhook.as_json() for webhook in found]})


@router.post("", dependencies=_ADMIN, responses={200: {"model": WebhookMadeOut}, **_WRITTEN})
async def add(body: WebhookBody, desk: AtDesk) -> Response:
    """Tell an address of events. Its secret is shown this once: the receiver checks with it who sends."""
    made = await desk.write(desk.house.subscribers.add, body.url, body.events, actor())
    return json(_with_secret(made))


@router.get("/deliveries", responses={200: {"model": WebhookDeliveriesOut}, **failing(421, 503)})
async def deliveries(asked: Annotated[DeliveriesQuery, Query()], desk: AtDesk) -> Response:
    """What was sent or waits, the newest first: how often it was tried, what came of it, when it is tried next."""
    found = await desk.read(
        desk.house.subscribers.deliveries, webhook=asked.webhook, state=asked.state or "", most=asked.limit
    )
    return json({"deliveries": [delivery.as_json() for delivery in found]})


@router.post("/deliveries/{delivery}/again", responses={200: {"model": WebhookDeliveryOut}, **_CHANGED})
async def again(delivery: Message, desk: AtDesk) -> Response:
    """Send a delivery once more, under the same id, within seconds; such as one that was given up."""
    return json((await desk.write(desk.house.subscribers.again, delivery, actor())).as_json())


@router.get("/{webhook}", responses={200: {"model": WebhookOut}, **failing(404, 421, 503)})
async def one(webhook: Id, desk: AtDesk) -> Response:
    """A webhook, without its secret."""
    return json((await desk.read(desk.house.subscribers.one, webhook)).as_json())


@router.delete("/{webhook}", dependencies=_ADMIN, responses={200: {"model": WebhookRemovedOut}, **_CHANGED})
async def remove(webhook: Id, desk: AtDesk) -> Response:
    """Tell it nothing any more, also nothing that is under way."""
    await desk.write(desk.house.subscribers.remove, webhook, actor())
    return json({"removed": webhook})


@router.post("/{webhook}/pause", responses={200: {"model": WebhookOut}, **_CHANGED})
async def pause(webhook: Id, desk: AtDesk) -> Response:
    """Send it nothing for now; what happens meanwhile waits for it."""
    return json((await desk.write(desk.house.subscribers.pause, webhook, actor())).as_json())


@router.post("/{webhook}/resume", responses={200: {"model": WebhookOut}, **_CHANGED})
async def resume(webhook: Id, desk: AtDesk) -> Response:
    """Send to it again, what waits first; also where it had said 410 Gone."""
    return json((await desk.write(desk.house.subscribers.resume, webhook, actor())).as_json())


@router.post("/{webhook}/test", responses={200: {"model": WebhookTestedOut}, **_CHANGED})
async def test(webhook: Id, desk: AtDesk) -> Response:
    """Send a signed `webhook.test` now, once, and say what came of it."""
    said = await desk.call(desk.house.subscribers.test, webhook)
    return json({"webhook": webhook, "taken": said.taken, "said": said.words})


@router.post("/{webhook}/secret", dependencies=_ADMIN, responses={200: {"model": WebhookMadeOut}, **_WRITTEN})
async def rotate(webhook: Id, body: RotateBody, desk: AtDesk) -> Response:
    """Give it another secret, shown this once. For a while each message has two signatures, one with each."""
    seconds = body.overlap_hours * 3600
    return json(_with_secret(await desk.write(desk.house.subscribers.rotate, webhook, actor(), seconds)))


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return {**webhook.as_json(), "secret": webhook.secret}
