"""Logging in on the pages: a key for a cookie, which no script can read and no other site can use.

::

    /login --key--> session (kept as a hash) --cookie--> the pages --/logout--> over, in every process
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Final
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from cmo.access import Why
from cmo.access.attempt import onward
from cmo.model.access import Role, of_person
from cmo.settings import Settings
from cmo.web.doors import by_tls
from cmo.web.entrance import Entrance, place_of
from cmo.web.replies import failing, json
from cmo.web.roles import for_everybody, needs, principal
from cmo.web.schemas import Asked, Sent
from cmo.web.site import FRESH, Page, served

router = APIRouter(tags=["access"])
_PAGE: Final = Page(
    body="login", title="Log in", skip=("key", "the key"), styles=("login",), scripts=("login",), outside=True
)
_PROVIDER: Final = "<!-- provider -->"
"""Where the page offers to sign in with a provider."""


class LoginBody(Asked):
    """Who wants in."""

    key: Annotated[str, Field(min_length=1, max_length=500)]
    """A key of `cmo keys create`."""
    next: Annotated[str, Field(max_length=2000)] = "/"
    """Where to go afterwards."""


class LoginOut(Sent):
    """Who is in."""

    name: str
    role: Role
    tenant: str
    next: str
    """Where to go: as asked, where that is an address of this service."""


class WhoOut(Sent):
    """Who asks, as the service knows them."""

    name: str
    role: Role
    tenant: str
    key: str
    """Id of the key; empty where none is needed."""
    provider: bool
    """Whether they signed in with a provider, which they may leave at /login/oidc/leave."""


@router.get("/login", include_in_schema=False, dependencies=[for_everybody()])
async def page(
    request: Request, _next: Annotated[str, Query(alias="next", max_length=2000)] = "/", out: str | None = None
) -> Response:
    """The page to log in on."""
    reply, entrance = served(_PAGE), request.app.state.entrance
    if entrance.sign_in is None:
        return reply
    label: str = request.app.state.desk.house.settings.oidc_label
    made = bytes(reply.body).decode().replace(_PROVIDER, _offer(onward(_next), label, left=out is not None))
    return HTMLResponse(made, headers=FRESH)


def _offer(there: str, label: str, *, left: bool) -> str:
    """How the page offers a provider: to sign in with it, and whoever is out of here to leave it as well."""
    said, way = escape(label), escape(f"/login/oidc?next={quote(there, safe='/')}")
    also = (
        f'\n      <p>You are logged out here. <a href="/login/oidc/leave">Log out of {said} as well</a></p>'
        if left
        else ""
    )
    return f'<a class="button primary" id="provider" href="{way}">Sign in with {said}</a>{also}\n      <p class="soft">or</p>'


@router.post(
    "/login", dependencies=[for_everybody()], responses={200: {"model": LoginOut}, **failing(400, 413, 415, 503, 507)}
)
async def log_in(body: LoginBody, request: Request) -> Response:
    """Log in with a key: the reply sets a cookie."""
    entrance: Entrance = request.app.state.entrance
    told = await to_thread.run_sync(entrance.warden.log_in, body.key, place_of(request.scope))
    if isinstance(told, Why):
        raise await entrance.unopened(told, place_of(request.scope))
    cookie, who = told
    reply = json({"name": who.name, "role": who.role.value, "tenant": who.tenant, "next": onward(body.next)})
    set_cookie(entrance, reply, cookie)
    return reply


@router.post("/logout", dependencies=[needs(Role.READER)], response_class=Response, status_code=204)
async def log_out(request: Request) -> Response:
    """Log out: the cookie opens nothing any more, wherever it was copied to."""
    entrance: Entrance = request.app.state.entrance
    who = principal(request)
    cookie = request.cookies.get(entrance.cookie, "")
    if cookie and who is not None:
        await to_thread.run_sync(entrance.warden.log_out, cookie, who)
    reply = Response(status_code=204)
    reply.delete_cookie(
        entrance.cookie, path="/", httponly=True, samesite="strict", secure=entrance.cookie.startswith("__Host-")
    )
    return reply


@router.get("/api/me", dependencies=[needs(Role.READER)], responses={200: {"model": WhoOut}, **failing(421)})
async def me(request: Request) -> Response:
    """Who you are to the service, and what you may."""
    who = principal(request)
    assert who is not None, "the route needs one"
    told = {"name": who.name, "role": who.role.value, "tenant": who.tenant, "key": who.key}
    return json(told | {"provider": of_person(who.key)})


def set_cookie(entrance: Entrance, reply: Response, cookie: str) -> None:
    """Let a reply set the cookie of who is in."""
    reply.set_cookie(
        entrance.cookie, cookie, max_age=int(entrance.warden.rules.session_seconds), path="/", httponly=True,
        samesite="strict", secure=entrance.cookie.startswith("__Host-"),
    )  # fmt: skip


def cookie_name(settings: Settings) -> str:
    """Name of the cookie; browsers take one that begins with ``__Host-`` only with TLS and from this host alone."""
    return "__Host-cmo" if by_tls(settings) else "cmo"
