"""A question asked again and again, as new each time, beside the same asked in other ways: what `cmo profile` measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from cmo.app import App
from cmo.kit.spans import tracing
from cmo.model.answers import Answer
from cmo.model.questions import Mode, Question, Reach
from cmo.ops.profile import Advice, Profile, Run, Trial, advise, profile, trial

NAIVE, ALONE = "search by meaning alone (mode=naive)", "leave relations out (ENABLE_MULTI_HOP=false)"


@dataclass(frozen=True, slots=True)
class Profiled:
    """What was measured, and what it says."""

    profile: Profile
    trials: tuple[Trial, ...]
    advice: tuple[Advice, ...]
    answer: Answer


def profiled(
    house: App,
    question: Question,
    runs: int,
    *,
    others: bool = True,
    heard: Callable[[int], None] = lambda _done: None,
) -> Profiled:
    """Ask a question `runs` times, in turns with the other ways.

    Args:
        house: the app; its kept answers take no part.
        question: what is asked.
        runs: how often.
        others: whether other ways are tried as well.
        heard: is told after each run how many are done.
    """
    began = time.perf_counter()
    answer = house.oracle.reply(question).answer  # loads what is needed; not counted among the runs
    first = time.perf_counter() - began
    ways = _ways(house, question) if others else {}
    answers = {name: house.oracle.reply(asked).answer for name, asked in ways.items()}
    usual, pairs = [], {name: [] for name in ways}  # type: tuple[list[Run], dict[str, list[tuple[float, float]]]]
    for done in range(1, runs + 1):
        usual.append(_run(house, question))
        for name, asked in ways.items():
            pairs[name].append((usual[-1].trace.spans[-1].seconds, _run(house, asked).trace.spans[-1].seconds))
        heard(done)
    found = profile(usual, first)
    trials = tuple(trial(name, pairs[name], _kept(answer, answers[name])) for name in ways)
    return Profiled(found, trials, tuple(advise(found, trials)), answer)


def _run(house: App, question: Question) -> Run:
    house.questions.forget()
    cpu = time.process_time()
    with tracing("question") as whole:
        house.oracle.reply(question)
    assert whole.trace is not None
    return Run(whole.trace, time.process_time() - cpu)


def _ways(house: App, question: Question) -> Mapping[str, Question]:
    """Other ways to ask it, as far as they are other ways."""
    reach = question.reach or house.reach.now()
    ways = {}
    if question.mode is not Mode.NAIVE:
        ways[NAIVE] = replace(question, mode=Mode.NAIVE)
    if question.mode is Mode.HYBRID and reach.multi_hop:
        ways[ALONE] = replace(question, reach=Reach(multi_hop=False, hops=reach.hops, reasoning=reach.reasoning))
    return ways


def _kept(usual: Answer, other: Answer) -> float:
    """Share of an answer's sentences that another one holds too; two refusals say the same."""
    said = {sentence.text for sentence in other.sentences}
    if not usual.sentences:
        return float(not said)
    return fmean(sentence.text in said for sentence in usual.sentences)
