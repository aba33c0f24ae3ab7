"""Who is in may be in the chat as well: a ticket to their own machine, once, soon, and for that chat alone."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cmo.access import warden
from cmo.access.attempt import Attempt
from cmo.web import create_api
from tests.integration.identity import Provider
from tests.integration.test_web_oidc import browser, done, house, provider, signed_in  # noqa: F401 - fixtures among them

BACK = "http://127.0.0.1:8001/cmo/in"
ATTEMPT = Attempt.begin("/", 0.0)
ELSEWHERE = [
    "https://evil.example/cmo/in",
    "http://127.0.0.1:8001@evil.example/cmo/in",
    "http://127.0.0.1.evil.example:80/cmo/in",
    "http://localhost:8001/cmo/in?x=1",
    "http://localhost:8001/cmo/in#x",
    "http://localhost:8001/elsewhere",
    "//localhost:8001/cmo/in",
    "http://localhost:8001/cmo/in\n",
    "javascript:alert(1)",
    "",
]


async def offered(http: httpx.AsyncClient, back: str = BACK) -> httpx.Response:
    asked = {"back": back, "state": ATTEMPT.state, "challenge": ATTEMPT.challenge}
    return await http.get("/login/chat", params=asked, headers={"Accept": "text/html"})


async def ticket(http: httpx.AsyncClient) -> str:
    """One, out of the page that offers it."""
    page = await offered(http)
    assert page.status_code == 200, page.text
    (there,) = re.findall(r'id="on" href="([^"]+)"', page.text)
    address = urlsplit(unescape(there))
    told = parse_qs(address.query)
    assert (f"{address.scheme}://{address.netloc}{address.path}", told["state"]) == (BACK, [ATTEMPT.state])
    return told["ticket"][0]


async def taken(http: httpx.AsyncClient, given: str, verifier: str = ATTEMPT.verifier) -> httpx.Response:
    return await http.post("/login/chat/ticket", json={"ticket": given, "verifier": verifier})


async def test_somebody_is_in_the_chat_as_who_they_are_until_they_leave(house: Any, provider: Provider) -> None:  # noqa: F811
    provider.person["groups"] = ["oracle-staff"]
    async with browser(house) as http, browser(house) as chat:
        turned = await offered(http)
        assert (turned.status_code, turned.headers["location"][:23]) == (303, "/login?next=/login/chat")
        await signed_in(http)
        page = await offered(http)
        assert "ask as mia?" in page.text
        assert page.headers["cache-control"] == "no-store"
        told = (await taken(chat, await ticket(http))).json()
        assert (told["name"], told["role"], told["tenant"], told["cookie"]) == ("mia", "curator", "", "cmo")
        shown = {"Cookie": f"{told['cookie']}={told['session']}"}
        assert (await chat.get("/api/me", headers=shown)).json()["name"] == "mia"
        ours = {**shown, "Origin": "http://127.0.0.1"}
        assert (await chat.post("/logout", headers=ours)).status_code == 204
        assert (await chat.get("/api/me", headers=shown)).status_code == 401
        assert (await http.get("/api/me")).json()["name"] == "mia", "the pages' own session goes on"
    actions = [(action, facts.get("by"), facts.get("to")) for action, facts in done(house)]
    assert ("login-offered", None, BACK) in actions
    assert ("login", "ticket", None) in actions


async def test_a_ticket_is_good_once_soon_for_the_chat_that_asked_and_opens_nothing_itself(
    house: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with browser(house) as http, browser(house) as chat:
        await signed_in(http)
        given = await ticket(http)
        for cookie in (given, f"{ATTEMPT.challenge} {given}"):
            assert (await chat.get("/api/me", headers={"Cookie": f"cmo={cookie}"})).status_code == 401
        stranger = Attempt.begin("/", 0.0)
        assert (await taken(chat, given, stranger.verifier)).status_code == 401
        assert (await taken(chat, given)).status_code == 200
        again = await taken(chat, given)
        assert (again.status_code, "was used" in again.text) == (401, True)
        monkeypatch.setattr(warden, "TICKET_SECONDS", -1.0)
        assert (await taken(chat, await ticket(http))).status_code == 401, "too late"
        monkeypatch.undo()
        late = await ticket(http)
        (key,) = house.keyring.all()
        house.keyring.revoke(key.id, "root", "left")
        house.warden._keys.forget(key.id)
        assert (await taken(chat, late)).status_code == 401, "shut out meanwhile"


async def test_a_ticket_goes_to_ones_own_machine_and_nowhere_else(house: Any) -> None:  # noqa: F811
    async with browser(house) as http:
        await signed_in(http)
        for back in ELSEWHERE:
            reply = await offered(http, back)
            assert reply.status_code == 403, back
            assert 'href="http' not in reply.text
        for asked in ({"state": "x", "challenge": ATTEMPT.challenge}, {"state": ATTEMPT.state}):
            assert (await http.get("/login/chat", params={"back": BACK, **asked})).status_code == 422
        for body in ({}, {"ticket": "x", "verifier": "y"}, {"ticket": ATTEMPT.state, "verifier": 7}):
            assert (await http.post("/login/chat/ticket", json=body)).status_code == 422


async def test_where_nobody_need_say_who_they_are_there_is_nobody_to_ask_as(base: Any) -> None:
    async with browser_of(base) as http:
        assert (await offered(http)).status_code == 403


def browser_of(base: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_api(base.app)), base_url="http://127.0.0.1")
