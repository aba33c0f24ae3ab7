"""Where the time of one request goes: spans that go along in the context, and cost next to nothing where nobody listens.

::

    with tracing("POST /query", parent=traceparent) as trace:      at the rim, once for a request
        with span("retrieve"):                                     in the parts; nested, also in `in_context` threads
            with span("search", rows=200): ...
    trace.spans                                                    who wants to know looks when it is over

Nothing is told to anybody meanwhile: metrics, profiles and exporters read the finished trace. Trace and span ids are
those of W3C Trace Context (https://www.w3.org/TR/trace-context/), which also tells a callee whose call it is.
"""

from __future__ import annotations

import re
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from random import getrandbits
from types import TracebackType
from typing import Final, Self

HEADER: Final = "traceparent"
MOST_SPANS: Final = 500
"""Of one trace; what comes after is not remembered."""
_PARENT = re.compile(r"00-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_SAMPLED: Final = 1
Fact = str | int | float | bool


@dataclass(slots=True, eq=False)
class Trace:
    """All spans of one request."""

    id: str
    """32 hexadecimal digits."""
    remote: str = ""
    """The caller's span, of 16 digits; empty where the caller told none."""
    sampled: bool = True
    """Whether the caller wants it exported."""
    request: str = ""
    """Id of the request, as its reply and the log name it."""
    over: bool = False
    """Whether the whole has ended: what goes on in its context, such as a task that it began, belongs to it no more."""
    spans: list[Span] = field(default_factory=list)
    """In the order in which they ended; the last one is the whole."""


class Span:
    """One stage, for the length of a block. Entered where no trace is under way, it does nothing."""

    # One is made for each request and stage: what it has from the beginning stands here, so that it need not be written there.
    trace: Trace | None = None
    parent: Span | None = None
    began: float = 0.0
    """Of `time.perf_counter`."""
    seconds: float = 0.0
    error: str = ""
    """The kind of error that ended it."""
    facts: dict[str, Fact] | None = None
    _id: int = 0
    _token: Token[Span | None] | None = None

    def __init__(self, name: str, facts: dict[str, Fact] | None = None) -> None:
        self.name = name
        if facts:
            self.facts = facts

    @property
    def id(self) -> str:
        """16 hexadecimal digits; made when somebody asks."""
        if not self._id:
            self._id = getrandbits(64) or 1
        return f"{self._id:016x}"

    def note(self, **facts: Fact) -> None:
        """Say more of it: numbers and words of our own, never what was asked."""
        if self.trace is not None:
            self.facts = (self.facts or {}) | facts

    def __enter__(self) -> Self:
        parent = _current.get()
        if parent is not None and parent.trace is not None and not parent.trace.over:
            self.trace, self.parent = parent.trace, parent
            self._token = _current.set(self)
            self.began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._token is None or self.trace is None:
            return
        self.seconds = time.perf_counter() - self.began
        _current.reset(self._token)
        self._token = None
        if kind is not None:
            self.error = kind.__name__
        if self.parent is None:
            self.trace.over = True
        elif self.trace.over or len(self.trace.spans) >= MOST_SPANS:
            return
        self.trace.spans.append(self)


class tracing(Span):  # noqa: N801 - used as a statement
    """A new trace, for the length of a block.

    Args:
        name: of the whole.
        parent: the caller's `traceparent`, if it sent one.
        trace_id: 32 hexadecimal digits to take where the caller sent none.
        request: id of the request.
    """

    def __init__(self, name: str, parent: str = "", trace_id: str = "", request: str = "") -> None:
        self.name = name
        found = _PARENT.fullmatch(parent) if parent else None
        if found is None:
            self.trace = Trace(trace_id or f"{getrandbits(128) or 1:032x}", "", True, request)  # noqa: FBT003 - as read below
        else:
            self.trace = Trace(found["trace"], found["span"], bool(int(found["flags"], 16) & _SAMPLED), request)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self.began = time.perf_counter()
        return self


_current: ContextVar[Span | None] = ContextVar("cmo_span", default=None)


def span(name: str, **facts: Fact) -> Span:
    """A stage of whatever is under way, for the length of a block."""
    return Span(name, facts or None)


def trace() -> Trace | None:
    """That of the request that is being answered; None where there is none."""
    here = _current.get()
    return here.trace if here is not None and here.trace is not None and not here.trace.over else None


def header() -> dict[str, str]:
    """The header that tells a callee whose call it is; none where no trace is under way."""
    here = _current.get()
    if here is None or here.trace is None or here.trace.over:
        return {}
    return {HEADER: f"00-{here.trace.id}-{here.id}-{int(here.trace.sampled):02x}"}
