"""`cmo bench classify`: how long classes take, alone, together, kept, and under the load of the documents.

::

    embedding alone  in turns with  a question nobody asked --> what the rest costs
    300 at once --> questions a second        10,000 the same at once --> computations
    memory, disk, a real Valkey --> what a kept decision costs
    1, 5, 15, 30, 50 users with a language model of 400 ms --> beside the limits of the documents, ten times to spare
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from cmo.app import App
from cmo.bench.figures import Row
from cmo.bench.load import Load, asked, run
from cmo.bench.slow_model import SlowModel
from cmo.kit.clock import SystemClock
from cmo.kit.machine import cores
from cmo.kit.tally import quantile
from cmo.model.routes import Conditions
from cmo.model.sorting import Plan
from cmo.route import KeywordRouter, shipped_rules
from cmo.settings import Settings
from cmo.sorting.cast import OpenSorter, Shelves, counsel_of, open_sorter, warm_up
from cmo.spend import Price

SPARE: Final = 10.0
IDENTICAL: Final = 10_000
_SINGLE, _TOGETHER, _KEPT = 300, 500, 400
_MODEL: Final = "slow-model"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load of document 002, and its limits."""

    users: int
    mean: float
    p95: float
    success: float
    hits: tuple[float, float]
    questions: int


SCENARIOS: Final = (
    Scenario(1, 0.8, 1.2, 0.999, (0.2, 0.4), 200),
    Scenario(5, 1.0, 1.5, 0.995, (0.6, 0.8), 400),
    Scenario(15, 1.2, 1.8, 0.99, (0.7, 0.85), 600),
    Scenario(30, 1.5, 2.0, 0.98, (0.8, 0.9), 900),
    Scenario(50, 2.0, 3.0, 0.95, (0.85, 0.95), 1_200),
)


class ClassifyBench:
    """Measures in a folder of its own.

    Args:
        settings: of the model.
        folder: where caches are made.
        redis_url: of a real server; empty leaves the shared tier out.
    """

    def __init__(self, settings: Settings, folder: Path, redis_url: str = "") -> None:
        self._settings = settings.model_copy(
            update={"working_dir": folder, "llm_classification": False, "redis_url": SecretStr(redis_url)}
        )
        self._redis_url = redis_url

    def measure(self) -> Iterator[Row]:
        """Every figure, as it comes."""
        house = App(self._settings)
        try:
            warm_up(house)
            yield from self._alone(house)
            yield from self._with(house, Shelves(disk_megabytes=0, shared=False), self._together)
            yield from self._with(house, Shelves(disk_megabytes=0, shared=False), self._identical)
            yield from self._kept(house)
        finally:
            house.close()
        yield from self._scenarios()

    def _alone(self, house: App) -> Iterator[Row]:
        """In turns, so that whatever else runs on the machine bears on both alike."""
        alone: list[float] = []
        whole: list[float] = []

        async def turns(opened: OpenSorter) -> AsyncIterator[Row]:
            for question in _fresh(_SINGLE, seed=1):
                began = time.perf_counter()
                house.encoder.encode_query(question + " ?")
                between = time.perf_counter()
                found = await opened.sorter.sort(question)
                if not found.cached:
                    alone.append(between - began)
                    whole.append(time.perf_counter() - between)
            for row in _ratio(sorted(alone), sorted(whole)):
                yield row

        plan = Plan(workers_most=cores(), near=0)
        yield from self._with(house, Shelves(0, 0, 0.0, 0, 0.0, shared=False), turns, plan)

    async def _together(self, opened: OpenSorter) -> AsyncIterator[Row]:
        sorter = opened.sorter
        questions = _fresh(_TOGETHER, seed=2)
        began, cpu = time.perf_counter(), time.process_time()
        # As many at once as ten workers' worth: more would only wait.
        gate = asyncio.Semaphore(32)

        async def one(question: str) -> bool:
            async with gate:
                return bool((await sorter.sort(question)).why)

        fell = await asyncio.gather(*(one(question) for question in questions))
        took, work = time.perf_counter() - began, time.process_time() - cpu
        count = len(questions)
        yield _row("batch", "questions a second", count / took, "1/s", 250, below=False)
        yield _row("batch", "questions a second of CPU on all cores", count * cores() / work, "1/s")
        yield _row("batch", "questions that cue words had to decide", sum(fell), "", 0)
        batch = sorter.reading().batch
        if batch is not None:
            yield _row("batch", "mean length of a run", batch.mean, "questions")
            for length, cost in sorted(batch.costs.items()):
                yield _row("batch", f"a question in runs of {length}", cost.seconds * 1000, "ms")

    async def _identical(self, opened: OpenSorter) -> AsyncIterator[Row]:
        sorter = opened.sorter
        began = time.perf_counter()
        found = await asyncio.gather(
            *(sorter.sort("How does ketosis change the metabolome?") for _ in range(IDENTICAL))
        )
        took = time.perf_counter() - began
        batch = sorter.reading().batch
        yield _row("identical", f"computations for {IDENTICAL:,} at once", batch.pieces if batch else 0, "", 1)
        yield _row("identical", "the last one's answer after", took, "s", sorter.plan.limit_seconds)
        yield _row("identical", "different answers", len({id(f.route) for f in found}), "", 1)

    def _kept(self, house: App) -> Iterator[Row]:
        tiers = [("memory", Shelves(disk_megabytes=0, shared=False), 50.0)]
        tiers.append(("disk", Shelves(memory_entries=0, disk_megabytes=20, shared=False), 300.0))
        if self._redis_url:
            tiers.append(("shared", Shelves(memory_entries=0, disk_megabytes=0), 1000.0))
        for tier, shelves, goal in tiers:

            async def hits(opened: OpenSorter, tier: str = tier, goal: float = goal) -> AsyncIterator[Row]:
                times = await _hits(opened, tier)
                yield _row("kept", f"{tier}: p50", quantile(times, 0.5) * 1e6, "us", goal)
                yield _row("kept", f"{tier}: p99", quantile(times, 0.99) * 1e6, "us")

            yield from self._with(house, shelves, hits, Plan(workers_most=cores(), near=0))

    def _scenarios(self) -> Iterator[Row]:
        with SlowModel(says=_label) as model:
            changed = {"llm_url": model.url, "llm_model": _MODEL, "llm_classification": True}
            house = App(self._settings.model_copy(update=changed))
            try:
                house.treasury.own_prices.put(Price.of({"model": _MODEL, "provider": "", "input": 0, "output": 0}))
                warm_up(house)
                for scenario in SCENARIOS:
                    yield from self._scenario(house, scenario, model)
            finally:
                house.close()

    def _scenario(self, house: App, scenario: Scenario, model: SlowModel) -> Iterator[Row]:
        async def loaded(opened: OpenSorter) -> AsyncIterator[Row]:
            async def ask(question: str) -> tuple[bool, bool]:
                found = await opened.sorter.sort(question)
                return not found.why, found.cached or "deduplicated" in found.steps

            before = model.requests
            questions = asked(sum(scenario.hits) / 2, seed=scenario.users)
            told = await run(ask, questions, Load(scenario.users, questions=scenario.questions))
            part = f"{scenario.users} user{'s' if scenario.users > 1 else ''}"
            yield _row(part, "mean", told.mean * 1000, "ms", scenario.mean * 1000 / SPARE)
            yield _row(part, "p95", told.p95 * 1000, "ms", scenario.p95 * 1000 / SPARE)
            yield _row(part, "p99", told.p99 * 1000, "ms")
            yield _row(part, "success", told.success, "", scenario.success, below=False)
            yield _row(part, "hit rate", told.hits, "", scenario.hits[0], below=False)
            yield _row(part, "rate", told.rate, "1/s", 50 if scenario.users > 1 else None, below=False)
            yield _row(part, "calls of the language model", model.requests - before, "")

        counsel = counsel_of(house)
        shelves = Shelves(disk_megabytes=0, shared=False)
        yield from self._with(house, shelves, loaded, counsel=counsel)

    def _with(
        self,
        house: App,
        shelves: Shelves,
        work: Callable[[OpenSorter], AsyncIterator[Row]],
        plan: Plan | None = None,
        counsel: Any = None,
    ) -> Iterator[Row]:
        """Figures of a sorter that is opened for them."""
        opened = open_sorter(house, plan or Plan(workers_most=cores()), shelves, counsel=counsel)

        async def rows() -> list[Row]:
            found = [row async for row in work(opened)]
            await opened.sorter.aclose()
            return found

        try:
            yield from asyncio.run(rows())
        finally:
            opened.close()


def _ratio(alone: Sequence[float], whole: Sequence[float]) -> Iterator[Row]:
    p50 = quantile(alone, 0.5)
    yield _row("alone", "embedding alone: p50", p50 * 1000, "ms")
    yield _row("alone", "whole: p50", quantile(whole, 0.5) * 1000, "ms")
    yield _row("alone", "whole over embedding: p50", quantile(whole, 0.5) / p50 if p50 else 0.0, "", 1.5)
    yield _row("alone", "whole: p99", quantile(whole, 0.99) * 1000, "ms", 25)
    yield _row("alone", "embedding alone: p99", quantile(alone, 0.99) * 1000, "ms")


async def _hits(opened: OpenSorter, tier: str) -> list[float]:
    questions = _fresh(40, seed=3)
    for question in questions:
        await opened.sorter.sort(question)
    times: list[float] = []
    for n in range(_KEPT):
        began = time.perf_counter()
        found = await opened.sorter.sort(questions[n % len(questions)])
        if found.tier == tier:
            times.append(time.perf_counter() - began)
    return sorted(times)


def _row(part: str, what: str, value: float, unit: str, goal: float | None = None, *, below: bool = True) -> Row:
    """A figure, and whether it meets its goal from below or from above."""
    if goal is None:
        return Row(what, value, unit, part=part)
    return replace((Row.at_most if below else Row.at_least)(what, value, unit, goal), part=part)


def _fresh(count: int, seed: int) -> list[str]:
    found: dict[str, None] = {}
    for question in asked(0.0, seed):
        found[question] = None
        if len(found) == count:
            return list(found)
    return list(found)


def _label(question: str) -> str:
    """What cue words would say: a model that is neither right nor wrong all the time."""
    route = _keywords().route(question, Conditions())
    facts = {"destination": route.destination, "research_category": route.research, "scope": route.scope}
    return json.dumps({name: value.value for name, value in facts.items()})


@cache
def _keywords() -> KeywordRouter:
    return KeywordRouter(shipped_rules(), lambda: SystemClock().now().year)
