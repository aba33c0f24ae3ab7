"""One contract of language models, for the shipped fake, for the endpoint, and for a search of the web its own."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from cmo.llm import ChatEndpoint
from cmo.model.chat import Message, Speaker
from cmo.model.outside import Chat, ChatStream, WebSearch
from cmo.model.web import WebPage
from cmo.testing import FakeClock, FakeWeb, ScriptedChat
from cmo.websearch import Answered, Result, Search

faulty: Any = sys.modules["proxy"]
SAID = "Glucose is a sugar."
ASKED = [Message(Speaker.USER, "What is glucose?")]


def speaks(exchange: Any) -> None:
    """Says it, whole or word by word."""
    if json.loads(exchange.body).get("stream"):
        words = [faulty.event(word) for word in ("Glucose", " is a", " sugar.")]
        exchange.send(200, b"".join([*words, faulty.event("", "stop")]), "text/event-stream")
        return
    choice = {"message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}
    exchange.send(200, json.dumps({"choices": [choice]}).encode())


@pytest.fixture(params=["fake", "endpoint"])
def chat(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "fake":
        yield ScriptedChat(SAID)
        return
    server = faulty.Proxy("http://nowhere.invalid/v1", [speaks] * 3)
    with server, ChatEndpoint(base_url=server.url, model="m") as endpoint:
        yield endpoint


def test_a_model_says_the_same_whole_and_in_pieces(chat: Any) -> None:
    whole: Chat = chat
    pieces: ChatStream = chat
    assert whole.name == pieces.name
    assert whole.complete(ASKED, most_tokens=20).text == SAID
    heard = list(pieces.stream(ASKED, most_tokens=20))
    assert "".join(heard) == SAID
    assert len(heard) > 1


def test_who_has_heard_enough_closes_it(chat: Any) -> None:
    speech = chat.stream(ASKED, most_tokens=20)
    assert next(speech).startswith("Glucose")
    speech.close()
    assert list(speech) == []


class Two:
    """A provider of two pages."""

    name = "two"

    def ask(self, question: str, limit: int) -> Answered:
        assert question
        assert limit
        return Answered(tuple(Result(f"https://example.org/{n}", f"Page {n}", None, f"Text {n}.") for n in range(2)))

    def close(self) -> None:
        pass


PAGES = tuple(WebPage(f"https://example.org/{n}", f"Page {n}", f"Text {n}.", FakeClock().now()) for n in range(2))


@pytest.mark.parametrize("web", [FakeWeb(*PAGES), Search(Two(), FakeClock(), None)], ids=["fake", "search"])
def test_a_search_gives_pages_best_first_and_no_more_than_asked_for(web: WebSearch) -> None:
    assert web.search("What is glucose?", 5).pages == PAGES
    assert web.search("What is glucose?", 1).pages == PAGES[:1]
