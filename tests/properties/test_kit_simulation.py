"""The simulation is the same each time, and shows what the kit is for."""

import pytest

from cmo.bench.resilience import DEADLINE_SECONDS, Result, as_json, measure


def simulated(load: float, way: str, *, notices: bool = False, seed: int = 0) -> Result:
    [result] = measure([load], [way], seconds=40, notices=notices, seed=seed)
    return result


def test_it_is_the_same_each_time_and_another_with_another_seed() -> None:
    assert as_json([simulated(0.5, "kit")]) == as_json([simulated(0.5, "kit")])
    assert simulated(0.5, "kit").offered != simulated(0.5, "kit", seed=1).offered


def test_with_too_much_to_do_the_kit_answers_in_time_what_can_be() -> None:
    alone, kit = simulated(2.0, "alone"), simulated(2.0, "kit")
    assert alone.offered == kit.offered
    assert kit.goodput > 0.8 * kit.possible
    assert kit.goodput > 2 * alone.goodput
    assert kit.interactive > kit.goodput, "shadows go first"
    assert kit.sent < alone.sent == 1.0
    assert kit.p99_seconds <= DEADLINE_SECONDS


def test_retries_alone_make_it_worse() -> None:
    assert simulated(1.0, "retries").goodput < simulated(1.0, "alone").goodput


@pytest.mark.parametrize("way", ["alone", "retries"])
def test_a_service_that_notices_who_has_gone_has_more_to_give(way: str) -> None:
    assert simulated(1.5, way, notices=True).goodput >= simulated(1.5, way).goodput
