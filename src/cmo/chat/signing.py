"""The pages on which people sign in: out to the service, and back with a ticket. See `guests` for what becomes of it."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cmo.access.attempt import LASTS_SECONDS, onward
from cmo.chat.guests import BACK, Guests
from cmo.chat.words import words_for
from cmo.errors import OracleError

_PAGE: Final = Template("""<!doctype html>
<html lang="$lang">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Clinical Metabolomics Oracle</title>
<style>body { font: 1.1rem/1.5 system-ui; max-width: 34rem; margin: 20vh auto; padding: 0 1rem }</style>
<main>
<h1>Clinical Metabolomics Oracle</h1>
<p role="status">$said</p>
<p><a href="/cmo/go?next=$there">$link</a></p>
</main>
</html>
""")
_MOST: Final = 4_000


def signing(guests: Guests, cookie: str, port: int) -> list[Route]:
    """The pages.

    Args:
        guests: who is in.
        cookie: name of the cookie by which they are.
        port: at which the chat listens.
    """
    kept = f"{cookie}-begun"

    async def login(request: Request) -> Response:
        return _page(request, "")

    async def go(request: Request) -> Response:
        name = urlsplit(f"//{request.headers['host']}").hostname or ""
        place = f"http://{f'[{name}]' if ':' in name else name}:{port}"
        there, begun = guests.begin(_next(request), place)
        reply = RedirectResponse(there, 303)
        reply.set_cookie(kept, begun, max_age=LASTS_SECONDS, path="/cmo", httponly=True, samesite="lax")
        return reply

    async def back(request: Request) -> Response:
        state, ticket = (request.query_params.get(name, "")[:_MOST] for name in ("state", "ticket"))
        try:
            told, there = await guests.end(request.cookies.get(kept, "")[:_MOST], state, ticket)
        except OracleError as error:
            return _page(request, str(error), error.status)
        reply = RedirectResponse(there, 303)
        reply.set_cookie(cookie, told, path="/", httponly=True, samesite="lax")
        reply.delete_cookie(kept, path="/cmo", httponly=True, samesite="lax")
        return reply

    return [Route("/cmo/login", login), Route("/cmo/go", go), Route(BACK, back)]


def _page(request: Request, wrong: str, status: int = 200) -> Response:
    words = words_for(request.headers.get("accept-language", ""))
    told = {"said": escape(wrong or words.who), "link": escape(words.sign_in), "lang": words.tag}
    there = quote(_next(request), safe="")
    return HTMLResponse(_PAGE.substitute(told, there=there), status, headers={"Cache-Control": "no-store"})


def _next(request: Request) -> str:
    return onward(request.query_params.get("next", "/")[: _MOST // 2])
