"""Exact intervals, and a threshold that labelled pairs allow."""

import math
import random

import numpy as np
import pytest

from cmo.bench.cache_fit import Trial, cross_validated, fit, groups, slips, threshold
from cmo.bench.cache_pairs import Pair
from cmo.bench.exact import at_most, lower, share, upper
from cmo.cache.semantic import Likeness
from cmo.cache.semantic.likeness import FEATURES


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Clopper and Pearson's intervals as R's binom.test prints them.
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (3, 200, 0.0031, 0.0432),
    ],
)
def test_intervals_are_those_of_clopper_and_pearson(count: int, of: int, low: float, high: float) -> None:
    found = share(count, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert (share(0, 0).value, share(0, 0).low, share(0, 0).high) == (0.0, 0.0, 1.0)


def test_an_interval_holds_the_true_share_as_often_as_it_says() -> None:
    for truth in (0.01, 0.05, 0.3):
        covered = sum(
            at_most(k, 80, truth) - (at_most(k - 1, 80, truth) if k else 0.0)
            for k in range(81)
            if lower(k, 80, 0.025) <= truth <= upper(k, 80, 0.025)
        )
        assert covered >= 0.95


def trial(*, same: bool, passed: bool = True, equal: bool = False, group: int = 0, cosine: float = 0.5) -> Trial:
    return Trial((cosine, *([0.0] * (len(FEATURES) - 1))), same, passed, equal, group)


def test_enough_right_hits_prove_the_bound_and_the_lowest_of_them_is_the_threshold() -> None:
    found = [trial(same=True) for _ in range(120)]
    chosen = threshold(found, np.linspace(0.9, 0.5, 120), 0.05)
    assert chosen.proven
    assert (chosen.hits, chosen.wrong) == (120, 0)
    assert chosen.value == pytest.approx(0.5)
    assert chosen.bound == pytest.approx(1 - 0.05 ** (1 / 120), abs=1e-4)


def test_too_few_hits_prove_nothing_and_the_safest_threshold_is_taken() -> None:
    found = [trial(same=True) for _ in range(93)]
    chosen = threshold(found, [0.9] * 93, 0.05)
    assert not chosen.proven
    assert chosen.value == 0.99


def test_the_threshold_stops_above_the_wrong_hits() -> None:
    found = [trial(same=True) for _ in range(150)] + [trial(same=False) for _ in range(20)]
    chosen = threshold(found, [*np.linspace(0.99, 0.8, 150), *np.linspace(0.7, 0.5, 20)], 0.05)
    assert chosen.proven
    assert 0.6 < chosen.value <= 0.8
    assert chosen.bound <= 0.05


def test_wrong_hits_among_the_surest_prove_the_opposite() -> None:
    found = [trial(same=n % 4 != 0) for n in range(200)]
    assert not threshold(found, np.linspace(0.99, 0.5, 200), 0.05).proven


def test_what_guards_hold_back_is_no_hit() -> None:
    found = [trial(same=True) for _ in range(100)] + [trial(same=False, passed=False) for _ in range(100)]
    assert threshold(found, [0.9] * 200, 0.05).hits == 100


def test_the_bound_holds_as_often_as_it_says() -> None:
    # Hits are the wronger the less sure they are; the threshold may be too low in one run of twenty.
    chance = random.Random(3)
    missed = 0
    for _ in range(60):
        sure = np.sort(np.array([chance.random() for _ in range(400)]))[::-1]
        found = [trial(same=chance.random() > 0.16 * (1 - p)) for p in sure]
        chosen = threshold(found, sure, 0.05)
        true = 0.16 * (1 - (1 + chosen.value) / 2)
        missed += chosen.proven and true > 0.05
    assert missed <= 60 * 0.05 + 4 * math.sqrt(60 * 0.05 * 0.95)


def test_what_is_learned_is_judged_on_topics_that_were_not_seen() -> None:
    chance = random.Random(1)
    # Each topic has a cosine of its own that tells its label: of no use for another topic.
    topics = [(chance.random() < 0.5, chance.random()) for _ in range(60)]
    found = [trial(same=same, group=g, cosine=cosine) for g, (same, cosine) in enumerate(topics) for _ in range(3)]
    judged = cross_validated(found)
    right = np.array([t.same for t in found])
    assert judged[right].mean() - judged[~right].mean() < 0.1


def test_a_feature_that_tells_gets_its_weight() -> None:
    found = [trial(same=n % 2 == 0, cosine=0.9 if n % 2 == 0 else 0.3) for n in range(100)]
    bias, weights = fit(found)
    assert weights["cosine"] > 1
    model = Likeness(bias, weights, 0.5, 0.05, proven=False)
    assert Likeness.of_json(model.to_json()) == model
    assert model.probability(dict.fromkeys(FEATURES, 0.0) | {"cosine": 0.9}) > 0.6


def test_the_shipped_model_knows_the_features() -> None:
    shipped = Likeness.shipped()
    assert set(shipped.weights) == set(FEATURES)
    assert 0.5 < shipped.threshold < 1


def test_pairs_of_one_topic_are_kept_together() -> None:
    pairs = [
        Pair("Is citrulline low?", "Is citrulline high?", same=False),
        Pair("What is citrulline for?", "Why citrulline?", same=False),
        Pair("Is leucine low?", "Is leucine high?", same=False),
    ]
    one, two, three = groups(pairs)
    assert one == two != three


def test_slips_are_the_same_question_written_otherwise() -> None:
    made = slips([Pair("Is citrulline measured in plasma?", "How is citrulline measured?", same=False)])
    assert made == slips([Pair("Is citrulline measured in plasma?", "How is citrulline measured?", same=False)])
    assert all(pair.same and pair.a != pair.b for pair in made)
    assert {pair.kind for pair in made} == {"slip", "courtesy"}
