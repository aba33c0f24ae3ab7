"""Where the time went: by hand-made spans, and by a real base whose encoder is slowed on purpose."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from cmo.bench.profiled import ALONE, NAIVE, profiled
from cmo.cli import main
from cmo.errors import NotFound
from cmo.kit.spans import Span, Trace
from cmo.ops.profile import Profile, Run, advise, measured, profile, trial
from cmo.oracle import admit
from cmo.testing import HashingEmbedder
from lightrag_integration import PerformanceProfiler

QUESTION = "What is raised in phenylketonuria?"
PAPER = "Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n"


def run(encode: float, llm: float = 0.0) -> Run:
    """A question of a second, of which some is spent on encoding and on a language model."""
    trace = Trace("0" * 32)

    def span(name: str, parent: Span | None, began: float, seconds: float) -> Span:
        made = Span(name)
        made.trace, made.parent, made.began, made.seconds = trace, parent, 100 + began, seconds
        trace.spans.append(made)
        return made

    whole = Span("question")
    retrieve = span("retrieve", whole, 0.1, 0.5)
    span("encode", retrieve, 0.1, encode / 2)
    span("encode", retrieve, 0.3, encode / 2)
    if llm:
        span("llm", whole, 0.6, llm)
    whole.trace, whole.began, whole.seconds = trace, 100.0, 1.0
    trace.spans.append(whole)
    return Run(trace, 0.9)


def test_stages_are_nested_added_up_and_shared_out() -> None:
    found = profile([run(0.2), run(0.3), run(0.4)], 5.0)
    tree = {stage.path: (round(stage.share, 6), round(stage.own, 6), stage.calls) for stage in found.stages}
    assert tree == {
        ("question",): (1.0, 0.5, 1),
        ("question", "retrieve"): (0.5, 0.2, 1),
        ("question", "retrieve", "encode"): (0.3, 0.3, 2),
    }
    assert [stage.path for stage in found.stages] == list(tree), "from the top down, in the order of time"
    assert (found.runs, found.first_seconds, found.cpu_seconds, found.whole.median) == (3, 5.0, 0.9, 1.0)
    assert (found.of("encode").low, found.of("encode").high, found.of("llm").median) == (0.2, 0.4, 0.0)


def test_a_stage_that_only_some_runs_have_counts_as_nothing_in_the_others() -> None:
    found = profile([run(0.2), run(0.2), run(0.2, llm=0.4)], 1.0)
    assert found.of("llm").median == 0.0
    assert found.of("llm").high == 0.4


@pytest.mark.parametrize(("count", "low"), [(1, 0), (5, 0), (6, 0), (9, 1), (15, 3), (100, 39)])
def test_the_interval_is_that_of_the_sign_test(count: int, low: int) -> None:
    """Order statistics of the 95 % interval of a median, as tabled (Conover, Practical Nonparametric Statistics, 3.2)."""
    found = measured([float(n) for n in range(count)])
    assert (found.low, found.high) == (low, count - 1 - low)


def test_advice_names_the_figure_that_it_rests_on() -> None:
    assert advise(profile([run(0.1)] * 3, 1.0)) == []
    (large,) = advise(profile([run(0.4)] * 3, 1.0))
    assert "CMO_THREADS" in large.what
    assert "40% of the whole (400.0 ms)" in large.why
    long = advise(profile([run(0.1, llm=11.0)] * 3, 1.0))
    assert any("llm takes 11.00 s; it should take 10 s" in hint.why for hint in long)
    assert any("The first asking takes 60.0 s" in hint.why for hint in advise(profile([run(0.1)] * 3, 60.0)))


def test_another_way_is_advised_only_where_it_surely_saves_time() -> None:
    calm: Profile = profile([run(0.1)] * 3, 1.0)
    sure = trial("skip it", [(1.0, 0.5)] * 10, 0.75)
    assert [hint.why for hint in advise(calm, [sure])] == [
        "It saves 50% of the time (between 50% and 50%); 75% of this answer stays."
    ]
    assert advise(calm, [trial("skip it", [(1.0, 0.5), (0.5, 1.0)] * 5, 1.0)]) == []


class Slow(HashingEmbedder):
    """Takes thirty milliseconds a question."""

    def encode_query(self, text: str) -> Any:
        time.sleep(0.03)
        return super().encode_query(text)


def test_a_slow_encoder_is_found_in_a_real_answer(open_base: Callable[..., Any]) -> None:
    with open_base() as base:
        base.app.__dict__["encoder"] = Slow()
        base.add(pku=PAPER)
        heard: list[int] = []
        found = profiled(base.app, admit(QUESTION), 8, heard=heard.append)
    stages = {stage.name: stage for stage in found.profile.stages}
    assert {"question", "retrieve", "encode", "search", "answer"} <= set(stages)
    assert stages["encode"].seconds.median >= 0.03, "each run asks as if for the first time"
    assert stages["encode"].own == max(stage.own for stage in found.profile.stages)
    assert any("CMO_THREADS" in hint.what for hint in found.advice)
    assert [one.name for one in found.trials] == [NAIVE, ALONE]
    assert heard == list(range(1, 9))


def test_the_command_tells_all_figures(open_base: Callable[..., Any], capsys: Any, monkeypatch: Any) -> None:
    with open_base() as base:
        base.add(pku=PAPER)
        monkeypatch.setattr("cmo.app.App", lambda _settings: base.app)
        for arguments in (["--json", "--no-advice"], []):
            monkeypatch.setattr(sys, "argv", ["cmo", "profile", QUESTION, "--runs", "3", *arguments])
            with pytest.raises(SystemExit) as end:
                main.run()
            assert not end.value.code
            told = capsys.readouterr().out
            if arguments:
                facts = json.loads(told)
                assert (facts["answered"], facts["profile"]["runs"], facts["trials"]) == (True, 3, [])
            else:
                assert "█" in told
                assert "tried" in told


async def test_the_documented_profiler_measures(open_base: Callable[..., Any], monkeypatch: Any) -> None:
    profiler = PerformanceProfiler()
    with pytest.raises(NotFound, match="Nothing was measured yet"):
        profiler.get_optimization_suggestions()
    with open_base() as base:
        base.app.__dict__["encoder"] = Slow()
        base.add(pku=PAPER)
        monkeypatch.setattr("cmo.app.App", lambda _settings: base.app)
        found = await profiler.profile_query_pipeline(QUESTION, runs=3)
    assert found.embedding_time >= 0.03
    assert 0 < found.retrieval_time < found.total_time
    assert found.llm_time == 0
    assert any("encode" in text for text in profiler.get_optimization_suggestions())
