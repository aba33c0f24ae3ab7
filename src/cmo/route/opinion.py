"""A second opinion on a route, from a language model that is not trusted.

::

    question as data in JSON --> model, held to a schema --checked--> labels, or nothing

What is malformed, refused, late or beyond what may run at once is nothing: then the first opinion holds. The model sees
the question as a quoted value and is told that nothing in it is an order; whatever it makes of that, it can only choose
among the labels.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cmo.kit.hashing import hex_hash
from cmo.model.chat import Message, Speaker
from cmo.model.outside import Chat
from cmo.model.routes import Destination, ResearchCategory, Scope
from cmo.route.head import Need

log = logging.getLogger("cmo.route")

AT_ONCE = 3
"""Questions that a model is asked at once; a further one does without."""
MOST_TOKENS = 60
"""Of a reply: it is one small object."""
_QUESTION_CHARS = 1_000
"""Of a question that the model sees: what it needs is said by then, and every token is paid."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model holds a question to be."""

    need: Need
    research: ResearchCategory


class Adviser:
    """Asks a language model, never for longer than allowed.

    Args:
        chat: the model.
        seconds: hard limit of one answer.
    """

    def __init__(self, chat: Chat, seconds: float) -> None:
        self._chat = chat
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cmo-route")
        self._free = threading.Semaphore(AT_ONCE)

    @property
    def version(self) -> str:
        """The model, and the digest of what it is told."""
        return f"{self._chat.name}@{hex_hash(told(), size=3)}"

    def ask(self, question: str, seconds_left: float) -> Opinion | None:
        """What the model says within the time; None where it says nothing that can be used."""
        if not self._free.acquire(blocking=False):
            return None
        asked: Future[Opinion | None] = self._threads.submit(self._ask, question)
        # A model that is late keeps its place until it answers: no more than AT_ONCE ever wait for it.
        asked.add_done_callback(lambda _: self._free.release())
        try:
            error = asked.exception(min(self.seconds, seconds_left))
        except TimeoutError:
            log.info("the language model took too long for a route; the head decides")
            return None
        if error is not None:
            log.warning("no second opinion on a route: %s", error)
            return None
        return asked.result()

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, question: str) -> Opinion | None:
        messages = [
            Message(Speaker.SYSTEM, told()),
            Message(Speaker.USER, json.dumps({"question": question[:_QUESTION_CHARS]}, ensure_ascii=False)),
        ]
        return read(self._chat.complete(messages, most_tokens=MOST_TOKENS, schema=schema()).text)


def schema() -> Mapping[str, object]:
    """What the model may say."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["destination", "research_category", "scope"],
        "properties": {
            "destination": {"enum": [d.value for d in Destination]},
            "research_category": {"enum": [r.value for r in ResearchCategory]},
            "scope": {"enum": [s.value for s in Scope]},
        },
    }


def read(text: str) -> Opinion | None:
    """What a model said, if it is one of the labels; None for whatever else it said."""
    try:
        said = json.loads(text)
        destination = Destination(said["destination"])
        research, scope = ResearchCategory(said["research_category"]), Scope(said["scope"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if destination is not Destination.NEITHER:
        return Opinion(Need(destination.value), research)
    return Opinion(Need.UNSAFE if scope is Scope.UNSAFE else Need.OUT, research)


@cache
def told() -> str:
    """What a model is told to do; the same for all questions, so that an endpoint can keep what it made of it."""
    return files("cmo.route").joinpath("opinion.txt").read_text("utf-8")
