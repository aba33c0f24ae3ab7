"""Sentences of a language model over HTTP while it still speaks; whoever goes stops it, and it is paid for."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.model.money import Payer
from cmo.spend import Price
from cmo.testing import NEVER
from cmo.web import create_api
from tests.acceptance.services import FIRST, SECOND, Speaker, served_here

PAPER = (
    "Maple syrup urine disease and its markers\n\nLeucine is raised in maple syrup urine disease. "
    "Alloisoleucine is the most specific marker of the disease.\n"
)
ASKED = {"query": "Which amino acid is raised in maple syrup urine disease?", "stream": True, "user": "mia"}


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with Speaker() as speaker:
        yield speaker


@pytest.fixture
def served(open_base: Callable[..., Any], speaker: Speaker) -> Iterator[tuple[Any, httpx.Client]]:
    settings = {"answers": "generated", "llm_url": speaker.url, "llm_model": "m", "delivery": True}
    with open_base(**settings) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.app.treasury.own_prices.put(Price("m", input=Decimal(1), output=Decimal(10)))
        base.add(msud=PAPER, pku="A third paper\n\nPhenylalanine is raised in phenylketonuria, as metabolites go.\n")
        with served_here(create_api(base.app)) as address, httpx.Client(base_url=address, timeout=20) as client:
            yield base, client


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_sentence_is_read_while_the_model_still_speaks(served: tuple[Any, httpx.Client], speaker: Speaker) -> None:
    _, client = served
    assert speaker.asked == 0, "a service that begins asks nobody outside"
    with client.stream("POST", "/query", json=ASKED) as response:
        told = events(response)
        early = [next(told) for _ in range(3)]
        assert [name for name, _ in early] == ["stage", "stage", "sentence"]
        assert early[-1][1]["text"] == FIRST.strip()
        assert early[-1][1]["evidence"][0]["text"] == FIRST.strip()
        assert not speaker.may_go_on.is_set()
        speaker.may_go_on.set()
        rest = list(told)
    assert [name for name, _ in rest] == ["sentence", "stage", "answer"]
    answer = rest[-1][1]
    assert [s["text"] for s in answer["sentences"]] == [FIRST.strip(), SECOND.strip()]
    again = client.post("/query", json=ASKED, headers={"Accept": "text/event-stream"})
    assert [name for name, _ in events(again)] == ["sentence", "sentence", "answer"]
    assert speaker.asked == 1  # the second time it was kept


def test_whoever_goes_stops_the_model_and_what_was_heard_is_paid(
    served: tuple[Any, httpx.Client], speaker: Speaker
) -> None:
    base, client = served
    with client.stream("POST", "/query", json=ASKED) as response:
        assert "sentence" in {name for name, _ in (next(told) for told in [events(response)] for _ in range(3))}
    assert speaker.left.wait(10)
    payer = Payer(user="mia")
    until(lambda: all(a.balance.exposed == a.balance.spent > 0 for a in base.app.budget.accounts(payer)))
    speaker.may_go_on.set()
    assert client.post("/query", json=ASKED | {"stream": False}).json()["cached"] is False  # nothing half was kept


def test_one_who_goes_takes_nothing_from_another_who_waits_for_the_same(
    served: tuple[Any, httpx.Client], speaker: Speaker
) -> None:
    _, client = served
    got: list[Any] = []

    def wait() -> None:
        got.append(httpx.post(f"{client.base_url}/query", json=ASKED | {"stream": False}, timeout=20).json())

    with client.stream("POST", "/query", json=ASKED) as response:
        told = events(response)
        assert [next(told)[0] for _ in range(3)][-1] == "sentence"
        other = threading.Thread(target=wait)
        other.start()
        time.sleep(0.3)
    assert not speaker.left.wait(0.3)
    speaker.may_go_on.set()
    other.join(20)
    assert [s["text"] for s in got[0]["sentences"]] == [FIRST.strip(), SECOND.strip()]
    assert speaker.asked == 1


@pytest.mark.parametrize("by", ["body", "header"])
def test_a_deadline_ends_a_stream_with_a_problem_and_stops_the_model(
    served: tuple[Any, httpx.Client], speaker: Speaker, by: str
) -> None:
    _, client = served
    body = ASKED | ({"deadline_ms": 1_500} if by == "body" else {})
    headers = {"X-Deadline-Ms": "1500"} if by == "header" else {}
    with client.stream("POST", "/query", json=body, headers=headers) as response:
        told = list(events(response))
    assert told[-1][0] in {"error", "answer"}
    if told[-1][0] == "error":
        assert told[-1][1]["code"] == "out-of-time"
    else:  # the model's share of the time is over a little earlier
        assert told[-1][1]["notice"]
    assert speaker.left.wait(10)


def test_a_slow_reader_gets_everything_and_holds_up_nobody(served: tuple[Any, httpx.Client], speaker: Speaker) -> None:
    _, client = served
    speaker.may_go_on.set()
    with client.stream("POST", "/query", json=ASKED) as response:
        until(lambda: client.post("/query", json=ASKED | {"stream": False}).json()["cached"])  # it is done meanwhile
        assert [name for name, _ in events(response)][-3:] == ["sentence", "stage", "answer"]


def test_nobody_waits_for_the_model_of_another(served: tuple[Any, httpx.Client], speaker: Speaker) -> None:
    _, client = served
    streams: list[Iterator[Any]] = []
    with ExitStack() as open_streams:
        for _ in range(5):  # more than are computed at once
            anew = client.stream("POST", "/query", json=ASKED, headers={"Cache-Control": "no-cache"})
            streams.append(told := events(open_streams.enter_context(anew)))
            assert [next(told)[0] for _ in range(3)][-1] == "sentence"
        assert speaker.asked == 5


def test_whoever_hangs_up_without_a_stream_stops_the_model_as_well(
    served: tuple[Any, httpx.Client], speaker: Speaker
) -> None:
    _, client = served
    with pytest.raises(httpx.ReadTimeout):
        client.post("/query", json=ASKED | {"stream": False}, timeout=1.5)
    assert speaker.left.wait(10)
    speaker.may_go_on.set()
    assert client.post("/query", json=ASKED | {"stream": False}).json()["cached"] is False
