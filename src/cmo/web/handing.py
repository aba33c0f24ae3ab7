"""Who is in here may be in the chat as well, which runs on their own machine and asks the service as them.

::

    chat --/login/chat: where it listens, state, challenge--> logged in? --> "Ask as mia in the chat at ...?"
                                          '--no--> /login, and back
    "Yes" --a ticket, once, for two minutes--> the chat --/login/chat/ticket: ticket, verifier--> a session

The ticket goes to a loopback address of the browser's own machine and to nowhere else (RFC 8252, section 7.3), and is of no
use to whoever has not the verifier (PKCE, RFC 7636), which never leaves the chat.
"""

from __future__ import annotations

import re
from html import escape
from string import Template
from typing import Annotated, Final
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from cmo.access import Why
from cmo.access.warden import TOKEN
from cmo.errors import NotAllowed, NotKnown
from cmo.model.access import Role
from cmo.web.entrance import Entrance, place_of
from cmo.web.replies import json
from cmo.web.roles import for_everybody, needs, principal
from cmo.web.schemas import Asked
from cmo.web.site import Page

router = APIRouter(prefix="/login/chat", include_in_schema=False)
_PAGE: Final = Page(
    body="signed", title="The chat", skip=("on", "the way on"), styles=("login",), scripts=(), outside=True
)
_CHAT: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}/cmo/in", re.ASCII)
"""Where a chat takes people back: this machine, as their browser sees it."""
_LETTERS: Final = r"^[A-Za-z0-9_-]{43}$"
Letters = Annotated[str, Query(pattern=_LETTERS)]


class TicketBody(Asked):
    """What a chat brings."""

    ticket: Annotated[str, Field(pattern=_LETTERS)]
    verifier: Annotated[str, Field(pattern=_LETTERS)]


@router.get("", dependencies=[needs(Role.READER)])
async def offer(
    request: Request, back: Annotated[str, Query(max_length=100)], state: Letters, challenge: Letters
) -> Response:
    """A page that asks whether the chat may ask as whoever is in; "Yes" leads there, with a ticket."""
    entrance: Entrance = request.app.state.entrance
    who = principal(request)
    assert who is not None, "the route needs one"
    if not _CHAT.fullmatch(back):
        raise NotAllowed("Only a chat on your own machine may ask as you: this one is elsewhere.")
    if not who.known or who.key == TOKEN:
        raise NotAllowed("There is nobody to ask as: this service knows you by no key and by no login.")
    ticket = await to_thread.run_sync(entrance.warden.offer, who, challenge, back)
    said = f"Shall the chat at {back.removesuffix('/cmo/in')} ask as {who.name}? Only if you have just come from there."
    there = f"{back}?{urlencode({'state': state, 'ticket': ticket})}"
    told = {"title": "The chat", "said": escape(said), "there": escape(there), "link": "Yes, go on"}
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(Template(_PAGE.told().decode()).substitute(told), headers=headers)


@router.post("/ticket", dependencies=[for_everybody()])
async def take(body: TicketBody, request: Request) -> Response:
    """A session for a ticket, for the chat."""
    entrance: Entrance = request.app.state.entrance
    place = place_of(request.scope)
    if (refused := await entrance.returns.admit(place)) is not None:
        raise refused.error("A ticket")
    told = await to_thread.run_sync(entrance.warden.take, body.ticket, body.verifier, place)
    if isinstance(told, Why):
        raise NotKnown("This ticket is over, was used, or is of another chat. Sign in again.")
    session, who = told
    facts = {"session": session, "cookie": entrance.cookie, "name": who.name, "tenant": who.tenant}
    return json(facts | {"role": who.role.value, "seconds": entrance.warden.rules.session_seconds})
