"""Simulated releases go through the real gates: healthy ones stay, broken ones go, and soon."""

from dataclasses import replace

import numpy as np
import pytest

from cmo.bench.delivery import RIVALS, called
from cmo.delivery.arms import Metric, Tally, Window
from cmo.delivery.gates import Finding, Gate, Judged, Verdict
from cmo.delivery.means import Moments
from cmo.delivery.rollout import plan
from cmo.delivery.simulate import SCENARIOS, Played, gates, play, scenario, summary
from cmo.errors import NotFound


def played(name: str, runs: int = 60, seconds: float = 600, tick: float = 5) -> Played:
    return play(plan("cmo"), replace(SCENARIOS[name], horizon=seconds, tick=tick), runs, seed=3)


@pytest.mark.parametrize("name", ["healthy", "bot-burst"])
def test_what_is_healthy_stays(name: str) -> None:
    assert np.isfinite(played(name).back).sum() <= 2


@pytest.mark.parametrize(
    ("name", "seconds", "gate"),
    [("error-jump", 40, "errors"), ("quality-drop", 90, "support"), ("slower", 180, "slow")],
)
def test_what_is_broken_goes_soon_and_the_right_gate_says_so(name: str, seconds: float, gate: str) -> None:
    found = played(name, seconds=seconds * 2)
    told = summary(name, found)
    assert told.rolled_back[0] > 0.95
    assert told.seconds is not None
    assert told.seconds[0] <= seconds
    assert max(told.blamed, key=told.blamed.__getitem__) == gate


def test_a_good_release_reaches_everybody_by_the_fast_plan() -> None:
    better = replace(SCENARIOS["healthy"], horizon=5_400, tick=30, errors=(0.01, 0.002), support=(0.8, 0.86))
    told = summary("healthy", play(plan("fast"), better, 40, seed=5))
    assert told.promoted > 0.8


def test_the_same_seed_plays_the_same_releases() -> None:
    one, other = played("error-jump", seconds=60), played("error-jump", seconds=60)
    assert np.array_equal(one.back, other.back)
    assert one.blamed == other.blamed


def test_rules_of_others_call_a_healthy_release_or_miss_a_broken_one() -> None:
    bots = replace(SCENARIOS["bot-burst"], horizon=1_800, tick=20, bursts=0.2)
    small = replace(SCENARIOS["error-small"], horizon=1_800, tick=20)
    rule = RIVALS["documents, > 5 % for 2 min"]
    assert np.isfinite(called([rule(40)], bots, 40, seed=2)).mean() > 0.5
    assert not np.isfinite(called([rule(40)], small, 40, seed=2)).any()


def test_there_is_no_such_scenario() -> None:
    with pytest.raises(NotFound, match="healthy, sparse"):
        scenario("sunny")


def window(new: Tally, control: Tally, share: float = 0.5) -> Window:
    return Window(share, new, control)


def tally(requests: int, errors: int, scores: list[float] | None = None) -> Tally:
    told = {Metric.SUPPORT: Moments.of(scores)} if scores else {}
    return Tally(np.asarray(float(requests)), {Metric.ERRORS: np.asarray(float(errors))}, told)


ERRORS = Gate(Metric.ERRORS, backstop=0.1, least=100)


def judged(gate: Gate, *windows: Window) -> Finding:
    standing = gate.start()
    for one in windows:
        standing = gate.see(standing, one)
    return gate.judge(standing)


def test_nothing_seen_is_unsure() -> None:
    assert judged(ERRORS).verdict is Verdict.UNSURE
    assert judged(ERRORS, window(tally(0, 0), tally(0, 0))).verdict is Verdict.UNSURE
    assert judged(Gate(Metric.SUPPORT)).verdict is Verdict.UNSURE


def test_a_backstop_needs_no_control_and_spares_a_release_that_shares_its_trouble() -> None:
    assert judged(ERRORS, window(tally(200, 30), tally(0, 0), 1.0)).verdict is Verdict.FAIL
    assert judged(ERRORS, window(tally(200, 24), tally(200, 24))).verdict is Verdict.UNSURE


def test_a_finding_says_what_it_saw() -> None:
    told = judged(ERRORS, window(tally(1_000, 80), tally(1_000, 4)))
    assert told.verdict is Verdict.FAIL
    assert told.text == "errors: 8.00 % of 1,000 new, 0.40 % of 1,000 control; worse"
    assert told.evidence > 1


def test_lost_support_fails_and_kept_support_passes() -> None:
    chance = np.random.default_rng(1)
    gate = Gate(Metric.SUPPORT, margin=0.05, least=100)
    kept = window(tally(1, 0, chance.beta(8, 2, 3_000).tolist()), tally(1, 0, chance.beta(8, 2, 3_000).tolist()))
    lost = window(tally(1, 0, chance.beta(6, 4, 500).tolist()), tally(1, 0, chance.beta(8, 2, 500).tolist()))
    assert judged(gate, kept).verdict is Verdict.PASS
    assert judged(gate, lost).verdict is Verdict.FAIL


def test_evidence_that_was_stored_goes_on_where_it_stood() -> None:
    first, second = window(tally(500, 9), tally(500, 2)), window(tally(500, 8), tally(500, 3))
    for gate in gates():
        whole = gate.see(gate.see(gate.start(), first), second)
        stored = gate.see(gate.start(), first).as_json()
        assert gate.see(gate.start().resumed(stored), second).as_json() == whole.as_json()


def test_evidence_of_another_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="another gate"):
        Gate(Metric.SUPPORT).start().resumed(ERRORS.start().as_json())


def test_one_failing_gate_fails_all_and_one_unsure_gate_holds_all() -> None:
    passed, failed, unsure = (
        Finding("g", verdict, "", 0.0) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNSURE)
    )
    assert Judged((passed, failed, unsure)).verdict is Verdict.FAIL
    assert Judged((passed, unsure)).verdict is Verdict.UNSURE
    assert Judged((passed, passed)).verdict is Verdict.PASS
    assert Judged().verdict is Verdict.UNSURE
