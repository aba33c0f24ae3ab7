"""What happens to a real model's answers on their way: a typed error or another attempt, within the deadline."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cmo.errors import ChatEmpty, ChatFailed, OutOfTime, Resting
from cmo.kit.deadline import within
from cmo.llm import ChatEndpoint
from cmo.model.chat import Completion, Message, Speaker, Speech

faulty: Any = sys.modules["proxy"]
ASKED = [Message(Speaker.USER, "Say yes.")]
TOKENS = 2


def heard(speech: Speech) -> tuple[list[str], Completion]:
    """The pieces of a stream, and what it came to."""
    pieces = []
    while True:
        try:
            pieces.append(next(speech))
        except StopIteration as end:
            return pieces, end.value


def whole(chat: ChatEndpoint) -> Completion:
    return chat.complete(ASKED, most_tokens=TOKENS)


def streamed(chat: ChatEndpoint) -> Completion:
    return heard(chat.stream(ASKED, most_tokens=TOKENS))[1]


Ask = Callable[[ChatEndpoint], Completion]
both = pytest.mark.parametrize("ask", [whole, streamed])


@both
@pytest.mark.parametrize("fault", [faulty.status(500), faulty.status(503), faulty.cut(0)], ids=["500", "503", "cut"])
def test_what_may_pass_is_tried_again(chat: ChatEndpoint, proxy: Any, ask: Ask, fault: Any) -> None:
    proxy.faults = [fault, fault]
    said = ask(chat)
    assert said.text.strip()
    assert (said.completion_tokens, said.cut) == (TOKENS, True)
    assert len(proxy.seen) == 3


@both
def test_a_server_that_asks_for_a_pause_gets_it(chat: ChatEndpoint, proxy: Any, ask: Ask) -> None:
    proxy.faults = [faulty.status(429, retry_after="0.4")]
    ask(chat)
    (first, *_), (second, *_) = proxy.seen
    assert second - first >= 0.4


@both
def test_a_pause_that_is_longer_than_the_deadline_is_not_waited_for(chat: ChatEndpoint, proxy: Any, ask: Ask) -> None:
    proxy.faults = [faulty.status(429, retry_after="30")]
    began = time.monotonic()
    with within(5.0), pytest.raises(ChatFailed, match="HTTP 429"):
        ask(chat)
    assert time.monotonic() - began < 2
    assert len(proxy.seen) == 1


def test_an_account_that_is_empty_is_not_asked_again(chat: ChatEndpoint, proxy: Any) -> None:
    spent = {"error": {"message": "You exceeded your quota, sk-secret", "code": "insufficient_quota"}}
    proxy.faults = [faulty.status(429, json.dumps(spent).encode())]
    with pytest.raises(ChatFailed, match=r"HTTP 429 \(insufficient_quota\)") as caught:
        whole(chat)
    assert "sk-secret" not in str(caught.value)
    assert len(proxy.seen) == 1


@both
@pytest.mark.parametrize("fault", [faulty.slow(20), faulty.drips], ids=["slow first token", "a byte at a time"])
def test_a_slow_model_keeps_nobody_beyond_the_deadline(chat: ChatEndpoint, proxy: Any, ask: Ask, fault: Any) -> None:
    proxy.faults = [fault]
    began = time.monotonic()
    with within(0.6), pytest.raises(OutOfTime):
        ask(chat)
    assert time.monotonic() - began < 2
    assert len(proxy.seen) == 1


@both
def test_what_took_all_its_time_is_not_asked_again(proxy: Any, ask: Ask) -> None:
    proxy.faults = [faulty.slow(5)]
    hasty = ChatEndpoint(base_url=proxy.url, model="smollm2", timeout=0.3, first_pause=0.01)
    with hasty, pytest.raises(ChatFailed, match="ReadTimeout"):
        ask(hasty)
    assert len(proxy.seen) == 1


def test_nor_one_that_falls_silent_in_the_middle(chat: ChatEndpoint, proxy: Any) -> None:
    whole(chat)  # the prompt is kept by the server from here on, so that the first words come at once
    proxy.faults = [faulty.silent(2)]
    began = time.monotonic()
    with within(2.0):
        speech = chat.stream(ASKED, most_tokens=TOKENS)
        with pytest.raises(OutOfTime):
            heard(speech)
    assert 1.5 < time.monotonic() - began < 3.2


def test_a_stream_that_is_cut_tells_what_came_and_then_that_it_was_not_all(chat: ChatEndpoint, proxy: Any) -> None:
    proxy.faults = [faulty.cut(2)]
    speech = chat.stream(ASKED, most_tokens=TOKENS)
    assert next(speech)
    with pytest.raises(ChatFailed, match="does not answer with smollm2"):
        heard(speech)
    assert len(proxy.seen) == 1, "what somebody has heard is not said again"


def test_a_stream_without_its_end_is_cut_though_nobody_says_so(chat: ChatEndpoint, proxy: Any) -> None:
    proxy.faults = [faulty.says(faulty.event("Yes"), "text/event-stream")]
    speech = chat.stream(ASKED, most_tokens=TOKENS)
    assert next(speech) == "Yes"
    with pytest.raises(ChatFailed, match="ends in the middle"):
        next(speech)


@both
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/event-stream"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[]", b"null", b'{"choices": 7}', b"[" * 100_000, b'data: {"choices": [\n\n']
)
def test_what_cannot_be_read_is_said_so(chat: ChatEndpoint, proxy: Any, ask: Ask, kind: str, body: bytes) -> None:
    proxy.faults = [faulty.says(body, kind)] * 3
    with pytest.raises(ChatFailed):
        ask(chat)


@both
def test_one_that_says_a_hundred_thousand_tokens_is_left(chat: ChatEndpoint, proxy: Any, ask: Ask) -> None:
    proxy.faults = [faulty.babble(100_000)]
    with pytest.raises(ChatFailed, match=r"more than the 2 tokens|the reply does not end"):
        ask(chat)
    assert len(proxy.seen) == 1


@both
@pytest.mark.parametrize("text", ["", "  \n"])
def test_one_that_says_nothing_is_told_apart(chat: ChatEndpoint, proxy: Any, ask: Ask, text: str) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    stream = ask is streamed
    body = faulty.event(text, "stop") + b"data: [DONE]\n\n" if stream else json.dumps({"choices": [message]}).encode()
    proxy.faults = [faulty.says(body, "text/event-stream" if stream else "application/json")]
    with pytest.raises(ChatEmpty, match="without text"):
        ask(chat)


def test_one_that_will_not_answer_is_told_so(chat: ChatEndpoint, proxy: Any) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    proxy.faults = [faulty.says(json.dumps({"choices": [{"index": 0, "message": message}]}).encode())]
    with pytest.raises(ChatEmpty, match="would not answer"):
        whole(chat)


def test_a_compressed_bomb_is_not_unpacked(chat: ChatEndpoint, proxy: Any) -> None:
    proxy.faults = [lambda exchange: exchange.send(200, b"\x1f\x8b" + b"0" * 99, content_encoding="gzip")] * 3
    with pytest.raises(ChatFailed, match="compressed"):
        whole(chat)
    assert proxy.seen[0][2]["accept-encoding"] == "identity"


def test_one_that_keeps_failing_is_left_alone(chat: ChatEndpoint, proxy: Any) -> None:
    proxy.faults = [faulty.status(500)] * 100
    for _ in range(20):
        with suppress(ChatFailed, Resting):
            whole(chat)
    asked = len(proxy.seen)
    with pytest.raises(Resting, match="left alone") as caught:
        whole(chat)
    assert caught.value.after > 0
    assert len(proxy.seen) == asked < 50


def test_who_has_heard_enough_leaves_and_the_connection_closes(chat: ChatEndpoint, proxy: Any) -> None:
    proxy.faults = [faulty.babble(100_000)]
    speech = chat.stream(ASKED, most_tokens=50_000)
    assert next(speech) == " 0"
    speech.close()
    assert streamed(chat).text


def test_a_model_that_refuses_a_word_is_asked_in_others_from_then_on(chat: ChatEndpoint, proxy: Any) -> None:
    def refusal(name: str) -> Any:
        error = {"message": f"Unsupported parameter: {name}", "param": name, "code": "unsupported_parameter"}
        return faulty.status(400, json.dumps({"error": error}).encode())

    proxy.faults = [refusal("max_tokens")]
    assert whole(chat).completion_tokens == TOKENS
    proxy.faults = [refusal("temperature")]
    assert streamed(chat).completion_tokens == TOKENS
    last = proxy.seen[-1][1]
    assert (last["max_completion_tokens"], "max_tokens" in last, "temperature" in last) == (TOKENS, False, False)
    proxy.faults = [refusal("temperature")]
    with pytest.raises(ChatFailed, match=r"HTTP 400 \(unsupported_parameter\)"):
        whole(chat)
