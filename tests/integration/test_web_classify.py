"""Classes of questions over HTTP and on the command line, on a small base with the fake model."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cmo.cli.main import app
from cmo.web import create_api
from cmo.web.classify import ClassifyOut, StatsOut


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    api = create_api(base.app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as client:
        yield client
    await api.state.desk.sorting.aclose()


@pytest.mark.parametrize(
    "sent", [{"json": {"query": "What is metabolomics?"}}, {"params": {"query": "What is metabolomics?"}}]
)
async def test_a_question_may_come_as_json_or_in_the_address(http: httpx.AsyncClient, sent: Any) -> None:
    reply = await http.post("/classify", **sent)
    assert reply.status_code == 200
    facts = ClassifyOut.model_validate(reply.json())
    assert (facts.category, facts.cache_hit, facts.fallback) == ("GENERAL", False, "")
    assert facts.route.destination == facts.destination
    again = (await http.post("/classify", **sent)).json()
    assert (again["cache_hit"], again["cache_tier"], again["optimizations"]) == (True, "memory", ["memory-cache"])


async def test_figures_follow_what_was_asked(http: httpx.AsyncClient) -> None:
    empty = StatsOut.model_validate((await http.get("/stats")).json())
    assert empty.requests["total"] == 0
    for n in range(3):
        await http.post("/classify", json={"query": f"What is metabolite {n % 2}?", "priority": "high"})
    told = StatsOut.model_validate((await http.get("/stats")).json())
    assert told.requests["total"] == 3
    assert told.cache["overall"]["hit_rate"] == pytest.approx(1 / 3, abs=0.001)
    assert told.recommendations == []


async def test_figures_tell_of_kept_answers_by_tier(base: Any, http: httpx.AsyncClient) -> None:
    base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.")
    assert StatsOut.model_validate((await http.get("/stats")).json()).answers is None
    for _ in range(3):
        await http.post("/query", json={"query": "What is raised in phenylketonuria?"})
    told = StatsOut.model_validate((await http.get("/stats")).json()).answers
    assert told is not None
    assert (told.asked, told.found, told.made) == (3, 2, 1)
    assert [(tier.name, tier.hits, tier.errors) for tier in told.tiers] == [("memory", 2, 0), ("disk", 0, 0)]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"json": {"query": ""}}, "bad-question"),
        ({"json": {"query": "x" * 50_000}}, "bad-question"),
        ({}, "bad-question"),
        ({"json": {"query": "What?", "priority": "soon"}}, "invalid-request"),
        ({"json": {"question": "What?"}}, "bad-question"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "malformed-json"),
        ({"content": b"\xff", "headers": {"content-type": "application/json"}}, "bad-request"),
    ],
)
async def test_what_cannot_be_classified_is_a_problem_that_says_why(
    http: httpx.AsyncClient, sent: Any, code: str
) -> None:
    reply = await http.post("/classify", **sent)
    assert reply.status_code in {400, 422}
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == code, reply.text


async def test_a_deadline_of_the_client_is_kept(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    await http.get("/stats")

    def slow(*_: Any) -> Any:
        time.sleep(1.5)
        raise AssertionError("nobody waits for this")

    sorter = (await http._transport.app.state.desk.sorting.opened()).sorter  # type: ignore[attr-defined]
    monkeypatch.setattr(sorter._here.here().batcher, "_work", slow)
    began = time.monotonic()
    reply = await http.post("/classify", json={"query": "Is leucine raised?"}, headers={"X-Deadline-Ms": "200"})
    assert time.monotonic() - began < 1.2
    assert (reply.status_code, reply.json()["fallback"], reply.json()["decided_by"]) == (200, "out-of-time", "keywords")


def test_the_command_line_classifies_one_or_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cmo.app import App
    from cmo.testing import HashingEmbedder

    monkeypatch.setattr(App, "encoder", HashingEmbedder())
    home = ["--home", str(tmp_path)]
    one = CliRunner().invoke(app, ["classify", "What is metabolomics?", "--json", *home])
    assert json.loads(one.stdout)["category"] == "GENERAL"
    many = CliRunner().invoke(
        app, ["classify", "-", "--json", *home], input="Latest trials 2026?\n\nWhat is leucine?\n"
    )
    told = json.loads(many.stdout)
    assert [row["question"] for row in told["questions"]] == ["Latest trials 2026?", "What is leucine?"]
    assert told["stats"]["requests"]["total"] == 2
    table = CliRunner().invoke(app, ["classify", "What is metabolomics?", *home])
    assert "GENERAL" in table.stdout


@pytest.mark.parametrize(
    ("sent", "told"), [(b"What?\n\xff\n", "Line 2 of standard input"), (b"\nWhat?\n...\n", "Line 3: ")]
)
def test_a_line_that_cannot_be_classified_is_named(tmp_path: Path, sent: bytes, told: str) -> None:
    done = CliRunner().invoke(app, ["classify", "-", "--home", str(tmp_path)], input=sent)
    assert type(done.exception).__name__ == "BadQuestion"
    assert str(done.exception).startswith(told)


def test_figures_of_a_service_that_is_not_there_are_said_to_be_missing() -> None:
    done = CliRunner().invoke(app, ["stats", "--url", "http://127.0.0.1:9"])
    assert type(done.exception).__name__ == "NotFound"
    assert "cmo serve" in str(done.exception)
