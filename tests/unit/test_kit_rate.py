"""How often a caller may ask."""

import pytest

from cmo.kit.rate import Rate, Rates
from cmo.kit.refusal import Why
from cmo.testing import FakeClock


def rates(rate: Rate, most: int = 100) -> tuple[Rates, FakeClock]:
    clock = FakeClock()
    clock.advance(1000)
    return Rates(rate, most=most, monotonic=clock.monotonic), clock


def admitted(found: Rates, caller: str, times: int) -> int:
    return sum(found.admit(caller) is None for _ in range(times))


def test_a_burst_is_admitted_and_no_more() -> None:
    found, _ = rates(Rate(2.0, 5))
    assert admitted(found, "a", 20) == 5


def test_a_refusal_says_when_to_come_again_and_is_right() -> None:
    found, clock = rates(Rate(2.0, 3))
    admitted(found, "a", 3)
    refused = found.admit("a")
    assert refused is not None
    assert (refused.why, refused.after) == (Why.RATE, pytest.approx(0.5))
    clock.advance(refused.after - 0.01)
    assert found.admit("a") is not None
    clock.advance(0.0101)
    assert found.admit("a") is None


def test_over_time_the_rate_is_kept() -> None:
    found, clock = rates(Rate(2.0, 5))
    count = 0
    for _ in range(1000):
        count += admitted(found, "a", 1)
        clock.advance(0.1)
    assert 200 <= count <= 205


def test_a_quiet_time_gives_a_burst_and_not_two() -> None:
    found, clock = rates(Rate(2.0, 5))
    admitted(found, "a", 5)
    clock.advance(1e6)
    assert admitted(found, "a", 20) == 5


def test_callers_do_not_pay_for_one_another() -> None:
    found, _ = rates(Rate(1.0, 2))
    assert [admitted(found, caller, 5) for caller in "abc"] == [2, 2, 2]


def test_made_up_names_gain_nobody_more_and_take_no_room() -> None:
    found, _ = rates(Rate(1.0, 2), most=10)
    names = [f"n{n}" for n in range(10_000)]
    assert sum(admitted(found, name, 1) for name in names) == 10 + 2
    assert len(found) == 10
    assert admitted(found, "n0", 5) == 1


def test_who_was_quiet_makes_room() -> None:
    found, clock = rates(Rate(1.0, 2), most=10)
    for n in range(10):
        admitted(found, f"n{n}", 1)
    clock.advance(10)
    assert [admitted(found, f"m{n}", 5) for n in range(10)] == [2] * 10
    assert len(found) == 10
