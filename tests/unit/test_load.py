"""Loads: how many users are active, what a run comes to, and its grade."""

import asyncio
import itertools
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.bench.chart import chart
from cmo.bench.load import Answered, Grade, Load, Pattern, active, asked, grade, measured, run


@given(st.sampled_from(Pattern), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_somebody_is_always_active_and_never_more_than_there_are(
    pattern: Pattern, users: int, progress: float, chance: float
) -> None:
    assert 1 <= active(pattern, users, progress, chance) <= users


def shape(pattern: Pattern) -> list[int]:
    return [active(pattern, 100, n / 100, 0.5) for n in range(100)]


def test_each_pattern_has_its_shape() -> None:
    assert set(shape(Pattern.CONSTANT)) == {100}
    assert shape(Pattern.RAMP_UP) == sorted(shape(Pattern.RAMP_UP))
    assert [n for n, users in enumerate(shape(Pattern.SPIKE)) if users == 100] == list(range(45, 55))
    assert sum(a < b for a, b in itertools.pairwise(shape(Pattern.BURST))) == 5
    peaks = [
        n for n in range(1, 99) if shape(Pattern.WAVE)[n - 1] <= shape(Pattern.WAVE)[n] > shape(Pattern.WAVE)[n + 1]
    ]
    assert len(peaks) == 3
    assert set(shape(Pattern.RANDOM)) == {50}


@pytest.mark.parametrize(
    ("mean", "within", "wanted"),
    [
        (0.9, 0.995, Grade.A_PLUS), (0.9, 0.98, Grade.A), (1.1, 0.98, Grade.A), (1.3, 0.96, Grade.B_PLUS),
        (1.5, 0.91, Grade.B), (1.9, 0.85, Grade.C), (2.0, 1.0, Grade.F), (0.1, 0.5, Grade.F),
    ],
)  # fmt: skip
def test_a_grade_takes_both_the_mean_and_the_share_within_the_target(mean: float, within: float, wanted: Grade) -> None:
    assert grade(mean, within) is wanted


async def test_a_run_asks_as_many_questions_as_it_should_with_as_many_users() -> None:
    seen: list[str] = []
    at_once = most = 0

    async def ask(question: str) -> tuple[bool, bool]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        seen.append(question)
        await asyncio.sleep(0.001)
        at_once -= 1
        return question != "3", int(question) % 2 == 0

    told = await run(ask, map(str, itertools.count()), Load(4, questions=40))
    assert seen == [str(n) for n in range(40)]
    assert (told.count, most, told.peak_users) == (40, 4, 4)
    assert told.success == 39 / 40
    assert told.hits == 0.5
    assert 0.001 <= told.p50 <= told.p95 <= told.p99 <= told.longest
    assert told.rate > 0


async def test_a_run_ends_in_time() -> None:
    async def ask(_: str) -> tuple[bool, bool]:
        await asyncio.sleep(0.001)
        return True, False

    told = await run(ask, itertools.repeat("?"), Load(2, seconds=0.05))
    assert told.count > 2
    assert told.answers[-1].at < 1


def test_of_no_answers_nothing_is_claimed() -> None:
    told = measured(Load(1), [], 0)
    assert (told.count, told.rate, told.success, told.grade) == (0, 0.0, 0.0, Grade.F)


def test_questions_repeat_as_often_as_is_said() -> None:
    before: set[str] = set()
    again = 0
    for question in itertools.islice(asked(0.6, seed=1), 2_000):
        again += question in before
        before.add(question)
    assert 0.57 < again / 2_000 < 0.68
    assert list(itertools.islice(asked(0.5, 2), 50)) == list(itertools.islice(asked(0.5, 2), 50))


def test_a_chart_is_an_image_with_a_point_for_each_answer() -> None:
    answers = [Answered(n / 10, 0.01 * n, ok=n != 3, cached=n == 2) for n in range(10)]
    drawn = ET.fromstring(chart("a < b & c", answers, 0.05))
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == 10
    assert "a < b & c" in [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    ET.fromstring(chart("none", [], 1.0))
