"""Status: is the service well, and what does it know?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Scope

import cmo
from cmo.app import App
from cmo.errors import NotFound, SnapshotCorrupt
from cmo.index.manifest import Manifest
from cmo.model.access import Role
from cmo.ops.health import Grade, Report
from cmo.web import problems
from cmo.web.desk import AtDesk, Desk
from cmo.web.pings import ENGINE
from cmo.web.replies import failing, json
from cmo.web.roles import for_everybody, needs, principal
from cmo.web.schemas_status import HealthOut, KindOut, LiveOut, ReadyOut, StatusOut, WellOut

router = APIRouter(tags=["status"])


@router.get(
    "/health",
    dependencies=[for_everybody()],
    responses={
        200: {"model": HealthOut | WellOut},
        503: {"model": HealthOut | WellOut, "description": "Unhealthy"},
        **failing(421),
    },
)
async def health(request: Request, desk: AtDesk) -> Response:
    """Whether questions can be answered: 200 when healthy or degraded, 503 when not; why, to whoever may ask."""
    facts = await desk.read(_told, desk, request.scope)
    return _graded(facts if principal(request) else {name: facts[name] for name in ("status", "timestamp")})


@router.get(
    "/health/lightrag",
    dependencies=[needs(Role.READER)],
    responses={200: {"model": HealthOut}, 503: {"model": HealthOut, "description": "Unhealthy"}, **failing(421)},
)
async def health_lightrag(request: Request, desk: AtDesk) -> Response:
    """The same of the engine that answers from the papers."""
    return _graded(await desk.read(_told, desk, request.scope, ENGINE))


@router.get("/live", dependencies=[for_everybody()], responses={200: {"model": LiveOut}, **failing(421)})
async def live() -> Response:
    """Whether this process answers at all; who gets no reply starts another."""
    return json({"status": "alive"})


@router.get(
    "/ready",
    dependencies=[for_everybody()],
    responses={200: {"model": ReadyOut}, 503: {"model": ReadyOut, "description": "Not now"}, **failing(421)},
)
async def ready(request: Request) -> Response:
    """Whether to send questions here now: not while the service warms up, ends, or cannot answer any."""
    desk: Desk = request.app.state.desk
    why = problems.shown(request.scope, await desk.read(desk.unready))
    return json({"ready": not why, "reason": why}, 503 if why else 200)


@router.get("/kb/status", dependencies=[needs(Role.READER)], responses={200: {"model": StatusOut}, **failing(421, 503)})
async def kb_status(desk: AtDesk) -> Response:
    """What the knowledge base holds, and whether the index is up to date with the record."""
    return json(await desk.read(_holdings, desk.house))


@router.get(
    "/problems/{code}", dependencies=[needs(Role.READER)], responses={200: {"model": KindOut}, **failing(404, 421)}
)
async def problem_kind(code: str) -> Response:
    """What a problem's `type` means."""
    if code not in problems.kinds():
        raise NotFound(f"There is no kind of problem called {code!r}.")
    return json({"code": code, **problems.kinds()[code]})


def _graded(facts: dict[str, Any]) -> Response:
    return json(facts, 503 if facts["status"] == Grade.UNHEALTHY.value else 200)


def _told(desk: Desk, scope: Scope, names: Collection[str] = ()) -> dict[str, Any]:
    """How the parts are, of all or of some, and the worst of them; where files lie to those who run the service alone."""
    report = desk.health.examined()
    chosen = Report({name: part for name, part in report.parts.items() if not names or name in names})
    manifest = _manifest(desk.house)
    return {
        "status": chosen.grade.value,
        "components": {
            name: {"status": part.grade.value, "detail": problems.shown(scope, part.detail)}
            for name, part in chosen.parts.items()
        },
        "timestamp": desk.house.clock.now().isoformat(),
        "details": {
            "version": cmo.__version__,
            "snapshot": manifest.id if manifest else "",
            "papers": manifest.papers if manifest else 0,
            "passages": manifest.live if manifest else 0,
        },
    }


def _manifest(house: App) -> Manifest | None:
    try:
        return house.shelf.current()
    except SnapshotCorrupt:  # the part that it belongs to says so
        return None


def _holdings(house: App) -> dict[str, Any]:
    return asdict(house.curator.holdings())
