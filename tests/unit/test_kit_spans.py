"""Where the time of a request goes."""

import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from cmo.kit import spans
from cmo.kit.deadline import in_context
from cmo.kit.spans import MOST_SPANS, span, tracing

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_without_a_trace_nothing_is_remembered_and_nothing_is_told() -> None:
    with span("search") as stage:
        stage.note(rows=3)
    assert stage.seconds == 0
    assert stage.facts is None
    assert spans.header() == {}
    assert spans.trace() is None


def test_stages_know_what_they_belong_to_also_in_other_threads() -> None:
    with tracing("request") as whole, span("retrieve"), ThreadPoolExecutor(1) as threads:

        def search() -> None:
            with span("search", rows=2):
                pass

        threads.submit(in_context(search)).result()
    assert whole.trace is not None
    assert [(s.name, s.parent.name if s.parent else "") for s in whole.trace.spans] == [
        ("search", "retrieve"),
        ("retrieve", "request"),
        ("request", ""),
    ]
    assert whole.trace.spans[0].facts == {"rows": 2}
    assert whole.seconds >= whole.trace.spans[1].seconds >= whole.trace.spans[0].seconds > 0


def test_a_stage_that_fails_says_by_what_and_lets_it_pass() -> None:
    with pytest.raises(ValueError, match="patient"), tracing("request") as whole, span("search"):
        raise ValueError("the question of a patient")
    assert whole.trace is not None
    assert [(s.name, s.error) for s in whole.trace.spans] == [("search", "ValueError"), ("request", "ValueError")]


def test_the_callers_trace_goes_on_and_a_callee_is_told() -> None:
    with tracing("request", PARENT) as whole:
        with span("llm") as stage:
            told = spans.header()["traceparent"]
        assert told == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{stage.id}-01"
    assert whole.trace is not None
    assert (whole.trace.id, whole.trace.remote) == (PARENT[3:35], PARENT[36:52])


def test_who_does_not_want_a_trace_kept_says_so_further_down() -> None:
    with tracing("request", PARENT[:-2] + "00"):
        assert spans.header()["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    "wrong",
    ["", "x", PARENT.upper(), PARENT + "\n", "ff" + PARENT[2:], PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
     PARENT.replace("00f067aa0ba902b7", "0" * 16), PARENT[:-1], PARENT * 100],
)  # fmt: skip
def test_a_header_that_is_none_begins_a_trace_of_its_own(wrong: str) -> None:
    with tracing("request", wrong) as whole:
        pass
    assert whole.trace is not None
    assert whole.trace.remote == ""
    assert len(whole.trace.id) == 32
    assert whole.trace.id != PARENT[3:35]


def test_a_trace_has_an_end() -> None:
    with tracing("request") as whole:
        for _ in range(MOST_SPANS + 50):
            with span("search"):
                pass
    assert whole.trace is not None
    assert len(whole.trace.spans) == MOST_SPANS + 1
    assert whole.trace.spans[-1] is whole


def test_what_is_begun_in_another_context_leaves_this_one_alone() -> None:
    def elsewhere() -> None:
        with tracing("other"):
            assert spans.trace() is not None

    contextvars.copy_context().run(elsewhere)
    assert spans.trace() is None


def test_what_a_request_left_running_belongs_to_it_no_more() -> None:
    left: list[contextvars.Context] = []
    with tracing("request") as whole, span("retrieve"):
        left.append(contextvars.copy_context())

    def later() -> None:
        with span("search"):
            assert spans.header() == {}
        assert spans.trace() is None

    left[0].run(later)
    assert whole.trace is not None
    assert [s.name for s in whole.trace.spans] == ["retrieve", "request"]


def test_stages_one_after_the_other_are_siblings() -> None:
    with tracing("request") as whole:
        for name in ("walk", "encode"):
            with span(name):
                pass
    assert whole.trace is not None
    assert {s.parent.name for s in whole.trace.spans if s.parent} == {"request"}
