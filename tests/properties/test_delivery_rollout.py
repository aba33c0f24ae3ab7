"""A rollout never moves up without evidence, and never forgets where it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.delivery.gates import Verdict
from cmo.delivery.rollout import Command, Phase, Plan, Status, advance, plan, plans
from cmo.errors import NotFound, SettingsError

TICKS = st.tuples(
    st.sampled_from(Verdict),
    st.sampled_from((-5_000.0, 0.0, 10.0, 300.0, 200_000.0)),
    st.none() | st.sampled_from(Command),
)


def step(of: Plan, status: Status, verdict: Verdict, now: float, command: Command | None) -> Status:
    try:
        return advance(of, status, verdict, now, command)
    except SettingsError:
        return advance(of, status, verdict, now)


@given(st.sampled_from(sorted(plans())), st.lists(TICKS, max_size=60))
def test_nothing_rises_without_a_passing_verdict_or_a_human(name: str, ticks: list) -> None:
    of, now = plan(name), 1_000.0
    status = Status.begin(of, now)
    for verdict, passed, command in ticks:
        now += passed
        after = step(of, status, verdict, now, command)
        if after.percent > status.percent:
            assert verdict is not Verdict.FAIL
            assert verdict is Verdict.PASS or command in {Command.APPROVE, Command.RESUME}
            assert after.percent in of.stages
        if verdict is Verdict.FAIL and status.phase is not Phase.BACK:
            assert after.percent <= status.percent or command is Command.RESUME
        assert 0 <= after.percent <= 100
        assert after.steps >= status.steps
        assert (after.steps > status.steps) == (after != status)
        status = after


@given(st.sampled_from(sorted(plans())), st.lists(TICKS, max_size=40), st.integers(0, 40))
def test_a_second_controller_goes_on_where_the_first_one_died(name: str, ticks: list, died: int) -> None:
    of, now = plan(name), 0.0
    one = other = Status.begin(of, now)
    for number, (verdict, passed, command) in enumerate(ticks):
        now += passed
        one = step(of, one, verdict, now, command)
        if number == died:
            other = Status.of(json.loads(json.dumps(other.as_json())))
        other = step(of, other, verdict, now, command)
        assert one == other


@given(st.sampled_from(sorted(plans())), st.lists(st.floats(0, 1e7), max_size=80))
def test_thin_data_never_promotes_and_never_rolls_back(name: str, times: list[float]) -> None:
    of = plan(name)
    status = Status.begin(of, 0.0)
    for now in sorted(times):
        status = advance(of, status, Verdict.UNSURE, now)
    assert status.percent == of.stages[0]
    assert status.phase in {Phase.RUNNING, Phase.HELD}


@pytest.mark.parametrize("name", sorted(plans()))
def test_a_release_that_passes_reaches_all_by_every_stage_and_not_sooner_than_it_bakes(name: str) -> None:
    of = plan(name)
    status, now, seen = Status.begin(of, 0.0), 0.0, []
    while status.phase is not Phase.DONE:
        seen.append(status.percent)
        assert advance(of, status, Verdict.PASS, now + of.bake - 1) == status
        now += of.bake
        status = advance(of, status, Verdict.PASS, now)
    assert tuple(seen) == of.stages


@pytest.mark.parametrize("name", sorted(plans()))
def test_a_promoted_release_that_fails_goes_back_all_the_same(name: str) -> None:
    of = plan(name)
    status, now = Status(name, len(of.stages) - 1, 100.0, Phase.DONE, 0.0, ""), 0.0
    downs = []
    while status.phase is not Phase.BACK:
        now += of.step
        status = advance(of, status, Verdict.FAIL, now)
        downs.append(status.percent)
    assert downs == ([50.0, 25.0, 12.5, 10.0, 0.0] if of.gradual else [0.0])


def test_thin_data_ask_a_human_in_the_end() -> None:
    of = plan("fast")
    assert advance(of, Status.begin(of, 0.0), Verdict.UNSURE, of.bake + of.patience).phase is Phase.HELD


def test_disabled_is_at_once_whatever_the_plan() -> None:
    of = plan("enrichment")
    status = Status("enrichment", 3, 100.0, Phase.DONE, 0.0, "")
    assert advance(of, status, Verdict.PASS, 0.0, Command.DISABLE).percent == 0


def test_a_frozen_release_waits_but_is_still_taken_back() -> None:
    of = plan("fast")
    frozen = advance(of, Status.begin(of, 0.0), Verdict.PASS, 1.0, Command.FREEZE)
    assert advance(of, frozen, Verdict.PASS, 1e6) == frozen
    assert advance(of, frozen, Verdict.FAIL, 2.0).phase is Phase.BACK


def test_an_approval_is_waited_for() -> None:
    of = Plan("p", (10.0, 100.0), 10, 10, approvals=frozenset({1}))
    waiting = advance(of, Status.begin(of, 0.0), Verdict.PASS, 10.0)
    assert (waiting.phase, waiting.percent) == (Phase.WAITING, 10.0)
    assert advance(of, waiting, Verdict.UNSURE, 11.0, Command.APPROVE).percent == 100


def test_what_cannot_be_is_refused_in_words() -> None:
    of = plan("fast")
    with pytest.raises(SettingsError, match="running cannot be approved"):
        advance(of, Status.begin(of, 0.0), Verdict.PASS, 0.0, Command.APPROVE)
    with pytest.raises(NotFound, match="cmo, fast, canary, enrichment"):
        plan("yolo")
    with pytest.raises(SettingsError, match="rise"):
        Plan("p", (50.0, 10.0, 100.0), 1, 1)
    with pytest.raises(ValueError, match="no status"):
        Status.of({"phase": "running"})
