"""A second call when the first one takes long, in made-up time."""

import asyncio

import pytest

from cmo.kit.hedge import hedged
from cmo.kit.virtual import clock, run


class Calls:
    """Each takes as long as told, and fails if told so."""

    def __init__(self, *seconds: float, fails: tuple[int, ...] = ()) -> None:
        self.begun, self.ended, self.cancelled = 0, 0, 0
        self._seconds = seconds
        self._fails = fails
        self.won = 0

    async def __call__(self) -> int:
        number = self.begun
        self.begun += 1
        try:
            await asyncio.sleep(self._seconds[number])
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        if number in self._fails:
            raise LookupError(number)
        return number

    async def race(self, after: float | None = 1.0, *, may: bool = True) -> tuple[int, float]:
        async def allowed() -> bool:
            return may

        def won() -> None:
            self.won += 1

        return await hedged(self, after=after, may=allowed, won=won), clock().time()


def test_a_fast_call_is_alone() -> None:
    calls = Calls(0.5)
    assert run(calls.race()) == (0, 0.5)
    assert calls.begun == 1


def test_the_second_one_may_be_faster_and_the_first_is_ended() -> None:
    calls = Calls(10, 0.5)
    assert run(calls.race()) == (1, 1.5)
    assert (calls.begun, calls.cancelled, calls.won) == (2, 1, 1)


def test_the_first_one_may_still_be_faster() -> None:
    calls = Calls(1.2, 5)
    assert run(calls.race()) == (0, 1.2)
    assert (calls.cancelled, calls.won) == (1, 0)


@pytest.mark.parametrize(("after", "may"), [(None, True), (1.0, False)])
def test_what_may_not_be_doubled_is_not(after: float | None, may: bool) -> None:
    calls = Calls(10, 0.5)
    assert run(calls.race(after, may=may)) == (0, 10)
    assert calls.begun == 1


def test_a_failure_before_the_second_one_is_told_at_once() -> None:
    with pytest.raises(LookupError):
        run(Calls(0.5, fails=(0,)).race())


@pytest.mark.parametrize(("seconds", "fails", "answer"), [((2, 5), (0,), (1, 6)), ((5, 1), (1,), (0, 5))])
def test_if_one_fails_the_other_is_waited_for(
    seconds: tuple[float, float], fails: tuple[int, ...], answer: tuple[int, float]
) -> None:
    assert run(Calls(*seconds, fails=fails).race()) == answer


def test_if_both_fail_the_first_one_s_error_is_told() -> None:
    calls = Calls(5, 1, fails=(0, 1))
    with pytest.raises(LookupError, match="0"):
        run(calls.race())
    assert calls.won == 0


def test_who_is_cancelled_leaves_nothing_behind() -> None:
    calls = Calls(10, 10)

    async def main() -> None:
        task = asyncio.create_task(calls.race())
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    run(main())
    assert (calls.begun, calls.cancelled) == (2, 2)
