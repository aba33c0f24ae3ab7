"""Experiments over HTTP: what they found, as JSON and as a page; with the admin's token begun and ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import HTMLResponse, Response

from cmo.app import App
from cmo.delivery.experiments import Experiment
from cmo.delivery.report_page import STYLE, listing, page
from cmo.model.access import Role
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas import Sent
from cmo.web.schemas_releases import ActBody

router = APIRouter(prefix="/api/experiments", tags=["experiments"], dependencies=[needs(Role.OPERATOR)])
pages = APIRouter(include_in_schema=False, dependencies=[needs(Role.OPERATOR)])
_SHEET: Final = "/experiments.css"
Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]


class Deed(StrEnum):
    """What may be done to an experiment."""

    START = "start"
    STOP = "stop"


class ExperimentOut(Sent):
    """An experiment."""

    experiment: dict[str, Any]
    """As it was planned."""
    status: dict[str, Any]
    """Phase, run, since when, why."""


class ExperimentsOut(Sent):
    """All experiments, the newest first."""

    experiments: list[ExperimentOut]


class FindingsOut(ExperimentOut):
    """An experiment with what it found; figures are a few seconds old at most."""

    units: dict[str, int]
    """Users who were put into each arm."""
    sample_ratio: float
    """Evidence that the arms do not get their users; at 1 it is certain."""
    valid: bool
    answers: int
    compared: list[dict[str, Any]]
    """Each arm beside the control: verdict, effects with intervals, guardrails, parts of the traffic."""
    looks: list[dict[str, Any]]
    """How the metric that decides came to stand where it does."""


@router.get("", responses={200: {"model": ExperimentsOut}, **failing(421, 503)})
async def experiments(desk: AtDesk) -> Response:
    """All experiments."""
    return json({"experiments": [one.as_json() for one in await desk.read(_all, desk.house)]})


@router.get("/{name}", responses={200: {"model": FindingsOut}, **failing(404, 421, 503)})
async def findings(name: Name, desk: AtDesk) -> Response:
    """What an experiment found so far; its page is `/experiments/{name}`."""
    return json((await desk.read(desk.house.trials.findings, name)).as_json())


@router.post(
    "/{name}/{deed}",
    dependencies=[needs(Role.ADMIN)],
    responses={200: {"model": ExperimentOut}, **failing(400, 403, 404, 409, 413, 415, 421, 503, 507)},
)
async def act(name: Name, deed: Deed, body: ActBody, desk: AtDesk) -> Response:
    """Start an experiment, which draws the arms, or stop it: then everybody gets what is in place."""
    return json(await desk.write(_done, desk.house, name, deed, body))


@pages.get("/experiments")
async def listed(desk: AtDesk) -> Response:
    """All experiments, as a page."""
    return HTMLResponse(listing(await desk.read(_all, desk.house), sheet=_SHEET))


@pages.get("/experiments/{name}")
async def report(name: Name, desk: AtDesk) -> Response:
    """One experiment, as a page."""
    found = await desk.read(desk.house.trials.findings, name)
    return HTMLResponse(page(found, desk.house.clock.now(), sheet=_SHEET))


@pages.get(_SHEET)
async def style() -> Response:
    """How these pages look."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})


def _all(house: App) -> list[Experiment]:
    return house.trials.experiments.all()  # opens the store, where it is not open yet


def _done(house: App, name: str, deed: Deed, body: ActBody) -> dict[str, Any]:
    kept = house.trials.experiments
    changed = (kept.start if deed is Deed.START else kept.stop)(name, body.actor, body.reason)
    return changed.as_json()
