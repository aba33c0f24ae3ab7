"""Ratings into the meaning of a probability."""

import math

import numpy as np
import pytest

from cmo.assess.feedback import LEAST, learnt
from cmo.assess.heads import Head

HEAD = Head(-1.0, {"relevance": 4.0})


def stated(values: list[float]) -> list[float]:
    return [HEAD.probability({"relevance": value}) for value in values]


def test_people_who_accept_less_lower_the_probabilities() -> None:
    chance = np.random.default_rng(0)
    values = chance.random(400).tolist()
    truth = [1 / (1 + math.exp(-(4.0 * v - 3.0))) for v in values]
    accepted = [bool(chance.random() < p) for p in truth]
    found = learnt(HEAD, stated(values), accepted)
    assert found.after < found.before
    told = [found.head.probability({"relevance": v}) for v in values]
    assert abs(float(np.mean(told)) - float(np.mean(accepted))) < 0.03
    assert max(abs(a - b) for a, b in zip(told, truth, strict=True)) < 0.15


def test_few_ratings_move_it_little_and_contrary_ones_do_not_turn_it_over() -> None:
    values = [n / LEAST for n in range(LEAST)]
    same = learnt(HEAD, stated(values), [value > 0.25 for value in values])
    assert same.head.weights["relevance"] == pytest.approx(4.0, rel=0.6)
    contrary = learnt(HEAD, stated(values), [value < 0.5 for value in values])
    assert contrary.head.weights["relevance"] > 0


def test_too_few_say_how_many_are_needed() -> None:
    with pytest.raises(ValueError, match=f"{LEAST} are needed"):
        learnt(HEAD, [0.5] * (LEAST - 1), [True] * (LEAST - 1))
