"""From scores to honest numbers."""

import numpy as np
import pytest

from cmo.route.calibrate import Calibration, VennAbers, conformal, isotonic, joined, quantiles, temperature
from cmo.route.head import softmax

DICE = np.random.default_rng(1)


def drawn(count: int, heat: float) -> tuple[np.ndarray, list[int]]:
    """Scores that are `heat` times too bold, and labels drawn from what they should have said."""
    honest = DICE.normal(0, 2, (count, 4))
    chances = softmax(honest)
    return honest * heat, [int(DICE.choice(4, p=row)) for row in chances]


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_temperature_takes_back_what_is_too_bold(heat: float) -> None:
    assert temperature(*drawn(4000, heat)) == pytest.approx(heat, rel=0.12)


def test_isotonic_is_the_nearest_sequence_that_never_falls() -> None:
    fitted = isotonic(np.array([1.0, 3.0, 2.0, 4.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0, 2.0]))
    assert fitted.tolist() == pytest.approx([1.0, 1.8, 1.8, 1.8, 1.8])
    assert isotonic(np.array([0.0, 1.0]), np.ones(2)).tolist() == [0.0, 1.0]


def test_venn_abers_is_the_two_isotonic_fits() -> None:
    scores, right = [0.2, 0.4, 0.6, 0.8], [False, True, False, True]
    fitted = VennAbers.fit(scores, right)
    for score in (0.1, 0.4, 0.5, 0.8, 0.95):
        expected = []
        for label in (0.0, 1.0):
            pairs = sorted([*zip(scores, map(float, right), strict=True), (score, label)])
            places = sorted({s for s, _ in pairs})
            means = np.array([np.mean([y for s, y in pairs if s == p]) for p in places])
            weights = np.array([float(sum(s == p for s, _ in pairs)) for p in places])
            expected.append(isotonic(means, weights)[places.index(score)])
        assert fitted.interval(score) == pytest.approx(tuple(expected), abs=1e-4)


def test_the_interval_holds_its_probability_and_narrows_with_more_questions() -> None:
    widths = []
    for count in (50, 400):
        scores = DICE.random(count)
        fitted = VennAbers.fit(scores.tolist(), (DICE.random(count) < scores).tolist())
        low, high = fitted.interval(0.7)
        assert 0 <= low <= joined((low, high)) <= high <= 1
        widths.append(high - low)
    assert widths[1] < widths[0]
    assert joined(fitted.interval(0.7)) == pytest.approx(0.7, abs=0.15)


def test_without_calibration_nothing_is_known() -> None:
    assert Calibration().right.interval(0.9) == (0.0, 1.0)
    assert Calibration().possible("LIGHTRAG", 0.01)


def test_conformal_sets_hold_what_is_right_as_often_as_they_promise() -> None:
    names = list("abcd")
    scores, gold = drawn(3000, 1.0)
    chances = softmax(scores).astype(np.float64)
    quantile, own = conformal(chances[:1500], names, gold[:1500])
    assert set(own) == set(names)
    calibration = Calibration(quantile=quantile, quantiles=own)
    held = [calibration.possible(names[g], float(row[g])) for row, g in zip(chances[1500:], gold[1500:], strict=True)]
    assert 0.93 < np.mean(held) < 0.97


def test_with_few_questions_every_destination_is_possible() -> None:
    chances = np.array([[0.9, 0.1]] * 10)
    quantile, own = conformal(chances, ["a", "b"], [0] * 10)
    assert (quantile, own) == (1.0, {})


def test_novelty_is_the_share_that_was_nearer() -> None:
    calibration = Calibration(likenesses=quantiles(np.linspace(0.2, 0.8, 601).tolist()))
    assert calibration.novelty(0.9) == 0.0
    assert calibration.novelty(0.1) == 1.0
    assert calibration.novelty(0.5) == pytest.approx(0.5, abs=0.03)


def test_a_calibration_survives_its_file() -> None:
    fitted = Calibration(1.5, 2.0, VennAbers.fit([0.1, 0.9], [False, True]), quantiles={"LIGHTRAG": 0.4})
    assert Calibration.of(fitted.as_json()) == fitted
    for broken in ({}, {**fitted.as_json(), "right": {"scores": [0.1], "low": [0.0], "high": [1.0]}}):
        with pytest.raises(ValueError, match=r"lacks|tables"):
            Calibration.of(broken)
