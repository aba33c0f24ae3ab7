"""Signing in with a provider that knows people (OpenID Connect), for browsers.

::

    /login/oidc --cookie: our secret of this attempt--> the provider --/login/oidc/callback--> in, or a page that says why not
    /login/oidc/leave --> the provider's own way out

The cookie of the attempt is Lax, as the way back is another site's; that of who is in is Strict, and goes along only with
what our own pages begin. So the way back ends with a page of ours, which then goes on.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cmo.access.attempt import LASTS_SECONDS, onward
from cmo.access.keys import Why
from cmo.access.persons import Stranger
from cmo.access.signin import DENIED, LATE, USED, Back, SignedIn, SignIn
from cmo.errors import NotFound, OracleError, ProviderFailed
from cmo.web.entrance import Entrance, place_of
from cmo.web.login import set_cookie
from cmo.web.problems import shown
from cmo.web.roles import for_everybody
from cmo.web.site import Page

router = APIRouter(prefix="/login/oidc", include_in_schema=False)
_PAGE: Final = Page(
    body="signed", title="Sign in", skip=("on", "the way on"), styles=("login",), scripts=(), outside=True
)
_AGAIN: Final = "Go back and sign in again."
_ASK: Final = "Ask whoever runs this service to let you in, and say which groups you are in."
_SAID: Final = {
    LATE: (400, f"This sign-in was begun in another browser, or more than ten minutes ago, or is over. {_AGAIN}"),
    DENIED: (403, f"The provider did not say who you are. {_AGAIN}"),
    USED: (400, f"The provider does not know this sign-in any more. {_AGAIN}"),
    Stranger.NO_ROLE: (403, f"You are signed in there, and none of your groups may use this service. {_ASK}"),
    Stranger.NO_TENANT: (403, f"You are signed in there, and it does not say for whom you work here. {_ASK}"),
    Stranger.NO_NAME: (403, f"The provider does not say your name. {_ASK}"),
    Why.REVOKED: (403, f"You were shut out of this service. {_ASK}"),
}
_NOT_BELIEVED: Final = (403, f"What the provider says of you does not hold, and is not believed. {_AGAIN}")
Some = Annotated[str, Query(max_length=4_000)]


@router.get("", dependencies=[for_everybody()])
async def begin(request: Request, _next: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> Response:
    """Go to the provider."""
    entrance: Entrance = request.app.state.entrance
    try:
        address, attempt = await _sign_in(entrance).begin(_next)
    except ProviderFailed as error:
        return _page(error.status, str(error), onward(_next))
    reply = RedirectResponse(address, 303)
    reply.set_cookie(
        _name(entrance), attempt.cookie, max_age=LASTS_SECONDS, path="/", httponly=True, samesite="lax",
        secure=_name(entrance).startswith("__Host-"),
    )  # fmt: skip
    return reply


@router.get("/callback", dependencies=[for_everybody()])
async def end(request: Request, state: Some = "", code: Some = "", error: Some = "", iss: Some = "") -> Response:
    """Come back from the provider."""
    entrance: Entrance = request.app.state.entrance
    sign_in, place = _sign_in(entrance), place_of(request.scope)
    if (refused := await entrance.returns.admit(place)) is not None:
        raise refused.error("Signing in")
    cookie = request.cookies.get(_name(entrance), "")
    try:
        told = await sign_in.end(Back(state, code, error, iss), cookie[:4_000], place)
    except OracleError as failed:
        return _over(entrance, _page(failed.status, shown(request.scope, str(failed))))
    if not isinstance(told, SignedIn):
        return _over(entrance, _page(*_SAID.get(told.why, _NOT_BELIEVED)))
    reply = _page(200, f"You are signed in as {told.who.name}.", told.next, go=True)
    set_cookie(entrance, reply, told.cookie)
    return _over(entrance, reply)


@router.get("/leave", dependencies=[for_everybody()])
async def leave(request: Request) -> Response:
    """Log out at the provider as well, where it offers that; who gets here is out of this service already."""
    try:
        return RedirectResponse(await _sign_in(request.app.state.entrance).provider.way_out() or "/login", 303)
    except ProviderFailed as error:
        return _page(error.status, f"You are logged out of this service, and not of the provider. {error}", "/login")


def _sign_in(entrance: Entrance) -> SignIn:
    if entrance.sign_in is None:
        raise NotFound("Nobody signs in with a provider here. Set CMO_OIDC_ISSUER, or log in with a key at /login.")
    return entrance.sign_in


def _name(entrance: Entrance) -> str:
    """Name of the cookie of an attempt."""
    return f"{entrance.cookie}-oidc"


def _over(entrance: Entrance, reply: Response) -> Response:
    name = _name(entrance)
    reply.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=name.startswith("__Host-"))
    return reply


def _page(status: int, said: str, address: str = "/", *, go: bool = False) -> Response:
    """A page that says what came of it, and goes on by itself where somebody is in."""
    there = address if go else f"/login?next={quote(address, safe='/')}"
    told = {"title": "Signed in" if go else "Not signed in", "said": escape(said), "there": escape(there)}
    made = Template(_PAGE.told().decode()).substitute(told, link="Go on" if go else "Back to the login")
    return HTMLResponse(made, status_code=status, headers={"Refresh": f"0;url={there}"} if go else None)
