"""Pieces of work that are gathered into runs."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.errors import Overloaded
from cmo.kit.admission import Rank, Room
from cmo.kit.batch import Batcher, Cost, Crew, RunLength, crew_after
from cmo.kit.deadline import within


class Work:
    """Doubles numbers; the first run waits until it is let go."""

    def __init__(self, *, held: bool = True) -> None:
        self.runs: list[list[int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, pieces: Sequence[int]) -> list[int]:
        self.runs.append(list(pieces))
        self.begun.set()
        assert self.go.wait(5)
        if 13 in pieces:
            raise ValueError("thirteen")
        return [2 * piece for piece in pieces]


def batcher(
    work: Callable[[Sequence[int]], Sequence[int]], *, most: int = 4, places: int = 100, workers: int = 1
) -> Batcher[int, int]:
    return Batcher(
        "doubling", work, ThreadPoolExecutor(2), room=Room(places), crew=Crew(workers, workers), length=RunLength.of(most, 0)
    )  # fmt: skip


async def begun(work: Work) -> None:
    await asyncio.to_thread(work.begun.wait, 5)


async def test_who_comes_alone_goes_at_once_and_alone() -> None:
    work = Work(held=False)
    doubled = await batcher(work).one(4)
    assert (doubled.value, doubled.company, work.runs) == (8, 1, [[4]])


async def test_what_comes_while_workers_are_busy_goes_together_up_to_the_limit() -> None:
    work = Work()
    doubling = batcher(work)
    tasks = [asyncio.create_task(doubling.one(n)) for n in range(10)]
    await begun(work)
    work.go.set()
    found = await asyncio.gather(*tasks)
    assert [f.value for f in found] == [2 * n for n in range(10)]
    assert work.runs == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert [f.company for f in found] == [1, 4, 4, 4, 4, 4, 4, 4, 4, 1]
    reading = doubling.reading()
    assert (reading.runs, reading.pieces, reading.longest, reading.mean) == (4, 10, 4, 2.5)


async def test_who_matters_more_goes_first() -> None:
    work = Work()
    doubling = batcher(work, most=1)
    tasks = [asyncio.create_task(doubling.one(0))]
    await begun(work)
    for n, rank in ((1, Rank.SHADOW), (2, Rank.PREFETCH), (3, Rank.HEALTH), (4, Rank.INTERACTIVE)):
        tasks.append(asyncio.create_task(doubling.one(n, rank)))
    await asyncio.sleep(0)
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.runs == [[0], [3], [4], [2], [1]]


async def test_a_failure_is_told_to_its_run_alone() -> None:
    work = Work()
    doubling = batcher(work)
    tasks = [asyncio.create_task(doubling.one(n)) for n in (0, 1, 13)]
    await begun(work)
    work.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(f).__name__ for f in found] == ["Gathered", "ValueError", "ValueError"]
    assert (await doubling.one(5)).value == 10


async def test_who_goes_away_leaves_the_others_be() -> None:
    work = Work()
    doubling = batcher(work)
    tasks = [asyncio.create_task(doubling.one(n)) for n in range(4)]
    await begun(work)
    tasks[0].cancel()
    tasks[2].cancel()
    await asyncio.sleep(0)
    work.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(f, "value", "gone") for f in found] == ["gone", 2, "gone", 6]
    assert work.runs == [[0], [1, 3]]
    assert doubling.reading().waiting == 0


async def test_a_full_room_turns_newcomers_away() -> None:
    work = Work()
    doubling = batcher(work, places=2)
    tasks = [asyncio.create_task(doubling.one(n)) for n in range(5)]
    await begun(work)
    work.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(f, Overloaded) for f in found) == 2
    assert doubling.reading().refused == 2


async def test_who_would_not_be_served_in_time_is_turned_away_at_once() -> None:
    work = Work()
    doubling = batcher(work, most=1)
    doubling._length = RunLength(1, 1, 0, {1: Cost(10, 1.0)})  # a second a piece
    tasks = [asyncio.create_task(doubling.one(n)) for n in range(3)]
    await begun(work)
    with within(2.5), pytest.raises(Overloaded):
        await doubling.one(9)
    work.go.set()
    await asyncio.gather(*tasks)


async def test_when_somebody_waits_too_long_another_worker_is_called_in() -> None:
    work = Work()
    doubling: Batcher[int, int] = Batcher(
        "doubling", work, ThreadPoolExecutor(2), room=Room(10), crew=Crew(1, 2, wait_seconds=0.01), length=RunLength.of(1, 0)
    )  # fmt: skip
    tasks = [asyncio.create_task(doubling.one(n)) for n in range(3)]
    async with asyncio.timeout(5):
        while len(work.runs) < 2:  # noqa: ASYNC110 - the first run is held: only a second worker can begin the second
            await asyncio.sleep(0.01)
    work.go.set()
    await asyncio.gather(*tasks)
    assert doubling.reading().most_workers == 2


@given(st.integers(1, 9), st.floats(0, 1), st.floats(0, 10))
def test_a_crew_stays_within_its_bounds(workers: int, busy: float, waited: float) -> None:
    crew = Crew(2, 5)
    assert 2 <= crew_after(crew, workers, busy, waited) <= 5


def test_a_crew_grows_only_when_somebody_waits_and_shrinks_when_idle() -> None:
    crew = Crew(1, 4, wait_seconds=0.05)
    assert crew_after(crew, 2, 1.0, 0.1) == 3
    assert crew_after(crew, 2, 1.0, 0.01) == 2
    assert crew_after(crew, 2, 0.5, 1.0) == 2
    assert crew_after(crew, 2, 0.1, 0.0) == 1


def fed(length: RunLength, costs: dict[int, float], rounds: int) -> RunLength:
    """Runs of each length in turn, as far as the limit lets them be, a piece at so many seconds."""
    for _ in range(rounds):
        for pieces, seconds in costs.items():
            length = length.after(min(pieces, length.limit), seconds * min(pieces, length.limit))
    return length


def test_runs_become_as_long_as_costs_least_and_the_change_says_what_it_brought() -> None:
    length = fed(RunLength.of(8, 50), {1: 0.004, 4: 0.002, 8: 0.003}, 10)
    assert length.limit == 4
    change = length.changes[0]
    assert (change.old, change.new) == (8, 4)
    assert change.old_seconds == pytest.approx(0.003)
    assert change.new_seconds == pytest.approx(0.002)
    assert length.costs[4].seconds == pytest.approx(0.002, rel=0.5)


def test_little_is_learnt_from_a_few_runs_and_nothing_where_it_is_switched_off() -> None:
    costs = {1: 0.004, 4: 0.001, 8: 0.003}
    assert fed(RunLength.of(8, 50), costs, 2).limit == 8
    assert fed(RunLength.of(8, 0), costs, 100).limit == 8


def test_what_costs_about_the_same_changes_nothing() -> None:
    assert fed(RunLength.of(8, 50), {4: 0.00199, 8: 0.002}, 50).changes == ()
