"""The evidence that decides over releases: right at every look on healthy ones, quick on broken ones."""

import numpy as np
import pytest

from cmo.delivery.failures import Detector, RateRatio
from cmo.delivery.means import Bet, Moments, difference
from cmo.delivery.sample_ratio import log_evidence, mismatched

RUNS, LOOKS = 1_000, 240
PER_LOOK = 750  # 15 s at 50 questions a second


def alarms(control: float, new: float, share: float, seed: int, drift: float = 0.0) -> np.ndarray:
    """Per run the look at which the alarm comes, LOOKS where it never does."""
    chance = np.random.default_rng(seed)
    test, first = RateRatio.worse(shape=(RUNS,)), np.full(RUNS, LOOKS)
    for look in range(LOOKS):
        tide = 1 + drift * np.sin(look / 17)
        new_, control_ = (
            chance.binomial(round(PER_LOOK * part), rate * tide, RUNS)
            for part, rate in ((share, new), (1 - share, control))
        )
        test = test.see(new_, control_, share)
        first = np.where(test.rejects(0.01), np.minimum(first, look), first)
    return first


@pytest.mark.parametrize(("rate", "share", "drift"), [(0.005, 0.1, 0.0), (0.01, 0.5, 0.0), (0.01, 0.1, 0.8)])
def test_a_healthy_release_is_blamed_at_some_look_in_one_of_a_hundred_at_most(
    rate: float, share: float, drift: float
) -> None:
    blamed = int((alarms(rate, rate, share, seed=1, drift=drift) < LOOKS).sum())
    assert blamed <= 20  # 10 expected at most; P(more than 20) < .001


@pytest.mark.parametrize(("new", "seconds"), [(0.05, 20), (0.02, 120), (0.01, 600)])
def test_a_broken_release_is_found_soon(new: float, seconds: float) -> None:
    found = alarms(0.005, new, 0.1, seed=2)
    assert (found < LOOKS).mean() > 0.99
    assert 15 * (np.median(found) + 1) <= seconds + 15  # a look is 15 s


def test_evidence_survives_a_change_of_the_shares() -> None:
    chance = np.random.default_rng(3)
    test, blamed = RateRatio.worse(shape=(RUNS,)), np.zeros(RUNS, bool)
    for look in range(LOOKS):
        share = 0.1 if look < 80 else 0.5
        new, control = (chance.binomial(round(PER_LOOK * part), 0.01, RUNS) for part in (share, 1 - share))
        test = test.see(new, control, share)
        blamed |= test.rejects(0.01)
    assert blamed.sum() <= 20


def test_as_good_is_proved_of_what_is_as_good_and_not_of_what_is_too_much_worse() -> None:
    chance = np.random.default_rng(4)
    good = RateRatio.as_good(1.5, (200,)).see(
        chance.binomial(50_000, 0.01, 200), chance.binomial(50_000, 0.01, 200), 0.5
    )
    bad = RateRatio.as_good(1.5, (200,)).see(
        chance.binomial(50_000, 0.016, 200), chance.binomial(50_000, 0.01, 200), 0.5
    )
    assert good.rejects(0.05).mean() > 0.95
    assert bad.rejects(0.05).mean() < 0.05


def test_what_is_seen_in_parts_counts_as_what_is_seen_at_once() -> None:
    parts = RateRatio.worse().see(1, 3, 0.2).see(2, 1, 0.2)
    assert parts.log_e == pytest.approx(RateRatio.worse().see(3, 4, 0.2).log_e)


def test_nothing_seen_is_no_evidence() -> None:
    assert RateRatio.worse().log_e == pytest.approx(0.0)
    assert not RateRatio.worse().see(0, 0, 0.5).rejects(0.01)


def test_the_detector_is_patient_with_a_kept_promise_and_quick_with_a_broken_one() -> None:
    chance = np.random.default_rng(5)
    kept, broken = Detector.of(0.005, (300,)), Detector.of(0.005, (300,))
    calls, found = np.zeros(300, bool), np.full(300, 400)
    for look in range(400):
        kept = kept.see(50, chance.binomial(50, 0.005, 300))
        broken = broken.see(50, chance.binomial(50, 0.02, 300))
        calls |= kept.alarms(1e5)
        found = np.where(broken.alarms(1e5), np.minimum(found, look), found)
    assert calls.mean() <= 400 / 1e5 + 0.02
    assert 50 * np.median(found) <= 850  # one request a look finds it after 500


def interval_misses(difference_: float, seed: int) -> float:
    chance = np.random.default_rng(seed)
    missed = np.zeros(RUNS, bool)
    new, control = Moments.none((RUNS,)), Moments.none((RUNS,))
    for _ in range(60):
        for name, shift in (("new", difference_), ("control", 0.0)):
            y = chance.beta(8, 2, (50, RUNS)) + shift
            zero = np.zeros(RUNS)
            seen = Moments(np.full(RUNS, 50.0), y.sum(0), (y * y).sum(0), zero, zero, zero)
            new, control = (new + seen, control) if name == "new" else (new, control + seen)
        told = difference(new, control, 0.05)
        missed |= (told.low > difference_) | (told.high < difference_)
    return float(missed.mean())


@pytest.mark.parametrize("shift", [0.0, -0.05])
def test_the_interval_holds_the_difference_at_all_looks_at_once(shift: float) -> None:
    assert interval_misses(shift, seed=6) <= 0.06


def test_a_lost_twentieth_of_support_is_seen_within_1500_answers_an_arm() -> None:
    chance = np.random.default_rng(7)
    seen = [
        difference(Moments.of(chance.binomial(1, 0.8, 1500)), Moments.of(chance.binomial(1, 0.85, 1500)), 0.05).high < 0
        for _ in range(200)
    ]
    assert np.mean(seen) > 0.5


def test_a_covariate_narrows_the_interval_and_moves_it_little() -> None:
    chance = np.random.default_rng(8)
    ease = chance.normal(0, 0.2, 4000)
    scores = 0.7 + ease + chance.normal(0, 0.05, 4000) - 0.02 * (np.arange(4000) < 2000)
    plain = difference(Moments.of(scores[:2000]), Moments.of(scores[2000:]), 0.05)
    helped = difference(Moments.of(scores[:2000], ease[:2000]), Moments.of(scores[2000:], ease[2000:]), 0.05)
    assert helped.high - helped.low < 0.4 * (plain.high - plain.low)
    assert helped.low < -0.02 < helped.high < 0


def test_thin_data_bound_nothing() -> None:
    told = difference(Moments.of([0.9]), Moments.of([0.1, 0.2]), 0.05)
    assert told.low == -np.inf
    assert told.high == np.inf


def test_a_bet_wins_where_the_mean_is_below_the_bound_and_seldom_elsewhere() -> None:
    chance = np.random.default_rng(9)
    won = dict.fromkeys((0.6, 0.72), 0)
    for mean in won:
        for _ in range(200):
            bet = Bet(0.7, alpha=0.05)
            for score in chance.beta(10 * mean, 10 * (1 - mean), 300):
                bet = bet.see(float(score))
                if bet.rejects:
                    won[mean] += 1
                    break
    assert won[0.6] > 190
    assert won[0.72] <= 10


def test_a_score_outside_its_range_is_no_score() -> None:
    with pytest.raises(ValueError, match=r"1\.2"):
        Bet(0.7).see(1.2)


def test_an_assignment_by_the_book_is_never_called_broken_and_a_skewed_one_soon_is() -> None:
    chance = np.random.default_rng(10)
    called = 0
    for _ in range(200):
        counts = np.zeros(2, int)
        for _ in range(50):
            counts += chance.multinomial(200, (0.1, 0.9))
            if mismatched(counts.tolist(), (0.1, 0.9)):
                called += 1
                break
    assert called <= 2
    assert mismatched((1_300, 8_700), (0.1, 0.9))


def test_shares_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no shares"):
        log_evidence((1, 2), (0.5, 0.6))
