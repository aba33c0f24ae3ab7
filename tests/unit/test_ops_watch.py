"""Who listens to the service: each request and question is counted once, and nothing of them is held on to."""

import asyncio
import gc
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from cmo.errors import BadQuestion, OracleError
from cmo.kit.spans import Trace, span, tracing
from cmo.model.questions import Question
from cmo.ops import catalogue as c
from cmo.ops.counts import Counts, State
from cmo.ops.watch import PENDING, SLOWEST, Request, Watch
from cmo.oracle import admit
from cmo.stories.recall import Told
from cmo.testing import FakeClock
from cmo.web.watching import watched

ANSWERED, REFUSED = Told(b'{"id":"1","answered":true}', "memory"), Told(b'{"id":"1","answered":false}', "disk", 3.0)


def request(status: int = 200, seconds: float = 0.004, endpoint: str = "/query", code: str = "") -> Request:
    return Request("r" * 32, endpoint, "POST", status, seconds, code)


def timed(error: str = "") -> Trace:
    with tracing("request") as whole, span("retrieve"):
        with span("encode"):
            pass
        with span("llm") as asked:
            pass
        asked.error = error
    assert whole.trace is not None
    return whole.trace


def watch(**more: Any) -> Watch:
    return Watch(Counts(), FakeClock(), **more)


def folded(listening: Watch) -> State:
    listening.fold()
    listening.show()
    return listening.counts.state()


def test_what_is_alike_is_counted_together_and_each_once() -> None:
    listening = watch()
    for status, seconds, endpoint in (
        (200, 0.004, "/query"),
        (200, 0.02, "/query"),
        (503, 0.3, "/query"),
        (404, 0.001, ""),
    ):
        listening.began()
        listening.ended(request(status, seconds, endpoint), Trace(f"{status:032x}"))
    listening.began()
    state = folded(listening)
    assert state.total(c.HTTP_REQUESTS, endpoint="/query", method="POST", status="200") == 2
    assert state.total(c.HTTP_REQUESTS, endpoint="/query", status="503") == 1
    assert state.total(c.HTTP_REQUESTS, endpoint="other", status="404") == 1
    assert state.total(c.HTTP_ACTIVE) == 1
    spread = state.spread(c.HTTP_SECONDS, endpoint="/query")
    assert (spread.count, round(spread.total, 6)) == (3, 0.324)
    bounds = c.HTTP_SECONDS.buckets
    assert {bounds[place]: trace for place, (trace, _, _) in spread.examples.items()} == {
        0.005: f"{200:032x}", 0.025: f"{200:032x}", 0.5: f"{503:032x}",
    }  # fmt: skip
    assert folded(listening).total(c.HTTP_REQUESTS) == 4, "counted once"


def test_stages_are_counted_and_calls_outside_as_well() -> None:
    listening = watch()
    for error in ("", "", "OSError"):
        listening.ended(request(), timed(error))
    state = folded(listening)
    assert {stage: state.spread(c.STAGE_SECONDS, stage=stage).count for stage in ("retrieve", "encode", "llm", "request")} == {
        "retrieve": 3, "encode": 3, "llm": 3, "request": 0,
    }  # fmt: skip
    assert state.total(c.OUTSIDE_CALLS, service="llm", outcome="answered") == 2
    assert state.total(c.OUTSIDE_CALLS, service="llm", outcome="failed") == 1
    assert state.spread(c.OUTSIDE_SECONDS).count == 3


def test_no_request_leaves_anything_to_the_collector_of_garbage() -> None:
    listening, before = watch(), gc.isenabled()
    gc.collect()
    gc.disable()
    others = traces()
    try:
        for _ in range(20):
            listening.ended(request(), timed())
        assert traces() <= others
    finally:
        if before:
            gc.enable()
    assert folded(listening).spread(c.STAGE_SECONDS, stage="encode").count == 20


def traces() -> set[int]:
    return {id(one) for one in gc.get_objects() if type(one) is Trace}


def test_threads_that_fold_while_requests_come_lose_none() -> None:
    listening, over = watch(), threading.Event()

    def folds() -> None:
        while not over.is_set():
            listening.fold()

    threads = [threading.Thread(target=folds) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(5 * PENDING):
        listening.ended(request(seconds=n / 1000), Trace("a" * 32))
        listening.asking += 1
        listening.question_ended("answered", "memory", 0.001)
    over.set()
    for thread in threads:
        thread.join()
    state = folded(listening)
    assert state.total(c.HTTP_REQUESTS) == state.spread(c.HTTP_SECONDS).count == 5 * PENDING
    assert state.total(c.QUESTIONS, tier="memory") == 5 * PENDING


def test_what_waits_to_be_counted_has_an_end() -> None:
    listening = watch()
    for _ in range(PENDING + 1):
        listening.ended(request(), Trace("a" * 32))
    assert listening.counts.state().total(c.HTTP_REQUESTS) == PENDING + 1, "nobody asked for it"


def test_the_slowest_are_kept_with_their_stages() -> None:
    listening = watch()
    for n in range(3 * SLOWEST):
        listening.ended(request(seconds=(n * 37 % 60) / 10), timed())
        if n % 7 == 0:
            listening.fold()
    rows = folded(listening).rows["slowest"]
    assert [row["ms"] for row in rows] == [100.0 * n for n in range(59, 59 - SLOWEST, -1)]
    assert [stage["stage"] for stage in rows[0]["stages"]] == ["encode", "llm", "retrieve"]


def test_some_hear_of_each_request_and_some_of_those_that_are_slow_or_refused() -> None:
    each, some = list[tuple[int, int]](), list[tuple[int, int]]()
    listening = watch(
        hear=(lambda r, t: each.append((r.status, len(t.spans))),),
        remark=(lambda r, t: some.append((r.status, len(t.spans))),),
        slow=2.0,
    )
    for status, seconds in ((200, 0.1), (201, 2.0), (429, 0.1)):
        listening.ended(request(status, seconds, code="too-many" if status > 400 else ""), timed())
    assert each == [(200, 4), (201, 4), (429, 4)], "with all stages"
    assert some == [(201, 4), (429, 4)]
    state = folded(listening)
    assert state.total(c.HTTP_PROBLEMS, code="too-many") == 1
    assert [row["status"] for row in state.rows["refusals"]] == [429]


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (ANSWERED, "answered"), (REFUSED, "refused"), (BadQuestion("no"), "refused"), (OracleError("broken"), "failed"),
        (asyncio.CancelledError(), "cancelled"), (KeyError("x"), "failed"),
    ],
)  # fmt: skip
async def test_each_question_is_counted_by_what_came_of_it(came: Told | BaseException, outcome: str) -> None:
    listening = watch()
    asked = watched(listening, answering(came))
    if isinstance(came, Told):
        assert await asked(admit("What is raised?"), anew=False) == (came, {"X-Release": "new; arm=new"})
    else:
        with pytest.raises(type(came)):
            await asked(admit("What is raised?"), anew=False)
    state = folded(listening)
    assert {labels[0] for (name, labels), _ in state.numbers.items() if name == c.QUESTIONS.name} == {outcome}
    assert state.total(c.QUESTIONS) == state.spread(c.QUESTION_SECONDS).count == 1
    assert state.total(c.QUESTIONS_ACTIVE) == 0
    assert state.total(c.RELEASE_ANSWERS, arm="new") == isinstance(came, Told)


async def test_where_nobody_watches_a_question_goes_straight_on() -> None:
    ask = answering(ANSWERED)
    assert watched(None, ask) is ask


def answering(came: Told | BaseException) -> Any:
    def ask(_question: Question, *, anew: bool) -> Coroutine[Any, Any, tuple[Told, dict[str, str]]]:
        assert not anew

        async def answer() -> tuple[Told, dict[str, str]]:
            if isinstance(came, BaseException):
                raise came
            return came, {"X-Release": "new; arm=new"}

        return answer()

    return ask
