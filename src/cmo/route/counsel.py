"""A second opinion for those who wait in an event loop; see `cmo.route.opinion` for what is asked and what is believed.

::

    question --trimmed--> given before? --> paid for? --> the model, within the time --checked--> an opinion, or nothing

What is told to the model is the same for all questions and comes first, so that an endpoint that keeps prompts has it.
Of the question only what bears on its route is sent: every token costs time and money.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cmo.errors import NotNow, OracleError
from cmo.kit import deadline
from cmo.kit.hashing import hex_hash
from cmo.model.chat import Completion, Message, Speaker
from cmo.model.money import Call, Held, Need, Service, Usage
from cmo.model.outside import Talker
from cmo.route.opinion import MOST_TOKENS, Opinion, read, schema, told

log = logging.getLogger("cmo.route")

PLAIN_CHARS: Final = 1_000
TRIMMED_CHARS: Final = 400
_HEAD: Final = 0.4
"""Share of what is left of a long question that is its beginning; the rest is its end, where what is asked stands."""
_CHARS_A_TOKEN: Final = 4.0
_CUT: Final = " … "


class Counsel(Protocol):
    """Who is asked in doubt."""

    @property
    def version(self) -> str:
        """Changes whenever the same question might get another opinion."""
        ...

    async def ask(self, question: str, seconds: float) -> Opinion | None:
        """An opinion within the time; None where there is none."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


@dataclass(frozen=True, slots=True)
class CounselReading:
    """What came of it so far."""

    model: str = ""
    asked: int = 0
    given: int = 0
    """Opinions that could be used."""
    reused: int = 0
    """Of questions that were asked before."""
    late: int = 0
    failed: int = 0
    """The endpoint refused, failed, rested, or cost too much."""
    unusable: int = 0
    """What it said was no label."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompts that the endpoint had kept."""
    tokens_saved: int = 0
    """About, by sending less of long questions, and nothing of those asked before."""


Pay = Callable[[Call], AbstractAsyncContextManager[Held]]


@dataclass(frozen=True, slots=True)
class Sparing:
    """How a model is spared."""

    trimmed: bool = True
    """Whether to send no more of a question than bears on its route."""
    kept: int = 1_000
    """Opinions that are remembered; 0 for none."""
    at_once: int = 3
    """Questions that it is asked at once; a further one waits for its turn, within its time."""


class ModelCounsel:
    """A language model that is asked. For one event loop.

    Args:
        talker: the model.
        sparing: how it is spared.
        pay: sets money aside for a call; None where none is spent.
        host: of the endpoint, as the ledger names it.
    """

    def __init__(self, talker: Talker, sparing: Sparing, *, pay: Pay | None = None, host: str = "") -> None:
        self._talker = talker
        self._sparing = sparing
        self._pay = pay
        self._host = host
        self._free = asyncio.Semaphore(sparing.at_once)
        self._known: OrderedDict[str, Opinion] = OrderedDict()
        self.reading = CounselReading(talker.name)

    @property
    def version(self) -> str:
        """The model, and the digest of what it is told."""
        return f"{self._talker.name}@{hex_hash(told(), size=3)}"

    async def ask(self, question: str, seconds: float) -> Opinion | None:
        """What the model says within the time; None where it says nothing that can be used."""
        sent = trimmed(question, TRIMMED_CHARS if self._sparing.trimmed else PLAIN_CHARS)
        if (known := self._known.get(sent)) is not None:
            self._known.move_to_end(sent)
            self._count(reused=1, tokens_saved=_tokens(told()) + _tokens(sent))
            return known
        self._count(asked=1, tokens_saved=max(0, _tokens(question[:PLAIN_CHARS]) - _tokens(sent)))
        try:
            async with asyncio.timeout(seconds), self._free:
                with deadline.within(seconds):
                    opinion = read(await self._said(sent))
        except TimeoutError:
            self._count(late=1)
            return None
        except OracleError as error:
            self._count(failed=1)
            level = logging.INFO if isinstance(error, NotNow) else logging.WARNING  # a resting model is told of once
            log.log(level, "no second opinion on a route: %s", error)
            return None
        self._count(given=opinion is not None, unusable=opinion is None)
        if opinion is not None and self._sparing.kept:
            self._known[sent] = opinion
            if len(self._known) > self._sparing.kept:
                self._known.popitem(last=False)
        return opinion

    async def close(self) -> None:
        """Close the connections."""
        await self._talker.close()

    async def _said(self, question: str) -> str:
        messages = [
            Message(Speaker.SYSTEM, told()),
            Message(Speaker.USER, json.dumps({"question": question}, ensure_ascii=False)),
        ]
        if self._pay is None:
            return self._counted(await self._complete(messages)).text
        most = Usage(sum(len(m.text.encode()) for m in messages), MOST_TOKENS)  # no tokenizer makes more than bytes
        call = Call(self._host, self._talker.name, Service.LLM, "route", most, Need.UNCERTAIN, seconds=60.0)
        async with self._pay(call) as held:
            completion = self._counted(await self._complete(messages))
            if completion.prompt_tokens:
                held.settle(Usage(completion.prompt_tokens, completion.completion_tokens, completion.cached_tokens))
        return completion.text

    async def _complete(self, messages: list[Message]) -> Completion:
        return await self._talker.complete(messages, most_tokens=MOST_TOKENS, schema=schema())

    def _counted(self, completion: Completion) -> Completion:
        self._count(
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cached_tokens=completion.cached_tokens,
        )
        return completion

    def _count(self, **more: int) -> None:
        self.reading = replace(self.reading, **{name: getattr(self.reading, name) + n for name, n in more.items()})


def trimmed(question: str, most: int) -> str:
    """A question in so many characters: its beginning and its end, cut at words."""
    line = " ".join(question.split())
    if len(line) <= most:
        return line
    left = most - len(_CUT)
    head, tail = line[: int(left * _HEAD)], line[-(left - int(left * _HEAD)) :]
    return f"{head.rpartition(' ')[0] or head}{_CUT}{tail.partition(' ')[2] or tail}"


def _tokens(text: str) -> int:
    """About."""
    return round(len(text) / _CHARS_A_TOKEN)
