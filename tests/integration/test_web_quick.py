"""Plain questions go past the routes: nothing that a client can tell differs."""

from asyncio import sleep
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cmo.web import create_api
from cmo.web.quick import Quick

QUICK = {"Content-Type": "application/json"}
USUAL = {"Content-Type": "application/json; charset=utf-8"}
"""The same to the routes, which read it as mail is read; the quick way takes the plain one alone."""
OF_ONE = {"id": "", "request_id": "", "processing_time_ms": 0, "timings": {}, "age_seconds": 0}

BODIES = [
    b'{"query": "What is raised in phenylketonuria?"}',
    b'{"query": "What is raised?", "query": "What is raised in phenylketonuria?"}',
    b'{"query": "What is raised in phenylketonuria?", "mode": "naive", "filters": {"sections": ["results"]}}',
    b'{"query": "What is raised in phenylketonuria?", "filters": {"year_from": 2016.0}, "deadline_ms": "60000"}',
    b'{"query": "What is raised in phenylketonuria?", "max_cost": NaN}',
    b'{"query": "What is raised in phenylketonuria?", "max_cost": 0}',
    '{"query": "What is raised in phenylketonuria?"}'.encode("utf-16"),
    b'{"query": "a\\ud800b"}',
    b'{"query": "What is raised?", "mode": "sideways"}',
    b'{"query": "What is raised?", "filters": {"year_from": 2020, "year_to": 2010}}',
    b'{"query": "  "}',
    b'{"query": 5}',
    b'{"author": "x"}',
    b'{"query": "What',
    b"[]",
    b"",
]


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    base.add(
        pku="Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because an enzyme is lacking.\n"
    )
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def test_both_ways_tell_the_same(http: httpx.AsyncClient) -> None:
    for body in BODIES:
        told = [await http.post("/query", content=body, headers=kind) for kind in (QUICK, USUAL)]
        quick, usual = ((reply.status_code, reply.json() | OF_ONE | {"cached": False, "cost_usd": 0}) for reply in told)
        assert quick == usual, body
        assert told[0].headers.keys() - {"age"} == told[1].headers.keys() - {"age"}, body


async def test_a_body_in_pieces_is_put_together(http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"query": "What is raised '
        yield b'in phenylketonuria?"}'

    assert (await http.post("/query", content=pieces(), headers=QUICK)).json()["question"].endswith("phenylketonuria?")


async def test_it_is_no_way_past_who_may() -> None:
    async def unreached(*_: Any) -> None:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    body = {"type": "http.request", "body": BODIES[0]}
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/query", "headers": headers, "state": {"principal": None}}
    await Quick(unreached)(scope, lambda: sleep(0, body), send)
    assert sent[0]["status"] == 401


async def test_it_is_counted_under_its_address(http: httpx.AsyncClient) -> None:
    await http.post("/query", content=b'{"query": "What is raised in phenylketonuria?"}', headers=QUICK)
    told = (await http.get("/metrics")).text
    assert 'cmo_http_requests_total{endpoint="/query",method="POST",status="200"} 1.0' in told
