"""One question to a model, with patience: within the deadline, past a breaker, a few attempts, one kind of error.

::

    Asking(desk) --breaker closed?--> ask(attempt) --may it pass? time left?--> again, after a pause
        `--> whatever comes out of the block is told to the breaker, and leaves as ChatFailed, OutOfTime, Overloaded
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from cmo.errors import ChatEmpty, ChatFailed, OracleError
from cmo.kit import deadline, leaving
from cmo.kit.allowance import Purse
from cmo.kit.breaker import Breaker, Fuse, Outcome
from cmo.kit.endpoint import RETRY_BURST, RETRY_SHARE
from cmo.kit.refusal import Refused, Why, out_of_time
from cmo.kit.retry import Patience, Retrier

if TYPE_CHECKING:  # the SDK below it takes half a second, and most who make an endpoint never ask it anything
    from cmo.llm.wire import Address, Wire

T = TypeVar("T")
_FULL_SECONDS: Final = 1.0


class Desk:
    """What all questions to one endpoint share: connections, the breaker, the allowance for further attempts.

    Args:
        address: makes the address; not called before the first question.
        host: as errors name it.
        model: as errors name it.
        timeout: seconds of an attempt.
        patience: how often, and with what pauses.
        fuse: when it is left alone for a while.
    """

    def __init__(
        self,
        address: Callable[[], Address],
        *,
        host: str,
        model: str,
        timeout: float,
        patience: Patience,
        fuse: Fuse,
    ) -> None:
        self.host = host
        self.timeout = timeout
        self.breaker = Breaker(fuse)
        self._address = address
        self._model = model
        self._patience = patience
        self._wire: Wire | None = None
        self._lock = threading.Lock()

    @property
    def wire(self) -> Wire:
        """The connections."""
        from cmo.llm.wire import Wire  # noqa: PLC0415 - see above

        address = self._address()  # may take a while the first time: each who waits has a deadline of their own
        with self._lock:
            if self._wire is not None and self._wire.address != address:  # a server that has died and was started anew
                self._wire.close()
                self._wire = None
            self._wire = self._wire or Wire(address)
            return self._wire

    @cached_property
    def retrier(self) -> Retrier:
        """Tries again."""
        from cmo.llm.wire import ERRORS, judge  # noqa: PLC0415

        return Retrier(self._patience, Purse(RETRY_SHARE, RETRY_BURST), ERRORS, lambda error: judge(error).again)

    def error(self, error: Exception, *, hurried: bool) -> OracleError:
        """What an error of the wire is called outside. It holds the request, and that the key: it must not be its cause."""
        from cmo.llm.wire import Silence, is_full, is_timeout, reason  # noqa: PLC0415

        if is_full(error):
            return Refused(Why.FULL, _FULL_SECONDS).error(self.host)
        if hurried and is_timeout(error):
            return out_of_time(self.host)
        what = f"{self.host} does not answer with {self._model}: {reason(error)}."
        if isinstance(error, Silence):
            return ChatEmpty(f"{what} Ask in other words, or another model.")
        return ChatFailed(
            f"{what} Check CMO_LLM_URL, CMO_LLM_MODEL and the key, and whether the service is up; what was kept so far "
            "stays."
        )

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._wire is not None:
            self._wire.close()


class Asking(AbstractContextManager["Asking"]):
    """The block in which one question is asked and its answer heard."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hurried = False

    def __enter__(self) -> Self:
        deadline.check(self._desk.host)
        leaving.check()
        ticket = self._desk.breaker.admit()
        if isinstance(ticket, Refused):
            raise ticket.error(self._desk.host)
        self._ticket = ticket
        return self

    def ask(self, attempt: Callable[[], T]) -> T:
        """What an attempt comes to in the end."""
        return self._desk.retrier.run_here(lambda: self._in_time(attempt))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        from cmo.llm.wire import ERRORS, judge  # noqa: PLC0415

        outcome = Outcome.IGNORED
        if error is None or isinstance(error, GeneratorExit):  # who has heard enough says nothing against it
            outcome = Outcome.SUCCESS
        elif isinstance(error, ERRORS):
            outcome = judge(error).outcome
        self._desk.breaker.settle(self._ticket, outcome)
        if isinstance(error, ERRORS):
            raise self._desk.error(error, hurried=self._hurried) from None

    def _in_time(self, attempt: Callable[[], T]) -> T:
        from cmo.llm.wire import ERRORS, is_timeout  # noqa: PLC0415

        leaving.check()
        self._hurried = deadline.share() < self._desk.timeout
        try:
            return attempt()
        except ERRORS as error:
            if self._hurried and is_timeout(error):  # another attempt would have no more time
                raise out_of_time(self._desk.host) from None
            raise
