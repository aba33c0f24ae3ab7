"""The ladder: pure decisions about money."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cmo.model.money import (
    DOLLAR,
    Allowed,
    Balance,
    Call,
    Draft,
    Need,
    Payer,
    Refused,
    Service,
    Usage,
    Why,
    Window,
)
from cmo.spend.ladder import Ladder, Rung, decide, projected, rung

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVENING = datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC)
LADDER = Ladder()


def balance(
    spent: float, limit: float | None = 100.0, exposed: float | None = None, window: Window = Window.DAY
) -> Balance:
    held = spent if exposed is None else exposed
    cap = None if limit is None else round(limit * DOLLAR)
    return Balance(Payer(), window, window.period(NOON), cap, round(spent * DOLLAR), round(held * DOLLAR))


def draft(most: float, need: Need = Need.UNCERTAIN, expected: float | None = None, at: datetime = EVENING) -> Draft:
    call = Call("openai", "a-model", Service.LLM, "generate", Usage(), need)
    return Draft(call, round((most if expected is None else expected) * DOLLAR), round(most * DOLLAR), at)


@pytest.mark.parametrize(
    ("spent", "step"),
    [
        (0, Rung.OPEN),
        (69.9, Rung.OPEN),
        (70.1, Rung.WARN),
        (85.1, Rung.SPARING),
        (95.1, Rung.PRIORITY),
        (100, Rung.CLOSED),
    ],
)
def test_the_rungs_stand_at_70_85_95_and_100_percent(spent: float, step: Rung) -> None:
    assert rung(balance(spent), EVENING, LADDER) is step


def test_what_is_spent_fast_climbs_the_ladder_before_it_is_spent() -> None:
    assert rung(balance(45), EVENING, LADDER) is Rung.OPEN
    assert rung(balance(50), NOON, LADDER) is Rung.WARN  # 75 % at this pace
    assert rung(balance(60), NOON, LADDER) is Rung.SPARING
    assert rung(balance(70), NOON, LADDER) is Rung.PRIORITY
    assert projected(balance(50), NOON) == 75 * DOLLAR


def test_one_early_call_is_no_pace() -> None:
    midnight = NOON.replace(hour=0)
    assert projected(balance(10), midnight) == 30 * DOLLAR
    assert isinstance(decide(draft(10, at=midnight), [balance(10)], LADDER), Allowed)


def test_no_pace_alone_closes_an_account() -> None:
    assert rung(balance(90), NOON.replace(hour=0), LADDER) is Rung.PRIORITY


@pytest.mark.parametrize(
    ("spent", "allowed"),
    [
        (10, {Need.OPTIONAL, Need.UNCERTAIN, Need.PRIORITY}),
        (75, {Need.OPTIONAL, Need.UNCERTAIN, Need.PRIORITY}),
        (90, {Need.UNCERTAIN, Need.PRIORITY}),
        (97, {Need.PRIORITY}),
        (100, set()),
    ],
)
def test_calls_that_matter_less_are_left_out_first(spent: float, allowed: set[Need]) -> None:
    said = {need: decide(draft(0.001, need), [balance(spent)], LADDER) for need in Need}
    assert {need for need, verdict in said.items() if isinstance(verdict, Allowed)} == allowed


def test_a_call_that_might_cost_more_than_is_left_is_refused_whatever_it_is_expected_to_cost() -> None:
    verdict = decide(draft(10, Need.PRIORITY, expected=0.01), [balance(50, exposed=91)], LADDER)
    assert isinstance(verdict, Refused)
    assert verdict.why is Why.SPENT
    assert isinstance(decide(draft(9, Need.PRIORITY, expected=0.01), [balance(50, exposed=91)], LADDER), Allowed)


def test_the_last_cent_may_be_spent_and_no_more() -> None:
    assert isinstance(decide(draft(1, Need.PRIORITY), [balance(99)], LADDER), Allowed)
    assert isinstance(decide(draft(1.000001, Need.PRIORITY), [balance(99)], LADDER), Refused)


def test_every_account_must_agree_and_the_refusal_names_the_one_that_does_not() -> None:
    user = Balance(Payer("acme", "ann"), Window.DAY, "2026-03-10", DOLLAR, DOLLAR, DOLLAR)
    verdict = decide(draft(1), [balance(1), user, balance(1, window=Window.MONTH)], LADDER)
    assert isinstance(verdict, Refused)
    assert verdict.balance == user
    assert "tenant acme, user ann" in verdict.reason
    assert "cmo budget set" in verdict.reason


def test_a_refusal_says_when_the_next_period_begins() -> None:
    day = decide(draft(1, at=NOON), [balance(100)], LADDER)
    month = decide(draft(1, at=NOON), [balance(100, window=Window.MONTH)], LADDER)
    assert isinstance(day, Refused)
    assert isinstance(month, Refused)
    assert day.after == 12 * 3600
    assert month.after == timedelta(days=21, hours=12).total_seconds()


def test_what_costs_nothing_is_always_allowed_and_a_budget_of_nothing_allows_no_more() -> None:
    assert isinstance(decide(draft(0, Need.OPTIONAL), [balance(100)], LADDER), Allowed)
    assert isinstance(decide(draft(0.000001, Need.PRIORITY), [balance(0, limit=0)], LADDER), Refused)


def test_without_a_limit_all_is_open() -> None:
    assert isinstance(decide(draft(1e6, Need.OPTIONAL), [balance(1e6, limit=None)], LADDER), Allowed)


def test_somebody_is_told_from_80_percent_on() -> None:
    assert [LADDER.alerts(balance(spent)) for spent in (0, 79.9, 80, 120)] == [False, False, True, True]
    assert not LADDER.alerts(balance(5, limit=None))
    assert Ladder(alert=0.5).alerts(balance(50))


@pytest.mark.parametrize(
    ("at", "day", "month", "next_month"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "2026-01-31", "2026-01", datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), "2028-02-29", "2028-02", datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), "2026-12-31", "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (
            datetime(2026, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-04-30",
            "2026-04",
            datetime(2026, 5, 1, tzinfo=UTC),
        ),
    ],
)
def test_days_and_months_are_those_of_utc(at: datetime, day: str, month: str, next_month: datetime) -> None:
    assert (Window.DAY.period(at), Window.MONTH.period(at)) == (day, month)
    assert Window.MONTH.ends(at) == next_month
    assert 0 <= Window.MONTH.elapsed(at) < 1
