"""Durations of the last calls, exactly."""

import math
import random

from cmo.kit.pace import Pace


def test_of_few_nothing_is_said() -> None:
    pace = Pace()
    for _ in range(19):
        pace.add(1.0)
    assert pace.quantile(0.95) is None
    pace.add(1.0)
    assert pace.quantile(0.95) == 1.0


def test_a_quantile_is_what_that_share_did_not_exceed() -> None:
    pace, rng = Pace(100), random.Random(1)
    for value in rng.sample(range(1, 101), 100):
        pace.add(float(value))
    assert [pace.quantile(q) for q in (0.0, 0.5, 0.95, 1.0)] == [1.0, 50.0, 95.0, 100.0]


def test_old_ones_are_forgotten() -> None:
    pace, rng = Pace(50), random.Random(2)
    values = [rng.choice([0.1, 0.2, 0.2, 3.0]) for _ in range(500)]
    for value in values:
        pace.add(value)
    assert len(pace) == 50
    assert pace.quantile(0.5) == sorted(values[-50:])[24]


def test_what_is_no_duration_does_not_count() -> None:
    pace = Pace()
    for value in (math.nan, math.inf, -1.0):
        pace.add(value)
    assert len(pace) == 0
