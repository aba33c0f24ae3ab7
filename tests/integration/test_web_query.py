"""Questions over HTTP, on a small base with the fake model."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cmo import wire
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import ModelMismatch
from cmo.oracle import admit
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "Which amino acids are raised in maple syrup urine disease?"
TEXTS = {
    "msud": "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n",
    "pku": "Phenylketonuria <script>alert(1)</script> in newborns\n\nPhenylalanine is raised in phenylketonuria because "
    "the enzyme is lacking. Tyrosine is low in the same patients.\n",
}


@pytest.fixture(autouse=True)
def _confidence_for_the_fake_model(base: Any) -> None:
    """The shipped confidence is fitted on a real model's cosines; here shared words decide."""
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    base.add(**TEXTS)
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def events(text: str) -> list[tuple[str, Any]]:
    lines = [block.split("\n") for block in text.split("\n\n") if block.startswith("event:")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


async def test_a_reply_is_the_one_that_the_oracle_gives(http: httpx.AsyncClient, base: Any) -> None:
    sent = (await http.post("/query", json={"query": ASKED})).json()
    given = wire.reply(base.app.oracle.reply(admit(ASKED)))
    untimed = {"id": "", "processing_time_ms": 0, "timings": {}}
    assert sent | untimed == json.loads(json.dumps(given | untimed))
    assert sent["timings"]["total_time_ms"] == sent["processing_time_ms"] > sent["timings"]["retrieval_time_ms"] > 0
    assert sent["answer"].startswith("Leucine, isoleucine and valine are raised")
    assert {"answer", "confidence", "citations", "evidence", "sources", "processing_time_ms", "snapshot"} <= set(sent)


async def test_a_stream_tells_each_sentence_with_its_evidence_then_the_whole(http: httpx.AsyncClient) -> None:
    reply = await http.post("/query", json={"query": ASKED}, headers={"Accept": "text/event-stream"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = events(reply.text)
    assert [name for name, _ in told] == ["stage"] * 2 + ["sentence"] * (len(told) - 3) + ["answer"]
    assert [data["stage"] for _, data in told[:2]] == ["retrieve", "write"]
    whole, said = told[-1][1], [data for name, data in told if name == "sentence"]
    assert [data["text"] for data in said] == [s["text"] for s in whole["sentences"]]
    assert said[0]["evidence"][0] == whole["evidence"][0]
    assert said[0]["papers"][0] == whole["citations"][0]


async def test_a_body_can_ask_for_a_stream(http: httpx.AsyncClient) -> None:
    plain, streamed = [await http.post("/query", json={"query": ASKED, "stream": wish}) for wish in (False, True)]
    assert plain.headers["content-type"] == "application/json"
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert events(streamed.text)[-1][1]["sentences"] == plain.json()["sentences"]


@pytest.mark.parametrize("stream", ["yes please", None, 2, ["x"]])
async def test_a_wish_for_a_stream_is_yes_or_no(http: httpx.AsyncClient, stream: object) -> None:
    reply = await http.post("/query", json={"query": ASKED, "stream": stream})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")
    assert reply.json()["errors"][0]["pointer"] == "#/stream"


async def test_a_stream_can_be_had_by_get(http: httpx.AsyncClient) -> None:
    reply = await http.get("/query/stream", params={"query": ASKED, "mode": "naive", "sections": "other"})
    assert events(reply.text)[-1][0] == "answer"
    assert events(reply.text)[-1][1]["mode"] == "naive"


async def test_a_fault_after_the_stream_began_is_an_error_event(
    http: httpx.AsyncClient, base: Any, monkeypatch: Any
) -> None:
    def fail(_: object) -> None:
        raise ModelMismatch("made with another model")

    monkeypatch.setattr(base.app.oracle, "reply", fail)
    reply = await http.get("/query/stream", params={"query": ASKED})
    ((name, data),) = events(reply.text)
    assert (name, data["code"], data["status"]) == ("error", "model-mismatch", 503)
    assert (await http.post("/query", json={"query": ASKED})).status_code == 503


async def test_filters_narrow_what_may_be_found(http: httpx.AsyncClient) -> None:
    papers = {p["source"]: p["paper_id"] for p in (await http.get("/papers")).json()["papers"]}
    only = {"query": "What is raised in the disease?", "filters": {"papers": [papers["pku.txt"]]}}
    found = (await http.post("/query", json=only)).json()
    assert {c["source"] for c in found["citations"]} <= {"pku.txt"}
    none = (await http.post("/query", json={"query": ASKED, "filters": {"year_from": 1990}})).json()
    assert none["refusal"]["reason"] == "nothing-eligible"
    assert not none["answered"]


async def test_what_a_paper_says_stays_text(http: httpx.AsyncClient) -> None:
    reply = await http.post("/query", json={"query": "What is raised in phenylketonuria?"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert any("<script>" in citation["title"] for citation in reply.json()["citations"])


@pytest.mark.parametrize("mode", ["", "deep", "HYBRID", "../x"])
async def test_an_unknown_mode_is_named_with_the_known_ones(http: httpx.AsyncClient, mode: str) -> None:
    reply = await http.post("/query", json={"query": ASKED, "mode": mode})
    assert (reply.status_code, reply.json()["code"]) == (422, "bad-filter")
    assert "hybrid" in reply.json()["detail"]
    assert reply.json()["errors"][0]["pointer"] == "#/mode"


@pytest.mark.parametrize(
    "filters",
    [
        {"author": "x"},
        {"sections": ["nowhere"]},
        {"year_from": "soon"},
        {"year_from": 0},
        {"year_to": 10**30},
        {"year_from": 2020, "year_to": 2010},
        {"papers": [""]},
        {"journals": ["x" * 301]},
        {"journals": ["x"] * 101},
        [],
    ],
)
async def test_a_filter_that_cannot_be_used_is_a_problem(http: httpx.AsyncClient, filters: object) -> None:
    reply = await http.post("/query", json={"query": ASKED, "filters": filters})
    assert (reply.status_code, reply.json()["code"]) == (422, "bad-filter")


@pytest.mark.parametrize(
    "query", ["", "   ", "\n\t", "?!", "\x00", "\u200b\u202e", "x" * 4_001, None, 7, ["x"], {"a": 1}]
)
async def test_what_is_no_question_is_a_problem(http: httpx.AsyncClient, query: object) -> None:
    reply = await http.post("/query", json={"query": query})
    assert (reply.status_code, reply.json()["code"]) == (422, "bad-question")
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_question_of_a_hundred_thousand_letters_is_refused_by_its_size(http: httpx.AsyncClient) -> None:
    reply = await http.post("/query", json={"query": "x" * 100_000})
    assert (reply.status_code, reply.json()["code"]) == (413, "too-large")


async def test_a_length_that_lies_is_found_out(http: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    reply = await http.post("/query", content=body(), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"query": "x"} trailing', b"[" * 10_000])
async def test_a_body_that_is_no_json_is_a_problem(http: httpx.AsyncClient, body: bytes) -> None:
    reply = await http.post("/query", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in {400, 422}
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b'{"query": "\\ud800 lone surrogate"}', b'{"query": "a\\u0000b"}', b'{"query": "x", "x": 1}']
)
async def test_odd_json_never_breaks_the_service(http: httpx.AsyncClient, body: bytes) -> None:
    reply = await http.post("/query", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in {200, 400, 422}


async def test_control_characters_are_cleaned_away(http: httpx.AsyncClient) -> None:
    reply = await http.post("/query", json={"query": "Which\x07 amino\u202e acids\r\n are raised?"})
    assert reply.json()["question"] == "Which amino acids are raised?"
