"""What an experiment found depends on what was seen, and not on the order, the time or the number of times it came in."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Arm, Spec
from cmo.delivery.experiment_results import Outcome, results
from cmo.delivery.experiment_scores import Scores, Seen

ARMS = ("control", "new")
SPEC = Spec("any", (Arm("control", 0.5), Arm("new", 0.5)))
ROWS = st.lists(
    st.builds(
        Seen,
        at=st.floats(0, 1e6),
        arm=st.sampled_from((*ARMS, "gone")),
        unit=st.sampled_from([f"u{n}" for n in range(12)]),
        answer=st.uuids().map(str),
        values=st.dictionaries(st.sampled_from(list(Metric)), st.floats(0, 1), max_size=4),
        prior=st.none() | st.floats(0, 1),
        part=st.sampled_from(("", "short", "long")),
    ),
    max_size=40,
)


def split(row: Seen) -> list[Seen]:
    """The same in several messages, as scores and ratings come later."""
    alone = [replace(row, values={metric: value}, prior=None) for metric, value in row.values.items()]
    return [replace(row, values={}), *alone]


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_in_any_order_in_parts_or_twice_it_is_the_same(rows: list[Seen], chance: object) -> None:
    messages = [part for row in rows for part in split(row)] * 2
    chance.shuffle(messages)  # type: ignore[attr-defined]
    one, other = Scores.of(rows, ARMS), Scores.of(messages, ARMS)
    assert one.units() == other.units()
    for metric in Metric:
        for mine, theirs in zip(one.moments(metric), other.moments(metric), strict=True):
            assert np.allclose([mine.n, mine.mean], [theirs.n, theirs.mean])


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_whatever_was_seen_there_is_a_verdict_and_few_users_decide_nothing(rows: list[Seen]) -> None:
    scores = Scores.of(rows, ARMS)
    found = results(SPEC, scores.units(), scores)
    assert found.answers == len({row.answer for row in rows if row.arm in ARMS})
    assert found.compared[0].outcome in {Outcome.TOO_EARLY, Outcome.HARMFUL}
    assert found.compared[0].text


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_a_mean_lies_between_the_least_and_the_greatest_value(rows: list[Seen]) -> None:
    scores = Scores.of(rows, ARMS)
    for metric in Metric:
        for number, moments in enumerate(scores.moments(metric)):
            values = scores.values[metric][scores.arm == number]
            values = values[~np.isnan(values)]
            assert moments.n <= max(1, len(values)) or not len(values)
            if len(values):
                assert values.min() - 1e-9 <= moments.mean <= values.max() + 1e-9
