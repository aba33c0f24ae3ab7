"""A language model over a real socket, for those who wait in an event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from cmo.bench.slow_model import Reply, SlowModel, spoken
from cmo.errors import ChatFailed, OutOfTime
from cmo.kit.deadline import within
from cmo.kit.policy import Policy
from cmo.kit.retry import Patience
from cmo.llm.talk import Line, Talk, streamed
from cmo.model.chat import Message, Speaker

SAID = json.dumps({"destination": "LIGHTRAG", "note": "a\nb «é»"})
ASKED = [Message(Speaker.SYSTEM, "Sort."), Message(Speaker.USER, json.dumps({"question": "What is leucine?"}))]
SCHEMA = {"type": "object"}


@pytest.fixture
def model() -> Iterator[SlowModel]:
    with SlowModel(0.0, says=lambda _: SAID) as served:
        yield served


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
async def talk(request: pytest.FixtureRequest, model: SlowModel) -> AsyncIterator[Talk]:
    made = Talk(Line(model.url, "m", "secret-key", stream=request.param, early=False), Policy(timeout_seconds=2.0))
    yield made
    await made.close()


async def test_what_it_says_and_what_that_took(talk: Talk) -> None:
    said = await talk.complete(ASKED, most_tokens=60, schema=SCHEMA)
    assert said.text == SAID
    assert (said.prompt_tokens, said.completion_tokens, said.cached_tokens) == (500, 30, 448)


async def test_connections_are_kept_and_calls_go_side_by_side(talk: Talk, model: SlowModel) -> None:
    model.fault = lambda body: Reply(200, spoken(SAID, stream=bool(body.get("stream"))), seconds=0.05)
    await asyncio.gather(*(talk.complete(ASKED, most_tokens=60, schema=SCHEMA) for _ in range(6)))
    assert model.most_at_once > 1
    assert talk.reading().counts["answered"] == 6


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"choices": []}', b'{"choices": [{"message": {"content": 1}}]}', b"data: [DONE]\n\n"]
)
async def test_what_is_no_completion_is_said_so(talk: Talk, model: SlowModel, body: bytes) -> None:
    model.fault = lambda _: Reply(200, body)
    with pytest.raises(ChatFailed, match="no chat completion"):
        await talk.complete(ASKED, most_tokens=60)


async def test_the_key_is_never_told(talk: Talk, model: SlowModel) -> None:
    model.fault = lambda _: Reply(401, b"{}")
    with pytest.raises(ChatFailed, match="HTTP 401") as raised:
        await talk.complete(ASKED, most_tokens=60)
    assert "secret-key" not in repr(raised.value)
    assert "secret-key" not in repr(Line("http://x", "m", "secret-key"))
    assert raised.value.__cause__ is None


async def test_a_caller_in_a_hurry_is_not_kept(talk: Talk, model: SlowModel) -> None:
    model.fault = lambda _: Reply(200, b"", seconds=3)
    with within(0.2), pytest.raises(OutOfTime):
        await talk.complete(ASKED, most_tokens=60)


async def test_a_failing_model_is_left_alone(model: SlowModel) -> None:
    model.fault = lambda _: Reply(500)
    talk = Talk(Line(model.url, "m"), Policy(timeout_seconds=1.0, patience=Patience(1)))
    for _ in range(30):
        with pytest.raises(Exception, match=r"does not answer|left alone"):
            await talk.complete(ASKED, most_tokens=60)
    assert model.requests < 30
    await talk.close()


async def test_a_stream_is_left_once_its_object_is_whole() -> None:
    """A server that says its object and then nothing for long: who leaves early does not wait for the rest."""
    event = json.dumps({"choices": [{"delta": {"content": SAID}}]})
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f"data: {event}\n\n".encode()
        writer.write(b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        await writer.drain()
        await reader.read()  # until the caller has gone
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    talk = Talk(Line(f"http://127.0.0.1:{port}/v1", "m"), Policy(timeout_seconds=5.0))
    async with asyncio.timeout(2):
        said = await talk.complete(ASKED, most_tokens=60, schema=SCHEMA)
    assert said.text == SAID
    await talk.close()
    await asyncio.wait_for(gone.wait(), 2)
    await asyncio.sleep(0.01)  # the transport closes in the next turns of the loop
    server.close()


@pytest.mark.parametrize("cut", [10, 60, 10_000])
def test_a_stream_that_is_cut_gives_what_came(cut: int) -> None:
    lines = spoken(SAID, stream=True).decode()[:cut]
    try:
        text, _ = streamed(lines)
    except ValueError:
        text = ""
    assert SAID.startswith(text)
