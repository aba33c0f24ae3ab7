"""Fifty users, and everything outside fails in turn: each hears something within the deadline, and no cent is unreserved."""

import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cmo.errors import OracleError
from cmo.kit.breaker import Fuse
from cmo.kit.deadline import within
from cmo.llm import ChatEndpoint
from cmo.model.chat import Message, Speaker
from cmo.model.money import DOLLAR, State, Window
from cmo.spend import Budget, Ladder, Price, PriceList
from cmo.store import tables
from cmo.store.record import Record
from cmo.testing import FakeClock

faulty: Any = sys.modules["proxy"]
ASKED = [Message(Speaker.USER, "Say yes.")]
USERS, TOKENS, SECONDS = 50, 20, 1.5
PRICES = (Price("m", output=1),)


def speaks(exchange: Any) -> None:
    if json.loads(exchange.body).get("stream"):
        exchange.send(200, faulty.event("Yes") + faulty.event(".", "stop"), "text/event-stream")
        return
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    choice = {"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    exchange.send(200, json.dumps({"choices": [choice], "usage": usage}).encode())


def hangs(exchange: Any) -> None:
    exchange.over.wait(30)


def stops(exchange: Any) -> None:
    """Begins to speak, and falls silent."""
    exchange.begin()
    exchange.chunk(faulty.event("Yes"))
    exchange.over.wait(30)


DOWN = [faulty.status(500)]
OUTAGES: dict[str, list[Any]] = {
    "down": DOWN,
    "cut": [faulty.cut(0)],
    "hangs": [hangs],
    "falls silent": [stops],
    "ten times slower": [lambda exchange: exchange.over.wait(3) or speaks(exchange)],
    "busy": [faulty.status(429, retry_after="1")],
    "flapping": [speaks, speaks, faulty.status(503), faulty.cut(0)],
    "nonsense": [faulty.says(b"<html>"), faulty.says(b"{")],
    "everything": [speaks, hangs, faulty.cut(0), faulty.status(500), stops, faulty.says(b"{"), faulty.status(429)],
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_everybody_hears_something_in_time_and_all_of_it_is_reserved(outage: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    faults = [chance.choice(OUTAGES[outage]) for _ in range(2_000)]
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", FakeClock()) as record:
        ledger = record.ledger({Window.DAY: DOLLAR, Window.MONTH: DOLLAR})
        budget = Budget(ledger, PriceList(lambda: PRICES), FakeClock(), ladder=Ladder())
        with faulty.Proxy("http://nowhere.invalid/v1", faults) as server:
            chat = ChatEndpoint(
                base_url=server.url, model="m", timeout=5.0, first_pause=0.05, payments=budget, fuse=Fuse(least=20)
            )
            with chat, ThreadPoolExecutor(USERS) as threads:
                heard = list(threads.map(lambda n: _ask(chat, n), range(USERS)))
        with record._engine.connect() as connection:
            entries = list(connection.execute(select(tables.ledger)))
    assert all(isinstance(said, str | OracleError) for said, _ in heard)
    assert max(took for _, took in heard) < SECONDS + 1.0  # two cores, fifty threads
    assert len(server.seen) <= len(entries), "nothing was sent that nobody had paid for"
    assert State.RESERVED not in {row.state for row in entries}
    assert all(row.cost <= row.most for row in entries)
    if speaks in OUTAGES[outage]:
        assert any(isinstance(said, str) for said, _ in heard)


def _ask(chat: ChatEndpoint, n: int) -> tuple[str | OracleError, float]:
    began = time.monotonic()
    ways: list[Callable[[], str]] = [
        lambda: chat.complete(ASKED, most_tokens=TOKENS).text,
        lambda: "".join(chat.stream(ASKED, most_tokens=TOKENS)),
    ]
    with within(SECONDS):
        try:
            return ways[n % 2](), time.monotonic() - began
        except OracleError as error:
            return error, time.monotonic() - began
