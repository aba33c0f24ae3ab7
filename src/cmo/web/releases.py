"""Releases over HTTP: look at them, and with the key of an admin change them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from cmo.app import App
from cmo.cast.delivering import defaults, given_by
from cmo.delivery import told
from cmo.delivery.desk import Desk as Deeds
from cmo.delivery.desk import Wish
from cmo.delivery.flags import completed
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, plan
from cmo.model.access import Role
from cmo.web.desk import AtDesk
from cmo.web.replies import failing, json
from cmo.web.roles import needs
from cmo.web.schemas_releases import ActBody, FlagBody, FlagOut, ReleasesOut, RolloutOut, StartBody

router = APIRouter(prefix="/api/releases", tags=["releases"], dependencies=[needs(Role.OPERATOR)])
_REFUSED: Final = failing(400, 403, 404, 413, 415, 421, 503, 507)
Name = Annotated[str, Path(max_length=64)]


class Wanted(StrEnum):
    """What may be said to the rollout under way."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    BACK = "back"
    STOP = "stop"
    """Back at once, whatever the plan says."""


_COMMANDS: Final = {
    Wanted.PAUSE: Command.FREEZE,
    Wanted.RESUME: Command.RESUME,
    Wanted.APPROVE: Command.APPROVE,
    Wanted.BACK: Command.ROLLBACK,
    Wanted.STOP: Command.DISABLE,
}


@router.get("", responses={200: {"model": ReleasesOut}, **failing(421, 503)})
async def releases(desk: AtDesk) -> Response:
    """The rollout under way or the last one, its evidence over time, who did what, all releases and flags."""
    return json(await desk.read(_all, desk.house))


@router.post("", dependencies=[needs(Role.ADMIN)], responses={200: {"model": RolloutOut}, **_REFUSED})
async def start(body: StartBody, desk: AtDesk) -> Response:
    """Begin to roll a release out."""
    return json(await desk.write(_started, desk.house, body))


@router.post("/rollout/{command}", dependencies=[needs(Role.ADMIN)], responses={200: {"model": RolloutOut}, **_REFUSED})
async def say(command: Wanted, body: ActBody, desk: AtDesk) -> Response:
    """Pause the rollout under way, resume it, approve its next stage, take it back, or stop it at once."""
    return json(await desk.write(_said, desk.house, _COMMANDS[command], body))


@router.put("/flags/{name}", dependencies=[needs(Role.ADMIN)], responses={200: {"model": FlagOut}, **_REFUSED})
async def set_flag(name: Name, body: FlagBody, desk: AtDesk) -> Response:
    """Set a flag: one setting for everybody, or for a share of the users."""
    return json(await desk.write(_flagged, desk.house, name, body))


def _all(house: App) -> dict[str, Any]:
    current = completed(house.delivery.current(), given_by(house.settings))
    rollout = current.rollout
    return {
        "delivery": house.settings.delivery,
        "changeable": bool(house.settings.admin_token.get_secret_value()) or house.warden.needed(),
        "now": house.clock.now().timestamp(),
        "rollout": told.rollout(rollout, current) if rollout else None,
        "evidence": told.evidence(house.delivery.findings(rollout.name, 240)) if rollout else [],
        "history": [told.act(act) for act in house.delivery.history(most=50)],
        "releases": [told.release(one) for one in house.delivery.releases()],
        "flags": told.flags(current, defaults(house.settings)),
    }


def _started(house: App, body: StartBody) -> dict[str, Any]:
    deeds = Deeds(house.delivery, house.clock)
    wish = Wish(body.release, plan(body.plan), body.name, tuple(body.allow), tuple(body.deny), tuple(body.cohorts))
    if body.settings:
        deeds.keep(release(body.release, body.settings, body.about), body.actor, body.reason)
    return told.rollout(deeds.start(wish, body.actor, body.reason), house.delivery.current())


def _said(house: App, command: Command, body: ActBody) -> dict[str, Any]:
    changed = Deeds(house.delivery, house.clock).command(command, body.actor, body.reason)
    return told.rollout(changed, house.delivery.current())


def _flagged(house: App, name: str, body: FlagBody) -> dict[str, Any]:
    who = {"percent": body.percent, "allowed": body.allow, "denied": body.deny, "cohorts": body.cohorts}
    given = {key: value for key, value in who.items() if value not in (None, [])}
    Deeds(house.delivery, house.clock).set_flag(name, body.value, given, body.actor, body.reason)
    rows = told.flags(house.delivery.current(), defaults(house.settings))
    return next(row for row in rows if row["name"] == name)
