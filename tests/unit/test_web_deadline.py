"""The deadline of a request: in its context, kept, and told."""

import asyncio
import math
import time

import httpx
import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from cmo.kit.deadline import remaining
from cmo.web.boundary import Boundary
from cmo.web.deadline import Deadlines

DONE: list[str] = []


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/left":
        await PlainTextResponse(str(remaining()))(scope, receive, send)
        return
    if scope["path"] == "/stream":

        async def parts():
            yield b"first "
            await asyncio.sleep(0.3)
            yield b"last"

        await StreamingResponse(parts())(scope, receive, send)
        return
    await asyncio.sleep(1.0 if scope["path"] == "/slow" else 0.2)
    DONE.append(scope["path"])
    await PlainTextResponse("done")(scope, receive, send)


async def asked(path: str, milliseconds: str | None, method: str = "GET") -> httpx.Response:
    DONE.clear()
    transport = httpx.ASGITransport(Boundary(Deadlines(service), lambda: "made-here"))
    headers = {} if milliseconds is None else {"X-Deadline-Ms": milliseconds}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.request(method, path, headers=headers)


async def test_it_is_in_the_context() -> None:
    assert 1.5 < float((await asked("/left", "2000")).text) <= 2.0


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1e9", "nan"])
async def test_what_says_nothing_is_no_deadline(value: str | None) -> None:
    assert float((await asked("/left", value)).text) == math.inf


async def test_when_it_has_passed_the_client_is_told_at_once() -> None:
    began = time.monotonic()
    reply = await asked("/slow", "50")
    assert time.monotonic() - began < 0.9
    assert (reply.status_code, reply.headers["content-type"]) == (504, "application/problem+json")
    assert (reply.json()["code"], reply.json()["request_id"]) == ("out-of-time", "made-here")
    assert "X-Deadline-Ms" in reply.json()["detail"]
    await asyncio.sleep(1.1)
    assert DONE == []


async def test_within_it_nothing_is_different() -> None:
    assert (await asked("/slow", "5000")).text == "done"


@pytest.mark.parametrize(("method", "path"), [("POST", "/papers"), ("DELETE", "/papers/x"), ("PUT", "/api/x")])
async def test_a_change_that_has_begun_is_not_broken_off(method: str, path: str) -> None:
    assert (await asked(path, "50", method)).text == "done"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_without_any_time_nothing_is_begun(method: str) -> None:
    assert (await asked("/papers", "0", method)).status_code == 504
    assert DONE == []


async def test_a_reply_that_has_begun_is_not_broken_off() -> None:
    assert (await asked("/stream", "100")).text == "first last"
