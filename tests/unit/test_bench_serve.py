"""Arithmetic of `cmo bench serve`."""

import numpy as np
import pytest

from cmo.bench.job import Waited, due
from cmo.bench.serving_long import growth
from cmo.bench.serving_speed import repeated


def test_questions_of_an_open_loop_come_as_many_as_wanted_and_know_nothing_of_one_another() -> None:
    times = np.array(list(due(200, 50, seed=1)))
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert 0 < times[0] < times[-1] < 50
    gaps = np.diff(times)
    assert (gaps > 0).all()
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05), "the gaps of a Poisson process vary as much as they last"
    counts = np.histogram(times, bins=500, range=(0, 50))[0]
    assert counts.var() == pytest.approx(counts.mean(), rel=0.2)


def test_the_same_seed_asks_at_the_same_times() -> None:
    assert list(due(50, 2, seed=3)) == list(due(50, 2, seed=3))
    assert list(due(50, 2, seed=3)) != list(due(50, 2, seed=4))
    assert list(due(50, 0, seed=3)) == []


def test_quantiles_are_those_of_all_replies_in_any_order() -> None:
    waited = Waited.of([n / 1000 for n in range(200, 0, -1)])
    assert waited == Waited(200, 100.0, 190.0, 198.0, 200.0, 100.5)
    assert Waited.of([]) == Waited(0, 0.0, 0.0, 0.0, 0.0)


def test_growth_is_told_by_a_line_and_by_the_ends() -> None:
    at = np.arange(0, 1800, 5.0)
    steady = 600 + np.random.default_rng(0).normal(0, 3, at.size)
    assert growth(list(zip(at, steady, strict=True))) == pytest.approx((0, 0), abs=0.4)
    leaking = 600 + 0.02 * at
    by_line, by_tenths = growth(list(zip(at, leaking, strict=True)))
    assert by_line == pytest.approx(100 * 0.02 * 1795 / 600, rel=0.01)
    assert by_tenths == pytest.approx(5.3, abs=0.2)
    assert growth(list(zip(at, leaking[::-1], strict=True)))[0] < -5


def test_of_the_users_questions_a_share_was_asked_before() -> None:
    fresh = [f"question {n}" for n in range(500)]
    asked = repeated(fresh, 4_000, 0.9, seed=2)
    new = len(set(asked))
    assert new / len(asked) == pytest.approx(0.1, abs=0.02)
    firsts = [asked.index(one) for one in fresh[:new]]
    assert firsts == sorted(firsts), "each is new once, in its turn"
    assert repeated(["only"], 5, 0.9, seed=2) == ["only"] * 5
