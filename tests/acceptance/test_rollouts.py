"""A real service under real load, in two processes: bad releases are taken back without help, a healthy one reaches all."""

import asyncio
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

from tests.acceptance.services import QUESTIONS, Service

PLAN = """
about = "a rehearsal in seconds"
stages = [50, 100]
bake = 2
patience = 600
down = "instant"

[gates]
least = 60
fresh = 30
metrics = ["errors", "refusals", "citations"]
"""
USERS = 2_000

pytestmark = pytest.mark.model


class Rehearsal(Service):
    """A service whose releases are moved by a plan of seconds."""

    def rollout(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/api/releases", timeout=30).json()["rollout"])

    def start(self, name: str, *settings: str) -> None:
        plan = self.folder / "rehearsal.toml"
        plan.write_text(PLAN)
        given = [part for setting in settings for part in ("--set", setting)]
        self.run("rollout", "start", name, *given, "--plan-file", plan, "--name", name, "--reason", "rehearsal")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with Rehearsal(tmp_path_factory.mktemp("rollouts")) as service:
        yield service


class Load:
    """Users who ask all the time, and what they get."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._chance = Random(7)
        self.statuses: dict[int, int] = {}
        self.last = 0.0
        """When a release answered last."""
        self.exposed = 0

    async def run(self, until: asyncio.Event, at_once: int = 8) -> None:
        limits = httpx.Limits(max_connections=at_once)
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=30, limits=limits) as http,
            asyncio.TaskGroup() as users,
        ):
            for _ in range(at_once):
                users.create_task(self._ask(http, until))

    async def _ask(self, http: httpx.AsyncClient, until: asyncio.Event) -> None:
        while not until.is_set():
            body = {"query": self._chance.choice(QUESTIONS), "user": f"user-{self._chance.randrange(USERS)}"}
            reply = await http.post("/query", json=body)
            self.statuses[reply.status_code] = self.statuses.get(reply.status_code, 0) + 1
            if "arm=new" in reply.headers.get("x-release", "") or "fallback" in reply.headers.get("x-release", ""):
                self.exposed, self.last = self.exposed + 1, time.monotonic()


async def ended(service: Rehearsal, seconds: float) -> tuple[dict[str, Any], Load]:
    """What a rollout comes to under load."""
    load, stop = Load(service.url), asyncio.Event()
    asking = asyncio.create_task(load.run(stop))
    began = time.monotonic()
    try:
        while True:
            await asyncio.sleep(1)
            facts = await asyncio.to_thread(service.rollout)
            if facts["phase"] in {"back", "done"}:
                return facts, load
            assert time.monotonic() - began < seconds, facts
    finally:
        await asyncio.sleep(1.5)
        stop.set()
        await asking


async def test_a_release_that_abstains_is_taken_back(service: Rehearsal) -> None:
    await asyncio.to_thread(service.start, "abstains", "min_confidence=1.0")
    facts, load = await ended(service, 60)
    assert (facts["phase"], facts["percent"]) == ("back", 0)
    assert "refusals" in {gate["gate"] for gate in facts["gates"] if gate["verdict"] == "fail"}
    assert set(load.statuses) == {200}
    assert 0 < load.exposed < sum(load.statuses.values())


async def test_a_release_that_fails_is_taken_back_and_nobody_notices(service: Rehearsal) -> None:
    await asyncio.to_thread(service.start, "fails", "engine=lightrag")
    facts, load = await ended(service, 60)
    assert facts["phase"] == "back"
    assert "errors" in {gate["gate"] for gate in facts["gates"] if gate["verdict"] == "fail"}
    assert set(load.statuses) == {200}, "the baseline answered for it"


@pytest.mark.timeout(500)
async def test_a_healthy_release_reaches_all_and_can_still_be_taken_back_at_once(service: Rehearsal) -> None:
    await asyncio.to_thread(service.start, "healthy", "max_hops=2")
    facts, load = await ended(service, 400)
    assert (facts["phase"], facts["percent"]) == ("done", 100)
    assert set(load.statuses) == {200}
    acts = [act["action"] for act in service.run("rollout", "history", "--of", "healthy")["history"]]
    assert acts == ["promote", "advance", "start", "release"]
    again, stop = Load(service.url), asyncio.Event()
    asking = asyncio.create_task(again.run(stop, 2))
    await asyncio.sleep(1)
    assert again.exposed > 0
    await asyncio.to_thread(service.run, "rollout", "back", "--now", "--reason", "rehearsal")
    decided = time.monotonic()
    await asyncio.sleep(2)
    stop.set()
    await asking
    assert again.last < decided + 1.0, "within a second nobody has it any more"
