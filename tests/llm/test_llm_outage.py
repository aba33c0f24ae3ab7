"""Fifty users, and what is outside fails: each hears something within the deadline, and no cent is unreserved."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from cmo.app import opened
from cmo.bench.beir import document
from cmo.bench.outage import USERS, Drill, Heard, together
from cmo.bench.outage_faults import FAULTS, Outage, drawn, speaks
from cmo.bench.slow_model import SlowModel
from cmo.errors import OracleError
from cmo.kit.breaker import Fuse
from cmo.kit.deadline import within
from cmo.llm import ChatEndpoint
from cmo.model.chat import Message, Speaker
from cmo.model.money import DOLLAR, State, Window
from cmo.settings import read_settings
from cmo.spend import Budget, Ladder, Price, PriceList
from cmo.store import tables
from cmo.store.record import Record
from cmo.testing import FakeClock

ASKED = [Message(Speaker.USER, "Say yes.")]
TOKENS, SECONDS = 20, 1.5
PRICES = (Price("m", output=Decimal(1)),)


@pytest.mark.parametrize("outage", FAULTS)
def test_everybody_hears_something_in_time_and_all_of_it_is_reserved(outage: str, tmp_path: Path) -> None:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", FakeClock()) as record:
        ledger = record.ledger({Window.DAY: DOLLAR, Window.MONTH: DOLLAR})
        budget = Budget(ledger, PriceList(lambda: PRICES), FakeClock(), ladder=Ladder())
        with SlowModel(0, fault=drawn(FAULTS[outage], speaks)) as server:
            chat = ChatEndpoint(
                base_url=server.url, model="m", timeout=5.0, first_pause=0.05, payments=budget, fuse=Fuse(least=20)
            )
            with chat:
                heard = together(lambda n: _ask(chat, n))
        with record._engine.connect() as connection:
            entries = list(connection.execute(select(tables.ledger)))
    assert len(heard) == USERS
    assert Heard.ERROR not in {said for said, _ in heard}
    assert max(took for _, took in heard) < SECONDS + 1.0  # two cores, fifty threads
    assert server.requests <= len(entries), "nothing was sent that nobody had paid for"
    assert State.RESERVED not in {row.state for row in entries}
    assert all(row.cost <= row.most for row in entries)
    if speaks in FAULTS[outage]:
        assert any(said is Heard.ANSWER for said, _ in heard)


def test_a_service_whose_model_and_web_fail_answers_or_says_why_and_pays_for_all_it_sends(tmp_path: Path) -> None:
    text = "Sapropterin reduced phenylalanine in patients with phenylketonuria in all of the weeks."
    with opened(read_settings(working_dir=tmp_path, database_url="")) as house:
        with house.pipeline(1) as pipeline:
            list(pipeline.record_parsed([("a", document("a", "", text))]))
        house.curator.rebuild()
    questions = ["Does sapropterin reduce phenylalanine in phenylketonuria?"]
    with Drill(tmp_path, questions) as drill:
        fine = drill.run(Outage("nothing"), users=4)
        broken = drill.run(Outage("both", FAULTS["cut"], FAULTS["down"]), users=4)
    for drilled in (fine, broken):
        assert Heard.ERROR not in {said for said, _ in drilled.heard}
        assert drilled.sent > 0
        assert drilled.unreserved == 0
    assert Heard.ANSWER in {said for said, _ in broken.heard}


def _ask(chat: ChatEndpoint, n: int) -> Heard:
    ways: list[Callable[[], str]] = [
        lambda: chat.complete(ASKED, most_tokens=TOKENS).text,
        lambda: "".join(chat.stream(ASKED, most_tokens=TOKENS)),
    ]
    with within(SECONDS):
        try:
            ways[n % 2]()
        except OracleError:
            return Heard.REFUSAL
    return Heard.ANSWER
