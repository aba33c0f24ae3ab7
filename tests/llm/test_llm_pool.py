"""Turns at a model for coroutines: no more at once than there are, and the event loop waits for nobody."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

import lightrag_integration
from cmo.errors import ChatFailed, OutOfTime, Overloaded, SettingsError
from cmo.kit.deadline import within
from cmo.model.chat import Message, Speaker
from lightrag_integration import ConnectionPool

faulty: Any = sys.modules["proxy"]
ASKED = [Message(Speaker.USER, "Say yes.")]


def reply(seconds: float) -> Any:
    """Yes, after a while."""

    def fault(exchange: Any) -> None:
        exchange.over.wait(seconds)
        if json.loads(exchange.body).get("stream"):
            exchange.send(200, faulty.event("Yes") + faulty.event(".", "stop"), "text/event-stream")
        else:
            message = {"role": "assistant", "content": "Yes."}
            exchange.send(200, json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())

    return fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:
    with faulty.Proxy("http://nowhere.invalid/v1") as server:
        for name, value in {"URL": server.url, "MODEL": "m", "LOCAL": "1"}.items():
            monkeypatch.setenv(f"CMO_LLM_{name}", value)
        monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
        yield server


async def ask(pool: ConnectionPool) -> str:
    async with pool.get_connection() as connection:
        return (await connection.complete(ASKED, most_tokens=5)).text


async def test_no_more_talk_at_once_than_there_are_connections(server: Any) -> None:
    server.faults = [reply(0.1)] * 6
    async with ConnectionPool(service="openai", max_connections=2, timeout_seconds=30, retry_attempts=3) as pool:
        assert await asyncio.gather(*(ask(pool) for _ in range(6))) == ["Yes."] * 6
    starts = [at for at, *_ in server.seen]
    assert all(later - first >= 0.1 for first, later in zip(starts, starts[2:], strict=False))


async def test_the_event_loop_goes_on_meanwhile(server: Any) -> None:
    server.faults = [reply(1.0)]
    async with ConnectionPool() as pool:
        asked = asyncio.create_task(ask(pool))
        longest = 0.0
        while not asked.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
    assert longest < 0.7


async def test_pieces_come_as_they_are_said(server: Any) -> None:
    server.faults = [reply(0), reply(0)]
    async with ConnectionPool() as pool, pool.get_connection() as connection:
        assert connection.name == "m"
        assert [piece async for piece in connection.stream(ASKED, most_tokens=5)] == ["Yes", "."]
        left = connection.stream(ASKED, most_tokens=5)
        assert await anext(left) == "Yes"
        await left.aclose()


async def test_who_waits_too_long_for_a_turn_is_told_so(server: Any) -> None:
    server.faults = [reply(1.5)]
    async with ConnectionPool(max_connections=1, timeout_seconds=0.4, retry_attempts=1) as pool:
        async with pool.get_connection():
            with pytest.raises(Overloaded):
                await ask(pool)
            with within(0.1), pytest.raises(OutOfTime):
                await ask(pool)
        with pytest.raises(ChatFailed):
            await ask(pool)
    assert len(server.seen) == 1


async def test_attempts_are_those_that_were_asked_for(server: Any) -> None:
    server.faults = [faulty.status(500)] * 9
    async with ConnectionPool(retry_attempts=2) as pool:
        with pytest.raises(ChatFailed, match="HTTP 500"):
            await ask(pool)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "wrong", [{"service": "telepathy"}, {"max_connections": 0}, {"timeout_seconds": 0}, {"retry_attempts": 0}]
)
def test_what_cannot_be_is_refused(server: Any, wrong: dict[str, Any]) -> None:
    assert server.seen == []
    with pytest.raises(SettingsError):
        ConnectionPool(**wrong)


def test_without_a_model_there_are_none(monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    assert server.seen == []
    monkeypatch.delenv("CMO_LLM_URL")
    with pytest.raises(SettingsError, match="No language model is set"):
        ConnectionPool()
    with pytest.raises(SettingsError, match="No language model is set"):
        lightrag_integration.test_openai_connectivity()


def test_the_documented_check_asks_for_one_token(server: Any) -> None:
    server.faults = [reply(0), faulty.status(401)]
    assert lightrag_integration.test_openai_connectivity() is True
    with pytest.raises(ChatFailed, match="HTTP 401"):
        lightrag_integration.test_openai_connectivity()
