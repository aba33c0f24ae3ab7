"""When something is tried again, after how long, and when no longer."""

import asyncio
from collections.abc import Iterator

import pytest

from cmo.kit.allowance import Purse
from cmo.kit.deadline import within
from cmo.kit.retry import Again, Patience, Retrier, pause
from cmo.kit.virtual import clock, run

PATIENCE = Patience(attempts=3, first_pause=1.0, longest_pause=10.0, longest_asked=60.0)


class Passing(Exception):
    """May pass."""


class Lasting(Exception):
    """Will not."""


class Other(Exception):
    """Is not looked at."""


class Attempts:
    """Fails as told, then succeeds."""

    def __init__(self, *fails: Exception) -> None:
        self.made = 0
        self._fails: Iterator[Exception] = iter(fails)

    def here(self) -> int:
        self.made += 1
        if (error := next(self._fails, None)) is not None:
            raise error
        return self.made

    async def __call__(self) -> int:
        return self.here()


def retrier(purse: Purse | None = None, asked: float = 0.0, chance: float = 0.5) -> Retrier:
    return Retrier(
        PATIENCE,
        purse or Purse(0.1, 10),
        (Passing, Lasting),
        lambda error: Again(asked) if isinstance(error, Passing) else None,
        chance=lambda: chance,
    )


def test_a_pause_is_drawn_from_nought_to_twice_the_last() -> None:
    longest = [pause(Patience(99, 1.0, 10.0), n, Again(), 1.0) for n in range(1, 7)]
    assert longest == [1, 2, 4, 8, 10, 10]
    assert pause(PATIENCE, 2, Again(), 0.0) == 0
    assert pause(PATIENCE, 2, Again(), 0.25) == 0.5


def test_what_the_server_asks_for_is_the_least() -> None:
    assert pause(PATIENCE, 1, Again(7.0), 0.5) == 7.5
    assert pause(PATIENCE, 1, Again(60.0), 0.0) == 60


@pytest.mark.parametrize("asked", [60.1, float("inf"), float("nan"), -1.0])
def test_a_pause_that_is_too_long_or_none_is_not_waited_for(asked: float) -> None:
    assert pause(PATIENCE, 1, Again(asked), 0.5) is None


def test_after_the_last_attempt_there_is_none() -> None:
    assert pause(PATIENCE, 3, Again(), 0.5) is None


def test_what_may_pass_is_tried_again() -> None:
    async def main() -> tuple[int, float]:
        return await retrier().run(Attempts(Passing(), Passing())), clock().time()

    assert run(main()) == (3, pytest.approx(0.5 + 1.0))


@pytest.mark.parametrize("error", [Lasting, Other])
def test_what_will_not_pass_is_not(error: type[Exception]) -> None:
    attempts = Attempts(error())
    with pytest.raises(error):
        retrier().run_here(attempts.here)
    assert attempts.made == 1


def test_the_last_error_is_told() -> None:
    attempts = Attempts(Passing("first"), Passing("second"), Passing("third"))
    with pytest.raises(Passing, match="third"):
        retrier(chance=0.0).run_here(attempts.here)


def test_what_may_not_be_repeated_is_not() -> None:
    attempts = Attempts(Passing())
    with pytest.raises(Passing):
        retrier().run_here(attempts.here, repeatable=False)
    assert attempts.made == 1


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    async def main() -> float:
        with within(2.0, clock().monotonic), pytest.raises(Passing):
            await retrier(asked=5.0).run(Attempts(Passing()))
        return clock().time()

    assert run(main()) == 0


def test_two_layers_do_not_both_try_again() -> None:
    attempts, inner, outer = Attempts(*[Passing()] * 9), retrier(chance=0.0), retrier(chance=0.0)
    with pytest.raises(Passing):
        outer.run_here(lambda: inner.run_here(attempts.here))
    assert attempts.made == 3


def test_a_layer_that_may_not_repeat_leaves_it_to_the_one_below() -> None:
    attempts = Attempts(Passing())
    outer, inner = retrier(), retrier(chance=0.0)
    assert outer.run_here(lambda: inner.run_here(attempts.here), repeatable=False) == 2


def test_one_layer_in_a_task_beside_is_not_below() -> None:
    async def main() -> list[int]:
        one = retrier()
        return await asyncio.gather(one.run(Attempts(Passing())), one.run(Attempts(Passing())))

    assert run(main()) == [2, 2]


def test_when_all_fails_a_tenth_is_tried_again() -> None:
    one, made = retrier(Purse(0.1, 5), chance=0.0), 0
    for _ in range(1000):
        attempts = Attempts(*[Passing()] * 9)
        with pytest.raises(Passing):
            one.run_here(attempts.here)
        made += attempts.made
    assert 1000 + 95 <= made <= 1000 + 105


def test_a_further_attempt_is_told_with_its_pause() -> None:
    told: list[float] = []
    one = Retrier(PATIENCE, Purse(0.1, 10), (Passing,), lambda _e: Again(), chance=lambda: 0.0, tell=told.append)
    assert one.run_here(Attempts(Passing()).here) == 2
    assert told == [0.0]
