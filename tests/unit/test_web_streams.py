"""An answer as events while it is made: what is shown, what is taken back, who goes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from cmo.errors import ModelMismatch
from cmo.kit.leaving import Leaving, Left, check, noticing
from cmo.kit.telling import heard, tell, without
from cmo.model.answers import AnswerSentence
from cmo.model.evidence import Evidence
from cmo.model.papers import Format, Metadata, PaperRef, Section
from cmo.model.stages import Anew, Stage, Step
from cmo.stories.recall import Told
from cmo.web.streams import told

SCOPE: Any = {"type": "http", "path": "/query", "state": {"request_id": "r"}}
PAPER = PaperRef("p1", 1, "0" * 64, "p1.txt", Format.TEXT, Metadata(title="One"))


def said(text: str) -> AnswerSentence:
    evidence = Evidence(f"e-{text}", PAPER, 1, 0, len(text), (), text, Section.RESULTS, "", 0.5)
    return AnswerSentence(text, (1,), (evidence,))


def whole(*texts: str) -> Told:
    sentences = [{"text": t, "translation": "", "citations": [1], "evidence": [f"e-{t}"]} for t in texts]
    evidence = [{"id": f"e-{t}"} for t in texts]
    return Told(orjson.dumps({"sentences": sentences, "evidence": evidence, "citations": [{"number": 1}]}))


async def events(ask: Callable[[], Awaitable[Told]], pulse: float = 10.0) -> list[tuple[str, Any]]:
    async with aclosing(told(ask, SCOPE, pulse=pulse)) as stream:
        return [read(line) async for part in stream for line in part.decode().split("\n\n") if line]


def read(line: str) -> tuple[str, Any]:
    if line.startswith(":"):
        return ":", line[1:].strip()
    name, data = line.split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def names(told: list[tuple[str, Any]]) -> list[str]:
    return [data.get("text") or name if name != "answer" else name for name, data in told if name != ":"]


async def test_what_was_shown_is_not_shown_again_and_the_rest_follows_before_the_answer() -> None:
    async def ask() -> Told:
        tell(Stage(Step.WRITE, "writing"))
        tell(said("A."))
        return whole("A.", "B.")

    got = await events(ask)
    assert names(got) == ["writing", "A.", "B.", "answer"]
    first = got[2][1]
    assert first["papers"][0]["title"] == "One"
    assert first["evidence"][0]["citation"] == 1


async def test_a_sentence_that_does_not_stand_is_withdrawn_before_another_is_shown() -> None:
    async def ask() -> Told:
        tell(said("A."))
        return whole("B.")

    got = await events(ask)
    assert [name for name, _ in got] == [":", "sentence", "stage", "sentence", "answer"]
    assert (got[2][1]["stage"], got[2][1]["sentences"]) == ("withdrawn", 1)


async def test_an_attempt_that_begins_anew_takes_back_what_the_former_one_said() -> None:
    async def ask() -> Told:
        tell(Anew())
        tell(said("A."))
        tell(Anew())
        tell(said("B."))
        return whole("B.")

    got = await events(ask)
    assert [data.get("stage", data.get("text")) for name, data in got[1:-1]] == ["A.", "withdrawn", "B."]


async def test_a_refusal_after_sentences_takes_them_back() -> None:
    async def ask() -> Told:
        tell(said("A."))
        return whole()

    assert [name for name, _ in await events(ask)] == [":", "sentence", "stage", "answer"]


async def test_silence_is_filled_with_comments() -> None:
    async def ask() -> Told:
        await asyncio.sleep(0.1)
        return whole("A.")

    got = await events(ask, pulse=0.02)
    assert got[1] == (":", "at work")
    assert [name for name, _ in got][-2:] == ["sentence", "answer"]


async def test_a_failure_is_the_last_event() -> None:
    async def ask() -> Told:
        tell(said("A."))
        raise ModelMismatch("made with another model")

    got = await events(ask)
    assert (got[-1][0], got[-1][1]["code"], got[-1][1]["request_id"]) == ("error", "model-mismatch", "r")


async def test_whoever_goes_ends_the_work() -> None:
    ended = asyncio.Event()

    async def ask() -> Told:
        try:
            tell(said("A."))
            await asyncio.sleep(60)
        finally:
            ended.set()
        return whole("A.")

    stream: AsyncGenerator[bytes, None] = told(ask, SCOPE)
    assert [await anext(stream) for _ in range(2)][1].startswith(b"event: sentence")
    await stream.aclose()
    await asyncio.wait_for(ended.wait(), 5)


def test_whoever_has_gone_is_noticed_where_work_is_done() -> None:
    leaving, done = Leaving(), list[str]()
    leaving.then(lambda: done.append("hung up"))
    leaving.then(lambda: done.append("never"))()  # taken back
    with noticing(leaving):
        check()
        leaving.leave()
        with pytest.raises(Left):
            check()
    leaving.then(lambda: done.append("at once"))
    assert done == ["hung up", "at once"]
    check()  # nobody's work


def test_what_is_not_to_be_heard_yet_is_not() -> None:
    got: list[object] = []
    with heard(got.append), without(AnswerSentence):
        tell(said("A."))
        tell(Stage(Step.CHECK, "judging"))
    tell(Stage(Step.CHECK, "to nobody"))
    assert got == [Stage(Step.CHECK, "judging")]
