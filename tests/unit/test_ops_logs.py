"""The log: one line a record, nothing forged, nothing that was asked."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from cmo.kit.spans import Trace, tracing
from cmo.ops.logs import RequestLog, set_up
from cmo.ops.watch import Request
from cmo.testing import FakeClock

FORGED = "x\r\n2026-01-01T00:00:00 ERROR cmo: all is lost\x1b[2J\u2028\u202e\x9b"


@pytest.fixture
def log() -> Iterator[Callable[..., io.StringIO]]:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    levels = {name: logging.getLogger(name).level for name in ("", "cmo", "uvicorn")}

    def begin(form: str, level: str = "INFO") -> io.StringIO:
        stream = io.StringIO()
        set_up(form, level, stream)
        return stream

    yield begin
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_forges_a_line_or_orders_a_terminal_about(log: Callable[..., io.StringIO], form: str) -> None:
    stream = log(form)
    logging.getLogger("cmo.web").warning("refused: %s", FORGED, extra={"code": FORGED})
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert not set(written[:-1]) & set("\r\n\x1b\u2028\u202e\x9b")
    assert "all is lost" in written


def test_json_is_json_and_names_request_and_trace(log: Callable[..., io.StringIO]) -> None:
    stream = log("json")
    with tracing("request", request="abc") as whole:
        logging.getLogger("cmo.web").info("here")
        try:
            int("a\nb")
        except ValueError:
            logging.getLogger("cmo.web").exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert whole.trace is not None
    assert (first["request_id"], first["trace_id"], first["message"]) == ("abc", whole.trace.id, "here")
    assert (second["level"], "ValueError" in second["error"]) == ("ERROR", True)


def test_a_value_cannot_pass_for_another_field(log: Callable[..., io.StringIO]) -> None:
    stream = log("text")
    logging.getLogger("cmo.web").info("x", extra={"code": "a status=200", "status": 500})
    assert 'status=500 code="a status=200"' in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "written"),
    [("DEBUG", "200 200 404 503"), ("INFO", "200 200 404 503"), ("WARNING", "200 404 503"), ("ERROR", "503")],
)
def test_requests_are_written_from_a_level_on(log: Callable[..., io.StringIO], level: str, written: str) -> None:
    stream = log("json")
    hear = RequestLog(level, slow=1.0)
    for status, seconds in ((200, 0.01), (200, 1.5), (404, 0.01), (503, 0.01)):
        hear(Request("abc", "/query", "POST", status, seconds, key="k1"), Trace("f" * 32))
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert " ".join(str(row["status"]) for row in rows) == written
    assert rows[-1] | {"time": ""} == {
        "time": "", "level": "ERROR", "logger": "cmo.requests", "message": "request", "request_id": "abc",
        "trace_id": "f" * 32, "endpoint": "/query", "method": "POST", "status": 503, "ms": 10.0, "key_id": "k1",
    }  # fmt: skip


def test_a_storm_of_those_who_are_sent_away_is_told_in_few_lines(log: Callable[..., io.StringIO]) -> None:
    stream, clock = log("json"), FakeClock()
    hear = RequestLog("WARNING", slow=1.0, monotonic=clock.monotonic)

    def come(count: int, code: str) -> None:
        for _ in range(count):
            hear(Request("abc", "/query", "POST", 503, 0.01, code), Trace("f" * 32))

    come(50, "overloaded")
    come(20, "store-gone")
    clock.advance(1.0)
    come(3, "overloaded")
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [(row.get("code", row["message"]), row.get("left_out")) for row in rows]
    storm, faults, more = [("overloaded", None)] * 10, [("store-gone", None)] * 20, [("overloaded", None)] * 3
    assert told == [*storm, *faults, ("more requests were sent away", 40), *more]


def test_libraries_are_heard_only_where_it_matters(log: Callable[..., io.StringIO]) -> None:
    stream = log("text", "DEBUG")
    logging.getLogger("alembic.runtime").info("setup plugin")
    logging.getLogger("cmo.web").debug("ours")
    logging.getLogger("alembic.runtime").warning("theirs")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["ours", "theirs"]
