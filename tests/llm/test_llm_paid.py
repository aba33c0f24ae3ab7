"""Every attempt is paid for before it is made, and nothing that was heard is free."""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cmo.errors import ChatFailed, OverBudget, PriceUnknown
from cmo.llm import Bill, ChatEndpoint
from cmo.model.chat import Message, Speaker
from cmo.model.money import DOLLAR, Need, Payer, State, Window
from cmo.spend import Budget, Price, PriceList
from cmo.store import tables
from cmo.store.record import Record
from cmo.testing import FakeClock

faulty: Any = sys.modules["proxy"]
ASKED = [Message(Speaker.USER, "Say yes.")]
SENT = len("Say yes.") + 32
TOKENS = 100
OWN = (Price("m", input=Decimal(1), output=Decimal(10)),)
"""A millionth for each token that is sent, ten for each that comes back."""
MOST = SENT + 10 * TOKENS
USED = {"prompt_tokens": 20, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}}
Rows = Callable[[], list[Any]]


def reply(text: str = "Yes.", usage: dict[str, Any] | None = USED) -> Any:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return faulty.says(json.dumps({"choices": [message]} | ({"usage": usage} if usage else {})).encode())


def speech(*pieces: str, usage: bool = True, ended: bool = True) -> Any:
    events = [faulty.event(piece) for piece in pieces]
    events += [faulty.event("", "stop")] if ended else []
    last = [b"data: " + json.dumps({"choices": [], "usage": USED}).encode() + b"\n\n"] if usage else []
    return faulty.says(b"".join([*events, *last]), "text/event-stream")


@pytest.fixture
def server() -> Iterator[Any]:
    with faulty.Proxy("http://nowhere.invalid/v1") as server:
        yield server


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", FakeClock()) as record:
        yield record


@pytest.fixture
def rows(record: Record) -> Rows:
    """The ledger's entries."""

    def rows_() -> list[Any]:
        with record._engine.connect() as connection:
            return list(connection.execute(select(tables.ledger).order_by(tables.ledger.c.id)))

    return rows_


@pytest.fixture
def open_chat(server: Any, record: Record) -> Iterator[Callable[..., ChatEndpoint]]:
    """A model that is paid for, from so many millionths."""
    opened: list[ChatEndpoint] = []

    def open_(limit: int = DOLLAR, prices: tuple[Price, ...] = OWN) -> ChatEndpoint:
        ledger = record.ledger({Window.DAY: limit, Window.MONTH: 100 * DOLLAR})
        budget = Budget(ledger, PriceList(lambda: prices), FakeClock())
        bill = Bill("generate", Need.PRIORITY)
        opened.append(
            ChatEndpoint(base_url=server.url, model="m", timeout=5.0, first_pause=0.01, payments=budget, bill=bill)
        )
        return opened[-1]

    yield open_
    for chat in opened:
        chat.close()


def test_a_call_is_settled_at_what_it_took(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [reply()]
    assert open_chat().complete(ASKED, most_tokens=TOKENS).text == "Yes."
    [row] = rows()
    assert (row.state, row.cost, row.most) == (State.SETTLED, 20 + 10 * 7, MOST)
    assert (row.input_tokens, row.output_tokens, row.cached_tokens) == (20, 7, 5)


def test_each_attempt_is_paid_for_on_its_own(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [faulty.status(500), faulty.status(429), reply()]
    open_chat().complete(ASKED, most_tokens=TOKENS)
    states = [(row.state, row.cost) for row in rows()]
    # Nobody knows what a server did before it failed; one that refuses did nothing.
    assert states == [(State.UNKNOWN, MOST), (State.VOID, 0), (State.SETTLED, 90)]


def test_an_attempt_that_the_budget_does_not_cover_is_not_made(
    open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows
) -> None:
    server.faults = [faulty.status(500), reply()]
    with pytest.raises(OverBudget):
        open_chat(limit=MOST + MOST // 2).complete(ASKED, most_tokens=TOKENS)
    assert (len(server.seen), [row.state for row in rows()]) == (1, [State.UNKNOWN])


@pytest.mark.parametrize("way", ["complete", "stream"])
def test_a_call_of_unknown_price_is_not_made(
    open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows, way: str
) -> None:
    chat = open_chat(prices=())
    with pytest.raises(PriceUnknown, match="cmo budget price m --input"):
        list(getattr(chat, way)(ASKED, most_tokens=TOKENS))
    assert (server.seen, rows()) == ([], [])


def test_a_stream_is_settled_at_what_it_took(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [speech("Ye", "s.")]
    assert list(open_chat().stream(ASKED, most_tokens=TOKENS)) == ["Ye", "s."]
    [row] = rows()
    assert (row.state, row.cost) == (State.SETTLED, 90)


def test_a_cut_stream_costs_what_was_heard(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [speech("Yes", " it", usage=False, ended=False)]
    with pytest.raises(ChatFailed, match="ends in the middle"):
        list(open_chat().stream(ASKED, most_tokens=TOKENS))
    [row] = rows()
    assert (row.state, row.cost, row.failed) == (State.SETTLED, SENT + 10 * len("Yes it"), True)


def test_so_does_one_that_somebody_leaves(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [speech("Yes", " it", " is")]
    heard = open_chat().stream(ASKED, most_tokens=TOKENS)
    assert next(heard) == "Yes"
    assert [row.state for row in rows()] == [State.RESERVED]
    heard.close()
    [row] = rows()
    assert (row.state, row.cost) == (State.SETTLED, SENT + 10 * len("Yes"))


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": "many"}])
def test_one_that_does_not_count_costs_no_less_than_it_took(
    open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows, usage: Any
) -> None:
    server.faults = [reply(usage=usage)]
    open_chat().complete(ASKED, most_tokens=TOKENS)
    [row] = rows()
    assert (row.state, row.cost) == (State.SETTLED, SENT + 10 * len("Yes."))


def test_the_bill_goes_to_whom_it_is_for(open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows) -> None:
    server.faults = [reply(), reply()]
    chat = open_chat()
    chat.billed(Bill("translate", Need.PRIORITY, Payer("acme", "ann"), "q1")).complete(ASKED, most_tokens=TOKENS)
    chat.complete(ASKED, most_tokens=TOKENS)
    told = [(row.purpose, row.tenant, row.user_id, row.question) for row in rows()]
    assert told == [("translate", "acme", "ann", "q1"), ("generate", "", "", "")]


def test_many_at_once_do_not_spend_more_than_there_is(
    open_chat: Callable[..., ChatEndpoint], server: Any, rows: Rows
) -> None:
    server.faults = [reply(usage={"prompt_tokens": SENT, "completion_tokens": TOKENS}) for _ in range(40)]
    chat = open_chat(limit=10 * MOST)

    def ask(_: int) -> bool:
        with suppress(OverBudget):
            chat.complete(ASKED, most_tokens=TOKENS)
            return True
        return False

    with ThreadPoolExecutor(8) as threads:
        made = sum(threads.map(ask, range(40)))
    assert (made, len(server.seen)) == (10, 10)
    assert sum(row.cost for row in rows()) == 10 * MOST
