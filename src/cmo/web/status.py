"""Status: is the service well, and what does it know?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

import cmo
from cmo.app import App
from cmo.errors import NotFound, OracleError
from cmo.web import problems
from cmo.web.desk import AtDesk, Desk
from cmo.web.replies import failing, json
from cmo.web.schemas_status import HealthOut, KindOut, StatusOut

router = APIRouter(tags=["status"])

_GRADES = ("healthy", "degraded", "unhealthy")


@router.get(
    "/health",
    responses={200: {"model": HealthOut}, 503: {"model": HealthOut, "description": "Unhealthy"}, **failing(421)},
)
async def health(desk: AtDesk) -> Response:
    """Whether questions can be answered: 200 when healthy or degraded, 503 when not."""
    facts = await desk.read(_examined, desk)
    return json(facts, 503 if facts["status"] == "unhealthy" else 200)


@router.get("/kb/status", responses={200: {"model": StatusOut}, **failing(421, 503)})
async def kb_status(desk: AtDesk) -> Response:
    """What the knowledge base holds, and whether the index is up to date with the record."""
    return json(await desk.read(_holdings, desk.house))


@router.get("/problems/{code}", responses={200: {"model": KindOut}, **failing(404, 421)})
async def problem_kind(code: str) -> Response:
    """What a problem's `type` means."""
    if code not in problems.kinds():
        raise NotFound(f"There is no kind of problem called {code!r}.")
    return json({"code": code, **problems.kinds()[code]})


def _examined(desk: Desk) -> dict[str, Any]:
    record, head = _record(desk.house)
    index, details = _index(desk.house, head)
    components = {"record": record, "index": index, "model": _model(desk), "reach": _reach(desk.house)}
    worst = max((part["status"] for part in components.values()), key=_GRADES.index)
    return {
        "status": worst,
        "components": components,
        "timestamp": desk.house.clock.now().isoformat(),
        "details": {"version": cmo.__version__, **details},
    }


def _record(house: App) -> tuple[dict[str, str], int]:
    try:
        head = house.record.head()
    except OracleError as error:
        return _part("unhealthy", str(error)), 0
    return _part("healthy", f"at change {head}"), head


def _index(house: App, head: int) -> tuple[dict[str, str], dict[str, str | int]]:
    try:
        manifest = house.shelf.current()
    except OracleError as error:
        return _part("unhealthy", str(error)), {"snapshot": "", "papers": 0, "passages": 0}
    if manifest is None:
        return _part("degraded", "There are no papers yet."), {"snapshot": "", "papers": 0, "passages": 0}
    details: dict[str, str | int] = {"snapshot": manifest.id, "papers": manifest.papers, "passages": manifest.live}
    if manifest.seq == head:
        return _part("healthy", f"snapshot {manifest.id}"), details
    if house.pending:
        return _part("healthy", "A change is being published."), details
    return _part("degraded", f"at change {manifest.seq} of {head}; run `cmo kb rebuild`"), details


def _model(desk: Desk) -> dict[str, str]:
    if desk.fault is not None:
        return _part("unhealthy", str(desk.fault))
    if not desk.ready:
        return _part("degraded", "Not loaded yet; the first question loads it.")
    return _part("healthy", str(desk.house.encoder.identity))


def _reach(house: App) -> dict[str, str]:
    """How far the graph may carry a search: a broken file means that what was set does not count."""
    fault = house.reach.fault()
    return _part("degraded", f"{fault}. Set it again, or remove the file.") if fault else _part("healthy", "as set")


def _part(status: str, detail: str) -> dict[str, str]:
    return {"status": status, "detail": detail}


def _holdings(house: App) -> dict[str, Any]:
    return asdict(house.curator.holdings())
