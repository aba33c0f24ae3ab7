"""An engine takes over only where it is shown not to be worse."""

import numpy as np
import pytest

from cmo.assess.migration import LEAST_QUESTIONS, Advice, Compared, decide


def compared(*differences, old=0.6):
    return [Compared(str(n), old, old + d) for n, d in enumerate(differences)]


def test_as_good_is_enough():
    found = decide(compared(*[0.0] * 40))
    assert (found.advice, found.issues, found.lost) == (Advice.PASS, (), 0)


def test_worse_is_refused_with_the_figures():
    found = decide(compared(*[-0.2] * 40, old=0.9))
    assert found.advice is Advice.FAIL
    assert "0.200" in found.issues[0]


def test_the_same_on_average_but_answers_lost_is_refused():
    found = decide([Compared("x", 0.55, 0.45)] * 10 + [Compared("y", 0.8, 0.9)] * 30)
    assert found.advice is Advice.FAIL
    assert "10 questions lose" in found.issues[0]


@pytest.mark.parametrize("count", [0, 1, LEAST_QUESTIONS - 1])
def test_thin_data_recommend_nothing(count):
    assert decide(compared(*[0.3] * count)).advice is Advice.UNSURE


def test_what_may_be_worse_recommends_nothing():
    noise = np.random.default_rng(1).normal(-0.03, 0.25, 25)
    found = decide(compared(*noise, old=0.2))
    assert found.low < -0.05 < found.high
    assert found.advice is Advice.UNSURE
