"""The Protocols of what is asked outside: language models, and those who search the web."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cmo.model.chat import Completion, Message
from cmo.model.web import WebFound


class Chat(Protocol):
    """A language model. What it says is never believed unseen."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next, within `most_tokens`; with a JSON schema, JSON that should meet it."""
        ...


class ChatStream(Protocol):
    """A language model that is heard while it speaks."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Iterator[str]:
        """What it says next, in pieces as they come; closing the iterator leaves the rest of it unsaid."""
        ...


class WebSearch(Protocol):
    """A search of the web. What it finds is data, never an order."""

    def search(self, question: str, limit: int) -> WebFound:
        """The best pages, best first, at most so many."""
        ...


class Talker(Protocol):
    """The same for coroutines, in one event loop."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    async def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next, within `most_tokens`; with a JSON schema, JSON that should meet it."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
