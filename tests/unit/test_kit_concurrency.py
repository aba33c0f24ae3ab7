"""Limits that find themselves: up while calls are as fast as usual, down when they are not."""

import math
import random

import pytest

from cmo.kit.concurrency import Gradient, Law, Level, Sample, Steps

GRADIENT, STEPS = Gradient(), Steps(first=8)


def after(law: Law, level: Level, count: int, seconds: float, *, dropped: bool = False) -> Level:
    """So many calls, with all slots taken."""
    for _ in range(count):
        level = law.after(level, Sample(seconds, level.whole, dropped))
    return level


def test_it_grows_while_calls_are_as_fast_as_usual() -> None:
    assert after(GRADIENT, GRADIENT.start(), 500, 0.1).limit == 64


def test_it_shrinks_when_calls_take_much_longer_than_usual() -> None:
    level = after(GRADIENT, GRADIENT.start(), 50, 0.1)
    slower = after(GRADIENT, level, 20, 1.0)
    assert slower.limit < level.limit / 2


def test_it_comes_back_when_calls_are_fast_again() -> None:
    level = after(GRADIENT, after(GRADIENT, GRADIENT.start(), 50, 0.1), 50, 1.0)
    assert after(GRADIENT, level, 200, 0.1).limit > 2 * level.limit


def test_a_service_that_became_faster_is_believed_soon() -> None:
    level = after(GRADIENT, GRADIENT.start(), 1000, 1.0)
    assert after(GRADIENT, level, 60, 0.1).usual < 0.25


def test_calls_that_do_not_fill_the_limit_say_nothing_about_it() -> None:
    level = GRADIENT.start()
    for _ in range(100):
        level = GRADIENT.after(level, Sample(0.1, 2))
    assert level.limit == 8


@pytest.mark.parametrize("law", [GRADIENT, STEPS])
def test_being_turned_away_shrinks_it_however_fast_that_was(law: Law) -> None:
    level = law.start()
    assert law.after(level, Sample(0.001, 8, dropped=True)).limit == pytest.approx(7.2)


def test_steps_go_up_by_one_and_down_by_a_tenth() -> None:
    level = STEPS.after(STEPS.start(), Sample(0.1, 4))
    assert level.limit == 9
    assert STEPS.after(level, Sample(0.1, 4)).limit == 9
    assert STEPS.after(level, Sample(0.1, 9, dropped=True)).limit == pytest.approx(8.1)


@pytest.mark.parametrize("law", [GRADIENT, STEPS])
@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_durations_that_are_none_do_no_harm(law: Law, seconds: float) -> None:
    level = after(law, law.start(), 100, seconds)
    assert 1 <= level.limit <= 64
    assert math.isfinite(level.usual)


def test_with_a_service_of_sixteen_lanes_it_neither_starves_nor_floods_it() -> None:
    """Times as uneven as a language model's, longer in proportion once more is under way than there are lanes."""
    rng = random.Random(3)
    level, limits = GRADIENT.start(), []
    for n in range(6000):
        queued = max(1.0, level.whole / 16)
        level = GRADIENT.after(level, Sample(rng.lognormvariate(-1.1, 0.66) * queued, level.whole))
        limits.append(level.limit if n > 500 else 16.0)
    assert 10 < sum(limits) / len(limits) < 40
