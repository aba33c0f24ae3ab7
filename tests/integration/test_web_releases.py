"""Releases over HTTP: everybody may look, who has the token may change, and every change says who made it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from cmo.web import create_api, schemas_releases

TOKEN = "a-token-of-some-length"
MAY = {"Authorization": f"Bearer {TOKEN}"}
START = {
    "release": "two-hops", "settings": {"max_hops": 2}, "plan": "fast", "name": "r1", "actor": "ada", "reason": "try it"
}  # fmt: skip


@pytest.fixture
async def http(open_base: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    with open_base(admin_token=TOKEN) as base:
        transport = httpx.ASGITransport(create_api(base.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client


async def start(http: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await http.post("/api/releases", json=START | more, headers=MAY)


async def say(http: httpx.AsyncClient, command: str, **more: Any) -> httpx.Response:
    return await http.post(f"/api/releases/rollout/{command}", json={"actor": "grace"} | more, headers=MAY)


async def test_where_nothing_was_rolled_out_the_page_says_so(http: httpx.AsyncClient) -> None:
    facts = (await http.get("/api/releases")).json()
    assert (facts["rollout"], facts["history"], facts["changeable"], facts["delivery"]) == (None, [], True, False)
    assert {flag["source"] for flag in facts["flags"]} == {"settings"}


async def test_a_rollout_is_begun_paused_resumed_and_taken_back_by_who_has_the_token(http: httpx.AsyncClient) -> None:
    assert (await start(http)).json()["percent"] == 10
    assert (await say(http, "pause")).json()["phase"] == "frozen"
    assert (await say(http, "resume")).json()["phase"] == "running"
    assert (await say(http, "stop", reason="it lies")).json()["percent"] == 0
    facts = (await http.get("/api/releases")).json()
    told = [(act["actor"], act["action"], act["reason"]) for act in facts["history"]]
    assert told == [
        ("grace", "disable", "it lies"), ("grace", "resume", ""), ("grace", "freeze", ""), ("ada", "start", "try it"),
        ("ada", "release", "try it"),
    ]  # fmt: skip
    assert [point["percent"] for point in facts["evidence"]] == [10, 10, 0]
    TypeAdapter(schemas_releases.ReleasesOut).validate_python(facts)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
async def test_without_the_token_nothing_changes(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for method, path, body in (
        ("POST", "/api/releases", START),
        ("POST", "/api/releases/rollout/stop", {"actor": "eve"}),
        ("PUT", "/api/releases/flags/max_hops", {"actor": "eve", "value": 2}),
    ):
        reply = await http.request(method, path, json=body, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (403, "not-allowed")
        assert TOKEN not in reply.text
    assert (await http.get("/api/releases")).json()["history"] == []


async def test_where_no_token_is_set_nobody_has_one(base: Any) -> None:
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.post("/api/releases", json=START, headers={"Authorization": "Bearer "})
    assert reply.status_code == 403


async def test_a_change_that_makes_no_sense_says_why(http: httpx.AsyncClient) -> None:
    for body, said in (
        ({"plan": "none"}, "There is no plan"),
        ({"settings": {"prompt": "x"}}, "cannot differ from one question to the next"),
        ({"settings": {"max_hops": 9}}, "0 to 2"),
        ({"name": "No Name!"}, "is no name"),
    ):
        reply = await start(http, **body)
        assert reply.status_code in {404, 422}, reply.text
        assert said in reply.json()["detail"]
    assert (await say(http, "approve")).status_code == 404
    assert (await http.post("/api/releases/rollout/dance", json={"actor": "ada"}, headers=MAY)).status_code == 422


async def test_a_flag_that_a_live_release_changes_is_refused(http: httpx.AsyncClient) -> None:
    body = {"actor": "ada", "value": 1, "percent": 20}
    set_ = await http.put("/api/releases/flags/max_hops", json=body, headers=MAY)
    assert (set_.json()["source"], set_.json()["percent"]) == ("stored", 20)
    assert "both arms would be alike" in (await start(http)).json()["detail"]
    await start(http, release="mix", settings={"mode": "mix"})
    refused = await http.put("/api/releases/flags/mode", json={"actor": "ada", "value": "naive"}, headers=MAY)
    assert "would make both arms alike" in refused.json()["detail"]


async def test_the_page_is_served(http: httpx.AsyncClient) -> None:
    page = await http.get("/releases")
    assert "<h1>Releases</h1>" in page.text
    assert "/static/releases.js" in page.text
