"""Questions of several parts over HTTP: their steps as events, threads that go on, and the record of answers."""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from cmo.agents.deep import Deep
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import ExtraMissing
from cmo.oracle import Oracle
from cmo.testing import NEVER, by_shared_words
from cmo.web import create_api
from cmo.web.deep import DeepOut
from cmo.web.desk import Desk
from tests.acceptance.services import served_here

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
HCU = "Homocystinuria in adults\n\nMethionine is raised in homocystinuria since it is not turned over."
ASKED = "Is phenylalanine raised in phenylketonuria and is methionine raised in homocystinuria?"
STEPS = ["plan", *("retrieve", "read", "check") * 3, "write"]


@pytest.fixture
def papers(base: Any) -> Any:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(by_shared_words(), NEVER)
    base.add(pku=PKU, hcu=HCU)
    return base


@pytest.fixture
async def http(papers: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(papers.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def test_an_answer_in_steps_is_written_down_and_can_be_asked_again(http: httpx.AsyncClient, papers: Any) -> None:
    sent = (await http.post("/api/deep", json={"question": ASKED, "thread_id": "mine", "user": "mia"})).json()
    assert DeepOut.model_validate(sent).answered
    assert sent["thread_id"] == "mine"
    assert [step["agent"] for step in sent["agent_history"]] == STEPS
    papers.app.chronicle.close()
    given = (await http.get(f"/api/answers/{sent['id']}")).json()
    assert given["reply"] == sent
    assert given["asked"]["deep"] is True
    assert [step["question"] for step in given["reply"]["steps"]] == [step["question"] for step in sent["steps"]]
    replayed = (await http.get(f"/api/answers/{sent['id']}/replay")).json()
    assert replayed["same"]
    assert replayed["changed"] == {}
    assert [step["question"] for step in replayed["reply"]["steps"]] == [step["question"] for step in sent["steps"]]
    assert (await http.get("/api/deep/mine")).json()["history"][0]["id"] == sent["id"]
    papers.add(pku=PKU.replace("raised", "lowered"))
    changed = (await http.get(f"/api/answers/{sent['id']}/replay")).json()
    assert not changed["same"]


async def test_steps_are_events_and_sentences_come_before_the_answer(http: httpx.AsyncClient) -> None:
    reply = await http.post("/api/deep", json={"question": ASKED, "stream": True})
    got = list(events(iter(reply.text.splitlines())))
    assert [data["stage"] for name, data in got if name == "stage"] == STEPS
    answer = got[-1][1]
    assert (got[-1][0], got[0][1]["thread_id"]) == ("answer", answer["thread_id"])
    assert [data["text"] for name, data in got if name == "sentence"] == [s["text"] for s in answer["sentences"]]


async def test_a_thread_is_looked_at_and_forgotten(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/deep/nobody")).json()["code"] == "not-found"
    await http.post("/api/deep", json={"query": ASKED, "thread": "mine"})  # names as elsewhere are understood, too
    assert (await http.get("/api/deep/mine")).json()["unfinished"] is None
    assert (await http.delete("/api/deep/mine")).json() == {"thread_id": "mine"}
    assert (await http.get("/api/deep/mine")).status_code == 404
    assert (await http.delete("/api/deep/mine")).status_code == 404


UNFIT: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "bad-question"),
    ({"question": " "}, 422, "bad-question"),
    ({"question": ASKED, "thread_id": "../etc"}, 422, "bad-question"),
    ({"question": ASKED, "thread_id": "x" * 101}, 422, "invalid-request"),
    ({"question": ASKED, "mode": "deep"}, 422, "bad-filter"),
    ({"question": ASKED, "deadline_ms": 0}, 422, "invalid-request"),
    ({"question": ASKED, "max_cost": -1}, 422, "invalid-request"),
    ({"question": ASKED, "thread_id": ["x"]}, 422, "invalid-request"),
    ({"question": ASKED, "steps": 900}, 422, "invalid-request"),
]


async def test_what_cannot_be_asked_is_told(http: httpx.AsyncClient) -> None:
    for body, status, code in UNFIT:
        reply = await http.post("/api/deep", json=body)
        assert (body, reply.status_code, reply.json()["code"]) == (body, status, code)


async def test_without_the_extra_it_is_not_implemented_here(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ExtraMissing("Deep mode needs the extra [agents].")

    monkeypatch.setattr(Deep, "installed", staticmethod(missing))
    for wish in (True, False):
        reply = await http.post("/api/deep", json={"question": ASKED, "stream": wish})
        assert (reply.status_code, reply.json()["code"]) == (501, "extra-missing")
        assert "[agents]" in reply.json()["detail"]


async def test_time_that_is_up_leaves_gaps_not_an_error(http: httpx.AsyncClient, papers: Any, monkeypatch: Any) -> None:
    usual = papers.app.oracle.reply

    def slow(question: Any) -> Any:
        time.sleep(0.6)
        return usual(question)

    monkeypatch.setattr(papers.app.oracle, "reply", slow)
    sent = (await http.post("/api/deep", json={"question": ASKED, "deadline_ms": 700})).json()
    assert "time was up" in sent["gaps"][-1]["why"]
    assert len(sent["agent_history"]) == len(STEPS)


def test_whoever_goes_leaves_a_thread_that_goes_on_where_it_was(papers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    may_go_on = threading.Event()
    usual = Oracle.reply

    def watched(self: Oracle, question: Any) -> Any:
        if "PKU" not in question.text and not question.text.startswith("Which"):  # the service warms up with one
            asked.append(question.text)
            if len(asked) == 2:
                may_go_on.wait(20)
        return usual(self, question)

    monkeypatch.setattr(Oracle, "reply", watched)
    body = {"question": ASKED, "thread_id": "mine", "stream": True}
    with served_here(create_api(papers.app)) as address, httpx.Client(base_url=address, timeout=20) as client:
        with client.stream("POST", "/api/deep", json=body) as response:
            got = events(response.iter_lines())
            assert [next(got)[1]["stage"] for _ in range(4)] == ["plan", "retrieve", "read", "check"]
            busy = client.post("/api/deep", json=body | {"stream": False})
            assert (busy.status_code, busy.json()["code"]) == (409, "store-locked")
        may_go_on.set()
        unfinished = client.get("/api/deep/mine").json()["unfinished"]
        assert unfinished["question"] == ASKED
        end = time.monotonic() + 10
        while (again := client.post("/api/deep", json=body | {"stream": False})).status_code == 409:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert again.json()["answered"]
    assert asked.count(ASKED) == 1, "what was answered is not asked again"
    assert again.json()["agent_history"][0]["agent"] == "plan"


async def test_no_more_may_wait_than_can_be_served(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "queue_of_thoughts", lambda _desk: 8)
    reply = await http.post("/api/deep", json={"question": ASKED})
    assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (503, "overloaded", "30")
