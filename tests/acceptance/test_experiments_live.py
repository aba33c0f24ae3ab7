"""A real service under real load, in two processes: an experiment that does harm is ended without help, people hear of
it, nobody's question fails, and a shadow answers beside all of it."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.acceptance.services import QUESTIONS, Service

USERS = 1_000

pytestmark = pytest.mark.model


class Hook(ThreadingHTTPServer):
    """A webhook that remembers what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def service(tmp_path: Path, hook: Hook) -> Iterator[Service]:
    told = f"http://127.0.0.1:{hook.server_address[1]}/services/secret"
    shadow = {"CMO_SHADOW": "mode=naive", "CMO_SHADOW_SHARE": "1", "CMO_SHADOW_BUSY_PERCENT": "100"}
    told_to = {"SLACK_WEBHOOK_URL": told, "CMO_WEBHOOK_PRIVATE": "true"}
    with Service(tmp_path, CMO_EXPERIMENT_SECONDS="1", **told_to, **shadow) as service:
        yield service


async def load(service: Service, until: asyncio.Event, seen: Counter[tuple[int, str]], at_once: int = 4) -> None:
    """Users who ask all the time; what they get is counted."""
    chance = Random(7)

    async def ask(http: httpx.AsyncClient) -> None:
        while not until.is_set():
            body = {"query": chance.choice(QUESTIONS), "user": f"user-{chance.randrange(USERS)}"}
            reply = await http.post("/query", json=body)
            seen[reply.status_code, reply.headers.get("x-release", "").partition("arm=")[2]] += 1

    async with httpx.AsyncClient(base_url=service.url, timeout=30) as http, asyncio.TaskGroup() as users:
        for _ in range(at_once):
            users.create_task(ask(http))


async def under_load(service: Service, enough: Any, seconds: float) -> Counter[tuple[int, str]]:
    """What users get until something is true."""
    until, seen = asyncio.Event(), Counter[tuple[int, str]]()
    asking = asyncio.create_task(load(service, until, seen))
    ends = time.monotonic() + seconds
    while not await asyncio.to_thread(enough):
        assert time.monotonic() < ends, seen
        await asyncio.sleep(0.5)
    until.set()
    await asking
    return seen


async def test_harm_ends_an_experiment_and_nobody_s_question_fails(service: Service, hook: Hook) -> None:
    arms = ("--arm", "control=50", "--arm", "timid=50:min_confidence=1.0")  # refuses whatever is not certain
    service.run("experiment", "plan", "timid", *arms, "--primary", "latency", "--least", "50", "--base", "100")
    service.run("experiment", "start", "timid", "--reason", "rehearsal")

    def stopped() -> bool:
        return bool(service.run("experiment", "status", "timid")["status"]["phase"] == "stopped")

    seen = await under_load(service, stopped, 120)
    assert {status for status, _ in seen} == {200}
    assert seen[200, "timid"] > 20
    found = service.run("experiment", "status", "timid")
    assert found["compared"][0]["outcome"] == "harmful"
    assert "refusals" in found["status"]["reason"]
    assert found["valid"]
    assert min(found["units"].values()) > 20

    later = await under_load(service, lambda: len(hook.got) > 0, 30)
    assert ["The experiment timid was stopped" in text for text in hook.got] == [True]
    await asyncio.sleep(2)  # every worker has looked since
    after = await under_load(service, lambda: True, 10)
    assert {status for status, _ in later + after} == {200}
    assert not [arm for _, arm in after if arm == "timid"]

    page = service.folder / "report.html"
    service.run("experiment", "report", "timid", "--out", page)
    assert "Stop: timid does harm" in page.read_text()
    shadow = service.run("experiment", "shadow")
    assert shadow["pairs"] >= len(QUESTIONS)
    assert "failed" not in shadow["kinds"]
