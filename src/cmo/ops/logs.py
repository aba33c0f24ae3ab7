r"""The log of the service: one line a record, for people or as JSON; never a line that somebody else wrote.

::

    record --request and trace that it belongs to--> control characters escaped --> text or JSON --> stderr

Whatever comes from outside stands in a record as a value. A line break or an escape sequence in it is written as such
(``\n``, ``\x1b``), so that nobody can forge lines or order a terminal about (OWASP, Log Injection; CWE-117).
"""

from __future__ import annotations

import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import IO, Any, Final

import orjson

from cmo.kit import spans
from cmo.kit.deadline import Monotonic
from cmo.kit.masking import masked
from cmo.kit.spans import Trace
from cmo.ops.watch import SENT_AWAY, Request

requests: Final = logging.getLogger("cmo.requests")
FIELDS: Final = ("endpoint", "method", "status", "ms", "code", "key_id", "left_out", "question")
"""What a record may hold beside its message."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Of C0 and C1, line ends of Unicode, and what turns the direction of writing."""
_PLAIN = re.compile(r"[^\s=\"]+")
_MOST: Final = 20_000
"""Characters of one field."""
_MOST_LINES: Final = 10
"""A second, of requests that are sent away: where hundreds are, it is those that are answered who need the time."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return orjson.dumps(_facts(record, self), default=str).decode()


class TextLines(logging.Formatter):
    """One line for people; what a record holds beside its message stands behind it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts = _facts(record, self)
        head = f"{facts.pop('time')} {facts.pop('level'):<7} {facts.pop('logger')}: {facts.pop('message')}"
        return " ".join((head, *(f"{name}={_quoted(value)}" for name, value in facts.items())))


def set_up(form: str, level: str, stream: IO[str] | None = None) -> None:
    """Let this process write its log so; called once, where a service begins.

    Args:
        form: ``json`` or ``text``.
        level: from which on records are written.
        stream: where to; stderr by default.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))  # of libraries: what matters
    for name in ("cmo", "uvicorn"):
        logging.getLogger(name).setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # it brings handlers of its own
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = name != "uvicorn.access"  # it writes whole addresses, and with them what was asked


class RequestLog:
    """Writes a line for each request that is worth one.

    Args:
        level: from which on: ``INFO`` all, ``WARNING`` those that are slow or refused, ``ERROR`` those that failed.
        slow: seconds from which on a request is slow.
        monotonic: the clock.
    """

    def __init__(self, level: str, slow: float, monotonic: Monotonic = time.monotonic) -> None:
        self._least = logging.getLevelNamesMapping()[level]
        self._slow = slow
        self.all = self._least <= logging.INFO
        """Whether each request is worth one; else only those that are slow or refused."""
        self._monotonic = monotonic
        self._second = self._lines = self._left_out = 0

    def __call__(self, request: Request, trace: Trace) -> None:
        """One request is over."""
        worth = _worth(request.status, slow=request.seconds >= self._slow)
        if worth < self._least or (request.code in SENT_AWAY and not self._room(worth)):
            return
        facts = {
            "endpoint": request.endpoint or "other",
            "method": request.method,
            "status": request.status,
            "ms": round(request.seconds * 1000, 3),
            **({"code": request.code} if request.code else {}),
            **({"key_id": request.key} if request.key else {}),
        }
        requests.log(worth, "request", extra={**facts, "request_id": request.id, "trace_id": trace.id})

    def _room(self, worth: int) -> bool:
        """Whether one more that is sent away gets a line; how many had none is told in the next second that has any."""
        second = int(self._monotonic())
        if second != self._second:
            if self._left_out:
                requests.log(worth, "more requests were sent away", extra={"left_out": self._left_out})
            self._second, self._lines, self._left_out = second, 0, 0
        self._lines += 1
        self._left_out += self._lines > _MOST_LINES
        return self._lines <= _MOST_LINES


def clean(text: str) -> str:
    """Text without anything that is more than text, and without what is personal or secret."""
    return _CONTROL.sub(_escaped, masked(text[:_MOST]))


def _quoted(value: object) -> str:
    """A value of which it is plain where it ends."""
    text = clean(str(value))
    return text if _PLAIN.fullmatch(text) else orjson.dumps(text).decode()


def _worth(status: int, *, slow: bool) -> int:
    if status >= 500:  # noqa: PLR2004 - the service's own fault
        return logging.ERROR
    return logging.WARNING if slow or status >= 400 else logging.INFO  # noqa: PLR2004 - the client's


def _facts(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    trace = spans.trace()
    request_id = getattr(record, "request_id", "") or (trace.request if trace else "")
    trace_id = getattr(record, "trace_id", "") or (trace.id if trace else "")
    facts: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": clean(record.getMessage()),
        **({"request_id": clean(request_id)} if request_id else {}),
        **({"trace_id": trace_id} if trace_id else {}),
    }
    for name in FIELDS:
        if (value := getattr(record, name, None)) is not None:
            facts[name] = clean(value) if isinstance(value, str) else value
    if record.exc_info:
        facts["error"] = clean(formatter.formatException(record.exc_info))
    return facts


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
