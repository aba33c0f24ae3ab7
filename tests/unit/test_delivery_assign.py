"""Who gets the new one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.delivery.assign import Ramp, Why, arm, assign, place
from cmo.errors import SettingsError

USERS = [f"user-{n}" for n in range(100_000)]


def test_shares_are_met_to_a_third_of_a_point() -> None:
    places = np.array([place("spring", user) for user in USERS])
    for percent in (1, 5, 10, 25, 50, 75):
        assert abs(100 * (places < percent / 100).mean() - percent) < 0.3


@given(st.text(max_size=40), st.lists(st.floats(0, 100), min_size=2, max_size=8))
def test_whoever_is_in_at_a_share_is_in_at_every_larger_one(unit: str, percents: list[float]) -> None:
    seen = [assign(Ramp("s", percent), unit).exposed for percent in sorted(percents)]
    assert seen == sorted(seen)


def test_nobody_is_in_at_nothing_and_everybody_at_all() -> None:
    assert not any(assign(Ramp("s", 0), user).exposed for user in USERS[:2000])
    assert all(assign(Ramp("s", 100), user).exposed for user in USERS[:2000])


def test_ramps_of_different_salts_are_unrelated() -> None:
    one, other = (np.array([place(salt, user) for user in USERS[:20_000]]) for salt in ("a", "b"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_lists_and_cohorts_come_before_the_share_and_say_so() -> None:
    ramp = Ramp("s", 100, allowed=frozenset({"ann", "eve"}), denied=frozenset({"eve"}), cohorts=frozenset({"lab"}))
    assert assign(ramp, "eve").why is Why.DENIED
    assert assign(ramp, "ann").exposed
    assert assign(ramp, "bob", "lab").why is Why.SHARE
    assert assign(ramp, "bob", "ward").why is Why.COHORT
    assert not assign(ramp, "bob", "ward").exposed


def test_arms_get_their_shares_and_the_rest_none() -> None:
    arms = np.array([arm("test", user, (0.2, 0.3)) for user in USERS[:50_000]])
    assert [(arms == n).mean() for n in (0, 1, -1)] == pytest.approx([0.2, 0.3, 0.5], abs=0.01)


@pytest.mark.parametrize("percent", [-1, 100.1, float("nan")])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(SettingsError, match="0 to 100"):
        Ramp("s", percent)


def test_a_ramp_without_salt_and_shares_above_all_are_refused() -> None:
    with pytest.raises(SettingsError, match="salt"):
        Ramp("", 10)
    with pytest.raises(SettingsError, match="shares"):
        arm("test", "u", (0.7, 0.7))
