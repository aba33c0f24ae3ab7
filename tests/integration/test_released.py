"""Releases over HTTP: each asker is answered by theirs, what came of it is counted, and nobody pays for a bad one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.delivery.assign import place
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, Plan
from cmo.errors import EngineError, StoreError
from cmo.model.delivery import Act
from cmo.spend import purse
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "Which amino acids are raised in maple syrup urine disease?"
TEXT = (
    "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n"
)
HALF = Plan("half", (50, 100), 3600.0, 3600.0)
ACT = Act(0.0, "test", "release", "r", "")


class Broken:
    """An engine that is not there."""

    def retrieve(self, *_: object) -> Any:
        raise EngineError("The other engine is not installed.")

    answer = retrieve

    def close(self) -> None:
        pass


@pytest.fixture
async def service(open_base: Callable[..., Any]) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    with open_base(delivery=True) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.app.__dict__["lightrag"] = Broken()
        base.add(msud=TEXT)
        api = create_api(base.app)
        transport = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield base, client
        await api.state.desk.aclose()


@asynccontextmanager
async def begun(base: Any, client: httpx.AsyncClient, **settings: Any) -> AsyncIterator[Desk]:
    """A release that half of the users have."""
    store = base.app.delivery
    store.add_release(release("r", settings), ACT)
    desk = Desk(store, base.app.clock)
    desk.start(Wish("r", HALF, name="half"), "ada", "try it")
    await client.post("/query", json={"query": ASKED})  # begins to look
    await fresh(base)
    yield desk


async def fresh(base: Any) -> None:
    await asyncio.to_thread(base.app.delivering.state.refresh)


async def ask(client: httpx.AsyncClient, user: str, **more: Any) -> httpx.Response:
    return await client.post("/query", json={"query": ASKED, "user": user}, **more)


def users(arm: str, count: int = 3) -> list[str]:
    names = [
        name for name in map("user-{}".format, range(100)) if (place("rollout:half", name) < 0.5) == (arm == "new")
    ]
    return names[:count]


def sums(base: Any, arm: str) -> dict[str, Any]:
    base.app.delivering.observer.flush()
    unseen = base.app.delivery.unseen("half")
    assert unseen is not None
    seen = [o.sums for o in unseen.observations if o.arm == arm]
    return {name: sum(s[name] for s in seen) for name in ("requests", "errors", "refusals", "made")}


async def test_each_half_is_answered_by_its_own_release_and_keeps_it(service: tuple[Any, httpx.AsyncClient]) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        for arm, said, mode in (("new", "r; arm=new", "naive"), ("control", "baseline; arm=control", "hybrid")):
            for user in users(arm) * 2:
                reply = await ask(client, user)
                assert (reply.headers["x-release"], reply.json()["mode"]) == (said, mode)
        assert sums(base, "new") == {"requests": 6, "errors": 0, "refusals": 0, "made": 1}
        assert sums(base, "control")["requests"] == 6


async def test_who_nobody_knows_is_answered_by_the_settings_and_not_counted(service: Any) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        reply = await client.post("/query", json={"query": ASKED})
        assert reply.headers["x-release"] == "baseline; arm=control"
        assert sums(base, "control")["requests"] == 0


async def test_the_log_of_answers_names_the_release(service: Any) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        made = (await ask(client, users("new")[0])).json()["id"]
        for _ in range(100):
            told = await client.get(f"/api/answers/{made}")
            if told.status_code == 200:
                break
            await asyncio.sleep(0.05)
        assert told.json()["release"] == "r"


async def test_what_the_asker_chose_stands(service: Any) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        reply = await client.post("/query", json={"query": ASKED, "mode": "mix", "user": users("new")[0]})
        assert reply.json()["mode"] == "mix"


async def test_a_release_that_abstains_is_seen_to(service: Any) -> None:
    base, client = service
    async with begun(base, client, min_confidence=1.0):
        assert not (await ask(client, users("new")[0])).json()["answered"]
        assert (await ask(client, users("control")[0])).json()["answered"]
        assert (sums(base, "new")["refusals"], sums(base, "control")["refusals"]) == (1, 0)


async def test_where_a_release_fails_the_baseline_answers_and_the_failure_is_counted(service: Any) -> None:
    base, client = service
    async with begun(base, client, engine="lightrag"):
        reply = await ask(client, users("new")[0])
        assert reply.status_code == 200
        assert (reply.headers["x-release"], reply.json()["answered"]) == ("baseline; arm=fallback", True)
        assert sums(base, "new") == {"requests": 1, "errors": 1, "refusals": 0, "made": 0}


async def test_what_is_taken_back_is_taken_from_everybody_within_a_second(service: Any) -> None:
    base, client = service
    async with begun(base, client, mode="naive") as desk:
        user = users("new")[0]
        headers = {"X-Session-ID": "talk"}
        assert (await ask(client, user, headers=headers)).json()["mode"] == "naive"
        desk.command(Command.DISABLE, "ada", "it lies")
        began = base.app.clock.monotonic()
        while (await ask(client, user, headers=headers)).json()["mode"] == "naive":
            assert base.app.clock.monotonic() - began < 1.0
            await asyncio.sleep(0.02)


async def test_a_conversation_keeps_its_release_while_others_get_it(service: Any) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        user = users("control")[0]
        assert (await ask(client, user, headers={"X-Session-ID": "talk"})).json()["mode"] == "hybrid"
        rollout = base.app.delivery.current().rollout
        base.app.delivery.change(replace(rollout, status={**rollout.status, "percent": 100.0, "steps": 1}))
        await fresh(base)
        assert (await ask(client, user, headers={"X-Session-ID": "talk"})).json()["mode"] == "hybrid"
        assert (await ask(client, user, headers={"X-Session-ID": "another"})).json()["mode"] == "naive"


async def test_while_the_store_is_gone_the_last_known_holds_then_the_baseline(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, client = service
    async with begun(base, client, mode="naive"):
        user, state = users("new")[0], base.app.delivering.state

        def gone(*_: object) -> Any:
            raise StoreError("The database is gone.")

        monkeypatch.setattr(base.app.delivery, "current", gone)
        monkeypatch.setattr(base.app.delivery, "observe", gone)
        assert (await ask(client, user)).json()["mode"] == "naive"
        monkeypatch.setattr(state, "_stale", 0.0)
        assert (await ask(client, user)).json()["mode"] == "hybrid"
        monkeypatch.undo()
        await fresh(base)
        assert (await ask(client, user)).json()["mode"] == "naive"
        assert sums(base, "new")["requests"] == 2, "what was seen meanwhile is written down, and not lost"


async def test_the_config_of_the_graph_shows_the_real_percentage(service: Any) -> None:
    base, client = service
    said = (await client.get("/api/query/enrichment/config")).json()
    assert said["rollout_percentage"] == 100
    async with begun(base, client, max_hops=2):
        said = (await client.get("/api/query/enrichment/config")).json()
        assert (said["max_hops"], said["rollout_percentage"]) == (1, 50)


@pytest.mark.parametrize(
    "settings",
    [
        {"lightrag_enabled": False},
        {"rollout_percentage": 0},
        {"openfeature_provider": "openfeature.provider.no_op_provider:NoOpProvider"},
    ],
)
async def test_the_environment_or_another_provider_may_say_that_nobody_gets_a_release(
    open_base: Callable[..., Any], settings: dict[str, Any]
) -> None:
    with open_base(delivery=True, **settings) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.add(msud=TEXT)
        api = create_api(base.app)
        transport = httpx.ASGITransport(api)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
            begun(base, client, mode="naive") as desk,
        ):
            for user in users("new"):
                assert (await ask(client, user)).json()["mode"] == "hybrid"
            if "lightrag_enabled" in settings:
                desk.set_flag("lightrag_enabled", value=True, who={}, actor="ada", reason="what is stored comes first")
                await fresh(base)
                assert (await ask(client, users("new")[0])).json()["mode"] == "naive"
        await api.state.desk.aclose()


class Slow:
    """An engine that finds what ours finds, later."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def retrieve(self, *asked: Any) -> Any:
        time.sleep(0.05)
        return self._app.retriever.retrieve(*asked)

    def answer(self, *asked: Any) -> Any:
        return self._app.answerer.answer(*asked)

    def close(self) -> None:
        pass


class Dear(Slow):
    """An engine that finds what ours finds, for a cent."""

    def retrieve(self, *asked: Any) -> Any:
        purse.current().take(10_000)
        return self._app.retriever.retrieve(*asked)


async def test_what_an_answer_cost_is_counted_for_its_arm(service: Any) -> None:
    base, client = service
    base.app.__dict__["lightrag"] = Dear(base.app)
    async with begun(base, client, engine="lightrag"):
        anew = {"Cache-Control": "no-cache"}
        for user in (*users("new"), *users("control")):
            await ask(client, user, headers=anew)
        await ask(client, users("new")[0])
        base.app.delivering.observer.flush()
        unseen = base.app.delivery.unseen("half")
        costs = {arm: [0, 0.0] for arm in ("new", "control")}
        for seen in unseen.observations:
            n, dollars, _ = seen.sums["scores"].get("cost", (0, 0.0, 0.0))
            costs[seen.arm] = [costs[seen.arm][0] + n, costs[seen.arm][1] + dollars]
        assert costs == {"new": [3, pytest.approx(0.03)], "control": [3, 0.0]}, "what is kept costs nothing anew"


class Uncited(Slow):
    """An engine that finds what ours finds, and leaves the citation of every other answer out."""

    turn = 0

    def retrieve(self, *asked: Any) -> Any:
        return self._app.retriever.retrieve(*asked)

    def answer(self, *asked: Any) -> Any:
        found = super().answer(*asked)
        self.turn += 1
        bare = tuple(replace(said, citations=(), evidence=()) for said in found.sentences)
        return replace(found, sentences=bare) if self.turn % 2 else found


@pytest.mark.parametrize(("engine", "gate"), [(Slow, "slow"), (Uncited, "citations")])
async def test_a_release_that_is_slower_or_quietly_drops_citations_is_taken_back_under_load(
    service: Any, engine: type[Slow], gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmo.cast.delivering.READ_SECONDS", 0.001)  # each reply is read, so that it takes seconds
    base, client = service
    base.app.__dict__["lightrag"] = engine(base.app)
    base.app.delivery.add_release(release("worse", {"engine": "lightrag"}), ACT)
    gates = {"least": 50, "fresh": 20, "metrics": ["errors", gate]}
    Desk(base.app.delivery, base.app.clock).start(Wish("worse", HALF, "half", gates=gates), "ada", "try it")
    await client.post("/query", json={"query": ASKED})
    await fresh(base)
    turn = iter(range(4_000))

    async def asking() -> None:
        for number in turn:
            reply = await ask(client, f"user-{number}", headers={"Cache-Control": "no-cache"})
            assert reply.json()["answered"]
            if base.app.delivering.state.now().current.rollout.status["phase"] == "back":
                return

    await asyncio.gather(*(asking() for _ in range(6)))
    rollout = base.app.delivery.current().rollout
    assert rollout.status["phase"] == "back"
    assert [one["gate"] for one in rollout.evidence["said"]["gates"] if one["verdict"] == "fail"] == [gate]
