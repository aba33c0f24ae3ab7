"""A language model whose every attempt is paid for before it is made.

::

    attempt --reserve the most that it may cost--> model --settle what it took--> what it says
               `-- OverBudget, PriceUnknown: not made       `-- cut: what was heard; nobody knows: all of it

It stands below what tries again, so that a second attempt is paid for as well. A process that dies in between leaves
what it reserved to expire as spent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol

from cmo.model.chat import Completion, Message, Speech
from cmo.model.money import Call, Held, Need, Payer, Payments, Service, Usage

_BYTES_A_MESSAGE: Final = 32
"""What a chat template puts around each."""
_GRACE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Bill:
    """What calls are for, and who pays."""

    purpose: str = "generate"
    """In a word: ``generate``, ``read``, ``translate``; the report sums by it."""
    need: Need = Need.UNCERTAIN
    payer: Payer = field(default_factory=Payer)
    question: str = ""
    """Id of the question that they serve."""


class Model(Protocol):
    """One attempt."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next."""
        ...

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Speech:
        """The same in pieces."""
        ...


class Paid:
    """Pays for what it passes on. Threads may share it.

    Args:
        model: makes one attempt a call.
        payments: the budget.
        host: of the endpoint, by which its prices are known.
        bill: what for, and who pays.
        seconds: that an attempt may take.
        free: whether an error means that nothing was spent.
    """

    def __init__(
        self,
        model: Model,
        payments: Payments,
        *,
        host: str,
        bill: Bill,
        seconds: float,
        free: Callable[[BaseException], bool],
    ) -> None:
        self._model = model
        self._payments = payments
        self._host = host
        self._bill = bill
        self._seconds = seconds
        self._free = free

    @property
    def name(self) -> str:
        """Of the model."""
        return self._model.name

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next.

        Raises:
            OverBudget: the call is not to be made now.
            PriceUnknown: nobody said what it costs.
        """
        call = self._call(messages, most_tokens, schema)
        with self._payments.reserved(call) as held, _UnlessFree(held, self._free):
            said = self._model.complete(messages, most_tokens=most_tokens, schema=schema)
            held.settle(_used(said) or _at_most(call, len(said.text.encode())))
        return said

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Speech:
        """The same in pieces. Where it is cut or left, what was heard is paid for, counted so that it is not too little.

        Raises:
            OverBudget: the call is not to be made now.
            PriceUnknown: nobody said what it costs.
        """
        call = self._call(messages, most_tokens)
        with self._payments.reserved(call) as held, _UnlessFree(held, self._free):
            heard = 0
            speech = self._model.stream(messages, most_tokens=most_tokens)
            try:
                while True:
                    try:
                        piece = next(speech)
                    except StopIteration as end:
                        said: Completion = end.value
                        break
                    heard += len(piece.encode())
                    held.settle(_at_most(call, heard))
                    yield piece
            finally:
                speech.close()
            if (used := _used(said)) is not None:
                held.settle(used)
        return said

    def _call(self, messages: Sequence[Message], most_tokens: int, schema: Mapping[str, object] | None = None) -> Call:
        sent = sum(len(m.text.encode()) + _BYTES_A_MESSAGE for m in messages)  # no tokenizer makes more than bytes
        sent += len(str(schema)) if schema else 0
        bill = self._bill
        return Call(
            self._host,
            self._model.name,
            Service.LLM,
            bill.purpose,
            Usage(sent, most_tokens),
            bill.need,
            bill.payer,
            bill.question,
            self._seconds + _GRACE_SECONDS,
        )


class _UnlessFree(AbstractContextManager[None]):
    """Gives back what is set aside where an error says that nothing was spent."""

    def __init__(self, held: Held, free: Callable[[BaseException], bool]) -> None:
        self._held = held
        self._free = free

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None and self._free(error):
            self._held.nothing_spent()


def _at_most(call: Call, heard: int) -> Usage:
    """What surely is not too little where the endpoint does not count: a token is a byte or more."""
    return Usage(call.most.input_tokens, min(heard, call.most.output_tokens))


def _used(said: Completion) -> Usage | None:
    """What the endpoint says that it took; None where it says nothing."""
    if not said.prompt_tokens:
        return None
    return Usage(said.prompt_tokens, said.completion_tokens, said.cached_tokens)
