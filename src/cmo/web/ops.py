"""What the service tells of itself to those who run it: `/metrics`, `/api/metrics`, and the page at `/ops`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from cmo.errors import NotFound
from cmo.model.access import Role
from cmo.web.observing import Observing
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas_status import MetricsOut
from cmo.web.site import Page, served

router = APIRouter(tags=["operations"])
pages = APIRouter(include_in_schema=False)

_TEXT = {"text/plain": {"schema": {"type": "string"}}, "application/openmetrics-text": {"schema": {"type": "string"}}}

_PAGE = Page(body="ops", title="Operations", skip=("health", "the figures"), styles=("ops",), scripts=("ops", "who"))


async def _observing(request: Request) -> Observing:
    observing = request.app.state.observing
    assert isinstance(observing, Observing)
    if observing.listener is None:
        raise NotFound("Nothing is counted here: METRICS_COLLECTION_ENABLED is false.")
    return observing


Observed = Annotated[Observing, Depends(_observing)]


@router.get(
    "/metrics",
    dependencies=[needs(Role.OPERATOR, of_service=True)],
    response_class=Response,
    responses={200: {"content": _TEXT, "description": "Metrics of all workers"}, **failing(404, 421)},
)
async def metrics(request: Request, observing: Observed) -> Response:
    """Everything that is counted, for Prometheus; as OpenMetrics with the ids of traces where that is accepted."""
    body, media = await observing.told(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media})


@router.get(
    "/api/metrics",
    dependencies=[needs(Role.OPERATOR, of_service=True)],
    responses={200: {"model": MetricsOut}, **failing(404, 421)},
)
async def facts(observing: Observed) -> Response:
    """The same summed up, with the last quarter of an hour: what the page at /ops shows."""
    return json(await observing.facts())


@pages.get("/ops", dependencies=[needs(Role.OPERATOR, of_service=True)])
async def page() -> Response:
    """How the service is doing, live."""
    return served(_PAGE)
