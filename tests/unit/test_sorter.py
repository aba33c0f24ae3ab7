"""The story of one question's class, with routers that can be watched."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from cmo.cache import Basis, Memory, Span, Tiers
from cmo.errors import BadQuestion, EmbeddingFailed
from cmo.kit.clock import SystemClock
from cmo.kit.deadline import within
from cmo.model.routes import Category, Conditions, Decider, Destination, ResearchCategory, Route, Scope, Standing
from cmo.model.sorting import Plan
from cmo.route.counsel import Counsel
from cmo.route.head import Need
from cmo.route.opinion import Opinion
from cmo.sorting.near import Near
from cmo.sorting.sorter import Sorter

ASKED = "Which metabolites are raised in phenylketonuria?"


def route(text: str, decider: Decider = Decider.HEAD) -> Route:
    return Route(
        Destination.LIGHTRAG, Category.KNOWLEDGE_GRAPH, ResearchCategory.GENERAL, Scope.IN, (Destination.LIGHTRAG,),
        0.9, (0.8, 0.95), 0.1, {Destination.LIGHTRAG: 0.9}, (Destination.LIGHTRAG,), 0.8, decider, (), text,
    )  # fmt: skip


class Watched:
    """A router that tells what it was asked."""

    version = "watched"

    def __init__(self, decider: Decider = Decider.HEAD) -> None:
        self.asked: list[str] = []
        self.runs = 0
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        self.unsure = False
        self._decider = decider

    def route(self, text: str, conditions: Conditions, _standing: Standing | None = None) -> Route:
        return self.routes([text], conditions)[0]

    def routes(self, texts: Sequence[str], conditions: Conditions) -> list[Route]:
        assert self._decider is Decider.KEYWORDS or not conditions.llm, "a run must not wait for a language model"
        self.runs += 1
        self.asked += texts
        assert self.go.wait(5)
        if self.error:
            raise self.error
        return [route(text, self._decider) for text in texts]

    def doubtful(self, route: Route) -> bool:
        return self.unsure and route.decided_by is Decider.HEAD

    def reconsidered(self, text: str, opinion: Opinion, _conditions: Conditions) -> Route:
        return replace(route(text, Decider.LLM), destination=Destination(opinion.need.value))


class Says:
    """Gives an opinion after some time."""

    version = "says"

    def __init__(self, seconds: float = 0.0, opinion: Opinion | None = None) -> None:
        self.seconds = seconds
        self.opinion = opinion or Opinion(Need.PERPLEXITY, ResearchCategory.GENERAL)
        self.asked: list[str] = []
        self.silent = False

    async def ask(self, question: str, _seconds: float) -> Opinion | None:
        self.asked.append(question)
        await asyncio.sleep(self.seconds)
        return None if self.silent else self.opinion

    async def close(self) -> None:
        pass


class Bench:
    """A sorter and all that it is made of."""

    def __init__(self, plan: Plan, counsel: Counsel | None = None, *, llm: bool = True) -> None:
        self.router, self.keywords, self.clock = Watched(), Watched(Decider.KEYWORDS), SystemClock()
        self.basis = Basis("1")
        self.conditions = Conditions(web=False, llm=llm)
        memory, near = (
            Memory(entries=100, size=1_000_000, span=Span(60, lambda: 0.5), clock=self.clock) for _ in range(2)
        )
        self.sorter = Sorter(
            self.router, self.keywords, Tiers(memory, (), clock=self.clock), memory,
            basis=lambda: self.basis, conditions=lambda: self.conditions, executor=ThreadPoolExecutor(2),
            clock=self.clock, plan=plan, near=Near(memory=near, gist=lambda text: text[:20], clock=self.clock),
            doubts=self.router, counsel=(lambda: counsel) if counsel else None, chance=lambda: 0.0,
        )  # fmt: skip


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Plan(limit_seconds=1.0))
    yield made
    made.router.go.set()
    await made.sorter.aclose()


async def test_a_question_is_decided_once_and_then_known(bench: Bench) -> None:
    first = await bench.sorter.sort(ASKED)
    again = await bench.sorter.sort(f"  {ASKED.upper().capitalize()} ")
    assert (first.tier, first.route.decided_by, first.why) == ("", Decider.HEAD, "")
    assert (again.tier, again.steps) == ("memory", ("memory-cache",))
    assert again.route == first.route
    assert bench.router.asked == [ASKED]


async def test_ten_thousand_who_ask_the_same_at_once_are_one_computation(bench: Bench) -> None:
    found = await asyncio.gather(*(bench.sorter.sort(ASKED) for _ in range(10_000)))
    assert len({id(f.route) for f in found}) == 1
    assert bench.router.asked == [ASKED]
    assert not any(f.why for f in found)


async def test_different_questions_at_once_go_together(bench: Bench) -> None:
    found = await asyncio.gather(*(bench.sorter.sort(f"{n} What raises metabolite {n}?") for n in range(30)))
    assert bench.router.runs < 10
    assert max(f.company for f in found) == 10
    assert [f.route.version for f in found] == [f"{n} What raises metabolite {n}?" for n in range(30)]


async def test_a_question_of_the_same_gist_goes_the_same_way(bench: Bench) -> None:
    await bench.sorter.sort("What is metabolomics, please tell?")
    near = await bench.sorter.sort("What is metabolomics analysis?")
    assert (near.tier, near.steps, near.cached) == ("near", ("near-match",), True)
    assert bench.sorter.reading().near == 1
    known = await bench.sorter.sort("What is metabolomics analysis?")
    assert known.tier == "memory"


@pytest.mark.parametrize("changed", ["basis", "conditions"])
async def test_what_rested_on_something_else_is_not_found_again(bench: Bench, changed: str) -> None:
    await bench.sorter.sort(ASKED)
    if changed == "basis":
        bench.basis = Basis("2")
    else:
        bench.conditions = Conditions(web=True, llm=False)
    bench.sorter._moment = None
    assert (await bench.sorter.sort(ASKED)).tier == ""
    assert len(bench.router.asked) == 2


async def test_a_router_that_hangs_is_replaced_by_cue_words_in_time() -> None:
    bench = Bench(Plan(limit_seconds=0.2))
    bench.router.go.clear()
    found = await bench.sorter.sort(ASKED)
    assert found.seconds < 0.2
    assert (found.why, found.route.decided_by, found.steps) == ("out-of-time", Decider.KEYWORDS, ("keywords",))
    bench.router.go.set()
    figures = bench.sorter.reading().figures
    assert (figures.total, figures.failed, figures.marks["why-out-of-time"]) == (1, 0, 1)
    assert (await bench.sorter.sort(ASKED)).route.decided_by is Decider.HEAD, "what cue words said is not kept"
    await bench.sorter.aclose()


async def test_a_caller_in_a_hurry_gets_an_answer_before_the_limit(bench: Bench) -> None:
    bench.router.go.clear()
    with within(0.1):
        found = await bench.sorter.sort(ASKED)
    assert found.seconds < 0.1
    assert found.why == "out-of-time"


async def test_a_model_that_fails_is_replaced_by_cue_words_and_what_they_said_is_not_kept(bench: Bench) -> None:
    bench.router.error = EmbeddingFailed("gone")
    found = await bench.sorter.sort(ASKED)
    assert (found.why, found.route.decided_by) == ("embedding-failed", Decider.KEYWORDS)
    bench.router.error = None
    assert (await bench.sorter.sort(ASKED)).route.decided_by is Decider.HEAD


async def test_a_fault_of_ours_is_no_answer(bench: Bench) -> None:
    bench.router.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await bench.sorter.sort(ASKED)


async def test_one_who_goes_away_takes_nobody_with_him(bench: Bench) -> None:
    bench.router.go.clear()
    tasks = [asyncio.create_task(bench.sorter.sort(ASKED)) for _ in range(3)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    bench.router.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [getattr(f, "why", "gone") for f in found[1:]] == ["", ""]
    assert bench.router.asked == [ASKED]


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01", "?!", "x" * 100_000])
async def test_what_is_no_question_is_said_so(bench: Bench, text: str) -> None:
    with pytest.raises(BadQuestion):
        await bench.sorter.sort(text)


async def test_in_doubt_a_language_model_is_asked_once_and_its_opinion_kept() -> None:
    says = Says()
    bench = Bench(Plan(limit_seconds=1.0), says)
    bench.router.unsure = True
    found = await bench.sorter.sort(ASKED)
    assert (found.route.destination, found.route.decided_by) == (Destination.PERPLEXITY, Decider.LLM)
    assert found.steps == ("second-opinion",)
    assert (await bench.sorter.sort(ASKED)).tier == "memory"
    assert says.asked == [ASKED]
    await bench.sorter.aclose()


async def test_a_slow_language_model_is_not_waited_for_and_what_it_says_is_kept_for_the_next() -> None:
    says = Says(0.15)
    bench = Bench(Plan(limit_seconds=1.0, patience_seconds=0.02), says)
    bench.router.unsure = True
    found = await bench.sorter.sort(ASKED)
    assert found.seconds < 0.15
    assert (found.route.decided_by, found.steps) == (Decider.HEAD, ("second-opinion-later",))
    await asyncio.sleep(0.3)
    again = await bench.sorter.sort(ASKED)
    assert (again.tier, again.route.decided_by) == ("memory", Decider.LLM)
    await bench.sorter.aclose()


async def test_where_the_language_model_says_nothing_the_head_decides_for_moments() -> None:
    says = Says()
    says.silent = True
    bench = Bench(Plan(limit_seconds=1.0, doubtful_seconds=0.05), says)
    bench.router.unsure = True
    found = await bench.sorter.sort(ASKED)
    assert (found.route.decided_by, found.steps) == (Decider.HEAD, ("no-second-opinion",))
    await asyncio.sleep(0.1)
    says.silent = False
    assert (await bench.sorter.sort(ASKED)).route.decided_by is Decider.LLM
    await bench.sorter.aclose()


async def test_no_model_is_asked_where_none_may_be() -> None:
    says = Says()
    bench = Bench(Plan(), says, llm=False)
    bench.router.unsure = True
    assert (await bench.sorter.sort(ASKED)).route.decided_by is Decider.HEAD
    assert says.asked == []
    await bench.sorter.aclose()


async def test_warming_decides_before_anybody_asks_and_is_not_counted(bench: Bench) -> None:
    warmed = await bench.sorter.warm([ASKED, "", "What is a biomarker?"])
    assert warmed.ready == 2
    assert list(warmed.failed) == [""]
    assert bench.sorter.reading().figures.total == 0
    assert (await bench.sorter.sort(ASKED)).tier == "memory"


async def test_what_is_cleared_is_decided_anew(bench: Bench) -> None:
    await bench.sorter.sort(ASKED)
    assert await bench.sorter.clear() == {"memory": True}
    assert (await bench.sorter.sort(ASKED)).tier == ""
    assert await bench.sorter.clear(emergency=True) == {"memory": True}
    assert (await bench.sorter.sort(ASKED)).tier == ""


def test_one_sorter_serves_several_loops_one_after_the_other() -> None:
    bench = Bench(Plan())

    async def ask(text: str) -> Any:
        return await bench.sorter.sort(text)

    assert asyncio.run(ask(ASKED)).tier == ""
    assert asyncio.run(ask("What is a biomarker of gout?")).tier == ""
    assert asyncio.run(ask(ASKED)).tier == "memory"
