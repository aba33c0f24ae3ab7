"""A language model behind an OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp.

::

    messages --time left?--> breaker --> a few attempts, each paid for --> what it says, and the tokens that took
                                             `-- 429, 5xx, cut before the first word: a pause, then again

Temperature 0 unless told otherwise. A JSON schema goes along as ``response_format``, for servers that can hold a model
to it; whether it did is for the caller to check. A stream is tried again only as long as nobody has heard a word of it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cmo.kit.breaker import Fuse, Phase
from cmo.kit.endpoint import FIRST_PAUSE_SECONDS
from cmo.kit.retry import Patience
from cmo.kit.spans import span
from cmo.llm.asking import Asking, Desk
from cmo.llm.paid import Bill, Model, Paid
from cmo.model.chat import Completion, Message, Speech
from cmo.model.money import Payments

if TYPE_CHECKING:  # the SDK below it takes half a second, and most who make an endpoint never ask it anything
    from cmo.llm.wire import Address

ATTEMPTS = 3
"""Fewer than for vectors: an answer may take a minute, and a person may be waiting for it."""
CONNECTIONS = 50


class ChatEndpoint:
    """A chat model behind HTTP. Threads may share it.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        model: its name there.
        api_key: sent as a bearer token; never shown.
        timeout: seconds a request may take, whatever the deadline allows.
        attempts: requests at most.
        first_pause: seconds before the second attempt at most; doubles with each.
        temperature: 0 says the same again.
        connections: open at once.
        payments: the budget; None where calls cost nothing.
        bill: what calls are for, and who pays.
        fuse: when it is left alone for a while.
        start: starts the server with the first question, where it is not running by itself; tells its address and key.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str = "",
        timeout: float = 120.0,
        attempts: int = ATTEMPTS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        temperature: float = 0.0,
        connections: int = CONNECTIONS,
        payments: Payments | None = None,
        bill: Bill = Bill(),  # noqa: B008 - frozen
        fuse: Fuse = Fuse(),  # noqa: B008 - frozen
        start: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        self.host = re.sub(r"^\w+://(?:[^@/]*@)?", "", base_url).rstrip("/")
        """Where it is, without a name and a password."""
        self._model = model
        self._timeout = timeout
        self._payments = payments
        self._bill = bill

        def address() -> Address:
            from cmo.llm.wire import Address  # noqa: PLC0415 - see above

            url, key = (base_url, api_key) if start is None else start()
            return Address(url, model, key, temperature, timeout, connections)

        patience = Patience(attempts, first_pause)
        self._desk = Desk(address, host=self.host, model=model, timeout=timeout, patience=patience, fuse=fuse)

    def __repr__(self) -> str:
        return f"ChatEndpoint({self._model!r} at {self.host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Of the model."""
        return self._model

    @property
    def phase(self) -> Phase:
        """What its breaker does now."""
        return self._desk.breaker.circuit.phase

    def billed(self, bill: Bill) -> Self:
        """The same endpoint, with its connections and its breaker, where calls are for something else or someone else."""
        other = copy.copy(self)
        other._bill = bill  # noqa: SLF001 - its own class
        return other

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next, within `most_tokens`.

        Raises:
            ChatEmpty: it said nothing.
            ChatFailed: the endpoint kept failing, or sent what is no completion.
            OutOfTime: the deadline passed.
            OverBudget: the call is not to be made now.
            PriceUnknown: nobody said what it costs.
        """
        model = self._attempts
        with span("llm", model=self._model), Asking(self._desk) as asking:
            return asking.ask(lambda: model.complete(messages, most_tokens=most_tokens, schema=schema))

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Speech:
        """The same in pieces as they come; closing it leaves the rest unsaid.

        Raises:
            ChatEmpty: it said nothing.
            ChatFailed: as with `complete`; also after some pieces, which are then not all of it.
            OutOfTime: the deadline passed, perhaps after some pieces.
            OverBudget: the call is not to be made now.
            PriceUnknown: nobody said what it costs.
        """
        model = self._attempts
        with Asking(self._desk) as asking:
            with span("llm", model=self._model):  # up to the first word: what follows, whoever hears it paces
                speech = asking.ask(lambda: _begun(model.stream(messages, most_tokens=most_tokens)))
            try:
                yield speech.first
                while True:
                    try:
                        piece = next(speech.rest)
                    except StopIteration as end:
                        said: Completion = end.value
                        return said
                    yield piece
            finally:
                speech.rest.close()

    def close(self) -> None:
        """Close the connections."""
        self._desk.close()

    @property
    def _attempts(self) -> Model:
        from cmo.llm.wire import is_free  # noqa: PLC0415 - see above

        wire = self._desk.wire
        if self._payments is None:
            return wire
        return Paid(wire, self._payments, host=self.host, bill=self._bill, seconds=self._timeout, free=is_free)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A stream of which the first piece is there."""

    first: str
    rest: Speech


def _begun(speech: Speech) -> _Begun:
    return _Begun(next(speech), speech)
