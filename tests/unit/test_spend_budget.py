"""The budget around calls: what is set aside, what is written down, who is told. The ledger is the real one, in memory."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import StaticPool

from cmo.errors import ChatFailed, OverBudget, PriceUnknown, Resting, StoreError
from cmo.model.money import (
    DOLLAR,
    EACH,
    Allowed,
    Call,
    Closing,
    Need,
    Payer,
    Refused,
    Service,
    State,
    Usage,
    Window,
    dollars,
)
from cmo.spend import Budget, Ladder, NearlySpent, Price, PriceList, log_alert
from cmo.store import tables
from cmo.store.ledger import SqlLedger
from cmo.testing import FakeClock, FakePayments

CENT = DOLLAR // 100
CALL = Call("openai", "a-model", Service.LLM, "generate", Usage(0, 10_000), Need.PRIORITY)
"""A cent at most: a dollar a million tokens."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


class World:
    """A budget of ten cents a day, a dollar a month."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = FakeClock()
        self.ledger = SqlLedger(engine, {Window.DAY: 10 * CENT, Window.MONTH: DOLLAR})
        self.own: tuple[Price, ...] = (Price("*", input=Decimal(1), output=Decimal(1)),)
        self.told: list[NearlySpent] = []
        self.budget = Budget(self.ledger, PriceList(lambda: self.own), self.clock, tell=self.told.append)

    def entries(self) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(tables.ledger).order_by(tables.ledger.c.id)))

    def spent(self, payer: Payer = Payer()) -> list[tuple[int, int]]:  # noqa: B008 - frozen
        return [(b.spent, b.exposed) for b in self.ledger.balances(payer, self.clock.now())]

    def spend(self, tokens: int, call: Call = CALL) -> None:
        with self.budget.reserved(call) as held:
            held.settle(Usage(0, tokens))


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def test_money_is_set_aside_while_a_call_runs_and_what_it_cost_counts_afterwards(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        assert world.spent() == [(CENT, CENT)] * 2
        world.clock.advance(2.5)
        held.settle(Usage(1_000, 2_000, 500))
    (entry,) = world.entries()
    assert (entry.state, entry.cost, entry.most, entry.failed, entry.seconds) == ("settled", 3_000, CENT, False, 2.5)
    assert (entry.input_tokens, entry.output_tokens, entry.cached_tokens) == (1_000, 2_000, 500)
    assert world.spent() == [(3_000, 3_000)] * 2


def test_no_call_is_made_that_could_pass_the_limit(world: World) -> None:
    for _ in range(10):
        world.spend(10_000)
    with pytest.raises(OverBudget, match="daily budget of everybody has") as refused, world.budget.reserved(CALL):
        raise AssertionError("the block of a refused call must not run")
    assert refused.value.after == 24 * 3600
    assert len(world.entries()) == 10
    world.clock.advance(24 * 3600)
    world.spend(10_000)
    assert world.spent() == [(CENT, CENT), (11 * CENT, 11 * CENT)]


def test_what_runs_now_counts_at_its_highest_cost(world: World) -> None:
    with (
        world.budget.reserved(replace(CALL, most=Usage(0, 95_000))),
        pytest.raises(OverBudget),
        world.budget.reserved(CALL),
    ):
        raise AssertionError


def test_a_call_without_an_outcome_counts_in_full(world: World) -> None:
    with world.budget.reserved(CALL):
        pass
    with world.budget.reserved(CALL) as held:
        held.settle(None)
    with pytest.raises(ChatFailed), world.budget.reserved(CALL):
        raise ChatFailed("HTTP 500")
    assert [(e.state, e.cost, e.failed) for e in world.entries()] == [
        ("unknown", CENT, False),
        ("unknown", CENT, False),
        ("unknown", CENT, True),
    ]
    assert world.spent() == [(3 * CENT, 3 * CENT)] * 2


def test_a_call_that_was_not_made_costs_nothing(world: World) -> None:
    with pytest.raises(Resting), world.budget.reserved(CALL):
        raise Resting("it kept failing")
    with pytest.raises(ChatFailed), world.budget.reserved(CALL, unspent=(ChatFailed,)):
        raise ChatFailed("cannot connect")
    with suppress(ChatFailed), world.budget.reserved(CALL) as held:
        held.nothing_spent()
        raise ChatFailed("HTTP 401")
    assert [e.state for e in world.entries()] == ["void"] * 3
    assert world.spent() == [(0, 0)] * 2


def test_a_reply_that_was_paid_for_and_was_no_good_is_settled_and_failed(world: World) -> None:
    with suppress(ValueError), world.budget.reserved(CALL) as held:
        held.settle(Usage(0, 1_000))
        raise ValueError("no JSON")
    assert [(e.state, e.cost, e.failed) for e in world.entries()] == [("settled", 1_000, True)]


def test_every_attempt_sets_money_aside_again(world: World) -> None:
    made = 0
    with suppress(OverBudget):
        for _ in range(50):  # somebody who tries again for ever
            with suppress(ChatFailed), world.budget.reserved(CALL):
                made += 1
                raise ChatFailed("HTTP 500")
    assert made == 10
    assert world.spent() == [(10 * CENT, 10 * CENT)] * 2


def test_what_the_provider_says_that_it_charged_wins(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        held.settle(Usage(0, 1_000), billed=7_777)
    with world.budget.reserved(CALL) as held:
        held.settle(None, billed=1)
    assert [(e.state, e.cost) for e in world.entries()] == [("settled", 7_777), ("settled", 1)]


@pytest.mark.parametrize("usage", [Usage(-1, 0), Usage(0, -5), Usage(0, 10**12)])
def test_a_count_that_cannot_be_is_no_count(world: World, usage: Usage) -> None:
    with world.budget.reserved(CALL) as held:
        held.settle(usage)
    assert [(e.state, e.cost) for e in world.entries()] == [("unknown", CENT)]


def test_more_than_was_set_aside_is_written_down_as_it_is(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        held.settle(Usage(0, 200_000))
    assert world.spent() == [(20 * CENT, 20 * CENT)] * 2
    with pytest.raises(OverBudget), world.budget.reserved(replace(CALL, most=Usage(0, 1))):
        raise AssertionError


def test_an_unknown_price_refuses_the_call_and_leaves_no_trace(world: World) -> None:
    world.own = ()
    with pytest.raises(PriceUnknown, match="a-model of openai"), world.budget.reserved(CALL):
        raise AssertionError
    assert world.entries() == []


def test_a_price_that_is_taken_away_while_a_call_runs_makes_its_cost_unknown(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        world.own = ()
        held.settle(Usage(0, 1_000))
    assert [(e.state, e.cost) for e in world.entries()] == [("unknown", CENT)]


def test_after_19_answers_the_expected_cost_is_what_19_of_20_stay_below(world: World) -> None:
    assert (world.budget.draft(CALL).expected, world.budget.draft(CALL).most) == (CENT, CENT)
    world.clock.advance(61)
    for tokens in range(1, 20):
        world.spend(tokens)
    world.clock.advance(61)
    assert (world.budget.draft(CALL).expected, world.budget.draft(CALL).most) == (19, CENT)
    with world.budget.reserved(CALL):
        assert world.spent()[0] == (19 + 190, CENT + 190)
    other = replace(CALL, purpose="route")
    assert world.budget.draft(other).expected == CENT


def test_what_fails_says_nothing_of_how_long_answers_are(world: World) -> None:
    for _ in range(25):
        with suppress(ValueError), world.budget.reserved(CALL) as held:
            held.settle(Usage(0, 1))
            raise ValueError
    world.clock.advance(61)
    assert world.budget.draft(CALL).expected == CENT


def test_limits_of_a_tenant_and_of_each_user_hold_beside_that_of_everybody(world: World) -> None:
    world.budget.set_limit(Payer("acme"), Window.DAY, 3 * CENT)
    world.budget.set_limit(Payer(EACH, EACH), Window.DAY, 2 * CENT)
    world.budget.set_limit(Payer("acme", "bob"), Window.DAY, 0)
    ann, bob, eve = (replace(CALL, payer=Payer("acme", name)) for name in ("ann", "bob", "eve"))
    world.spend(10_000, ann)
    world.spend(10_000, ann)
    for call, who in ((ann, "user ann"), (bob, "user bob")):
        with pytest.raises(OverBudget, match=who), world.budget.reserved(call):
            raise AssertionError
    world.spend(10_000, eve)
    with pytest.raises(OverBudget, match="tenant acme has"), world.budget.reserved(eve):
        raise AssertionError
    world.spend(10_000, replace(CALL, payer=Payer("other", "ann")))
    assert world.spent(Payer("acme", "ann"))[:3] == [(4 * CENT, 4 * CENT), (3 * CENT, 3 * CENT), (2 * CENT, 2 * CENT)]


def test_a_user_of_one_tenant_is_not_the_user_of_another(world: World) -> None:
    for payer in (Payer("a", "b/c"), Payer("a/b", "c"), Payer("", "a")):
        world.spend(10_000, replace(CALL, payer=payer))
    assert world.spent(Payer("a", "b/c"))[2] == world.spent(Payer("a/b", "c"))[2] == (CENT, CENT)
    assert world.spent(Payer("", "a"))[1] == (CENT, CENT)
    assert world.spent(Payer("a"))[1] == (CENT, CENT)


def test_a_limit_that_changes_while_calls_run_holds_from_the_next_call_on(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        world.budget.set_limit(Payer(), Window.DAY, CENT // 2)
        with pytest.raises(OverBudget), world.budget.reserved(CALL):
            raise AssertionError
        held.settle(Usage(0, 9_000))
    assert world.spent()[0] == (9_000, 9_000)
    world.budget.set_limit(Payer(), Window.DAY, 5 * CENT)
    world.spend(1_000)
    world.budget.set_limit(Payer(), Window.DAY, None)  # the setting's counts again
    assert world.ledger.balances(Payer(), world.clock.now())[0].limit == 10 * CENT


def test_somebody_is_told_once_of_each_limit_that_is_nearly_spent(world: World) -> None:
    for _ in range(7):
        world.spend(10_000)
    assert world.told == []
    for _ in range(3):
        world.spend(10_000)
    assert [(t.balance.window, t.balance.period, t.share) for t in world.told] == [(Window.DAY, "2026-01-01", 0.8)]
    world.budget.set_limit(Payer(), Window.DAY, 12 * CENT)  # of another limit, again
    world.spend(100)
    assert [dollars(t.balance.limit or 0) for t in world.told] == [0.1, 0.12]
    world.clock.advance(24 * 3600)
    for _ in range(10):
        world.spend(10_000)
    assert [t.balance.period for t in world.told[2:]] == ["2026-01-02"]


def test_a_bill_that_is_larger_than_expected_tells_as_well(world: World) -> None:
    with world.budget.reserved(CALL) as held:
        held.settle(None, billed=9 * CENT)
    assert len(world.told) == 1


def test_an_alert_is_a_line_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(world.ledger, PriceList(lambda: world.own), world.clock, ladder=Ladder(alert=0.05), tell=log_alert)
    with caplog.at_level(logging.WARNING, "cmo.spend"), budget.reserved(CALL) as held:
        held.settle(Usage(0, 10_000))
    assert "10 % of the $0.10 that everybody may spend in 2026-01-01 is spent" in caplog.messages


def test_looking_whether_a_call_may_be_made_sets_nothing_aside(world: World) -> None:
    assert isinstance(world.budget.may(CALL), Allowed)
    assert world.entries() == []
    assert isinstance(world.budget.may(replace(CALL, most=Usage(0, 100_001))), Refused)


def test_optional_calls_are_left_out_before_the_money_is_gone(world: World) -> None:
    world.clock.advance(24 * 3600 - 1)
    for _ in range(8):
        world.spend(10_000)
    optional = replace(CALL, need=Need.OPTIONAL)
    with pytest.raises(OverBudget, match="kept for what matters more"), world.budget.reserved(optional):
        raise AssertionError
    world.spend(10_000)


def test_what_expires_counts_in_full_and_a_late_bill_still_corrects_it(world: World) -> None:
    world.clock.advance(61)
    for _ in range(19):
        world.spend(100)
    before, most = 19 * 100, CENT
    world.clock.advance(61)
    with world.budget.reserved(replace(CALL, seconds=30)) as held:
        assert world.spent()[0] == (before + 100, before + most)
        world.clock.advance(31)
        assert world.budget.accounts()[0].balance.spent == before + most
        assert world.entries()[-1].state == "unknown"
        held.settle(Usage(0, 50))
    assert world.spent()[0] == (before + 50, before + 50)
    assert (world.entries()[-1].state, world.entries()[-1].cost) == ("settled", 50)


def test_expired_entries_are_found_while_other_calls_go_on(world: World) -> None:
    with world.budget.reserved(replace(CALL, seconds=5)):
        world.clock.advance(120)
        world.spend(10)
        assert [e.state for e in world.entries()] == ["unknown", "settled"]


def test_closing_twice_changes_nothing(world: World) -> None:
    world.spend(1_000)
    world.ledger.close(1, Closing(State.SETTLED, 99), lambda _: False)
    world.ledger.close(1, Closing(State.VOID), lambda _: False)
    world.ledger.close(404, Closing(State.VOID), lambda _: False)
    assert world.spent() == [(1_000, 1_000)] * 2


@pytest.mark.parametrize("jump", [timedelta(days=-40), timedelta(days=-1), timedelta(days=1), timedelta(days=400)])
def test_whatever_the_clock_does_an_entry_keeps_its_day_and_each_days_limit_holds(
    world: World, jump: timedelta
) -> None:
    began = world.clock.now()
    with world.budget.reserved(CALL) as held:
        world.clock.advance(jump.total_seconds())
        while isinstance(world.budget.may(CALL), Allowed):
            world.spend(10_000)
        held.settle(Usage(0, 4_000))
    there = world.ledger.balances(Payer(), began)[0]
    assert (there.spent, there.exposed) == (4_000, 4_000)
    assert world.spent()[0] == (10 * CENT, 10 * CENT)


class Broken(SqlLedger):
    """Fails to close."""

    def close(self, *_: object, **__: object) -> Any:
        raise StoreError("the disk is gone")


def test_an_answer_is_not_lost_because_its_cost_cannot_be_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(world.engine, {Window.DAY: DOLLAR})
    budget = Budget(broken, PriceList(lambda: world.own), world.clock)
    with caplog.at_level(logging.WARNING, "cmo.spend"), budget.reserved(CALL) as held:
        held.settle(Usage(0, 10))
    assert "could not be written down" in caplog.text
    assert [e.state for e in world.entries()] == ["reserved"]
    world.clock.advance(601)
    assert world.ledger.expire(world.clock.now()) == 1
    assert world.spent() == [(CENT, CENT)] * 2


# -- coroutines ----------------------------------------------------------------------------------------------------


async def test_a_coroutine_sets_money_aside_in_the_same_way(world: World) -> None:
    async with world.budget.areserved(CALL) as held:
        held.settle(Usage(0, 1_000))
    with pytest.raises(ChatFailed):
        async with world.budget.areserved(CALL):
            raise ChatFailed("HTTP 500")
    with pytest.raises(OverBudget):
        async with world.budget.areserved(replace(CALL, most=Usage(0, 100_000))):
            raise AssertionError
    assert [e.state for e in world.entries()] == ["settled", "unknown"]


async def test_a_call_that_is_cancelled_counts_in_full(world: World) -> None:
    inside = asyncio.Event()

    async def call() -> None:
        async with world.budget.areserved(CALL):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.ensure_future(call())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(e.state, e.failed) for e in world.entries()] == [("unknown", True)]


class Slow(SqlLedger):
    """Reserves when it is let."""

    go = threading.Event()
    begun = threading.Event()

    def reserve(self, *arguments: Any) -> Any:
        self.begun.set()
        assert self.go.wait(5)
        return super().reserve(*arguments)


async def test_who_is_cancelled_before_the_money_is_there_gives_it_back(world: World) -> None:
    slow = Slow(world.engine, {Window.DAY: DOLLAR})
    budget = Budget(slow, PriceList(lambda: world.own), world.clock)

    async def call() -> None:
        async with budget.areserved(CALL):
            raise AssertionError("it was cancelled")

    task = asyncio.ensure_future(call())
    await asyncio.to_thread(slow.begun.wait, 5)
    task.cancel()
    beats = 0
    for _ in range(3):  # the loop goes on meanwhile
        await asyncio.sleep(0)
        beats += 1
    slow.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert beats == 3
    assert [(e.state, e.cost) for e in world.entries()] == [("void", 0)]


async def test_the_shipped_fake_remembers_calls_and_refuses_when_told_to() -> None:
    fake = FakePayments()
    with fake.reserved(CALL) as held:
        held.settle(Usage(1, 2))
    async with fake.areserved(CALL) as held:
        held.nothing_spent()
    assert [(h.draft.call, h.usage, h.spent) for h in fake.holds] == [(CALL, Usage(1, 2), True), (CALL, None, False)]
    fake.refuses = True
    with pytest.raises(OverBudget), fake.reserved(CALL):
        raise AssertionError
