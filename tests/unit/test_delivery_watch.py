"""What is counted of answers, and what a rollout's gates make of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cmo.delivery.flags import CONTROL, NEW
from cmo.delivery.gates import Judged, Verdict
from cmo.delivery.observed import Observer, Outcome, Place, bucket_of, edge_of, nothing
from cmo.delivery.state import LastKnown
from cmo.delivery.traffic import Asker, Direct, Traffic
from cmo.delivery.watch import Seen, Watch, judge, resumed, see
from cmo.errors import ReleaseRefused, StoreError
from cmo.model.delivery import Current, Exposure, Observation, Release, StoredRollout, Talk
from cmo.testing import FakeClock

CHANCE = np.random.default_rng(5)
WATCH = Watch.of({"least": 100, "fresh": 50})


class Kept:
    """A store in memory, which can be gone."""

    def __init__(self, current: Current | None = None) -> None:
        self.state = current or Current()
        self.gone = False
        self.observations: list[Observation] = []
        self.exposures: list[Exposure] = []
        self.talking: dict[str, Talk] = {}

    def current(self) -> Current:
        if self.gone:
            raise StoreError("The store is gone.")
        return self.state

    def mark(self) -> object:
        if self.gone:
            raise StoreError("The store is gone.")
        return id(self.state)

    def talks(self, since: float) -> Sequence[Talk]:
        return [talk for talk in self.talking.values() if talk.at >= since]

    def observe(
        self, observations: Sequence[Observation], exposures: Sequence[Exposure], talks: Sequence[Talk] = ()
    ) -> None:
        if self.gone:
            raise StoreError("The store is gone.")
        self.observations += observations
        self.exposures += exposures
        self.talking |= {talk.name: talk for talk in talks}


# -- counting ------------------------------------------------------------------------------------------------------


def test_outcomes_become_sums_by_stretch_and_arm() -> None:
    store = Kept()
    observer = Observer(store, FakeClock(), scores=lambda _arm, body: {"citations": float(len(body))})
    observer.exposed(Place("r", 0, NEW, "mia"))
    observer.exposed(Place("r", 0, NEW, "mia"))
    observer.saw(Place("r", 0, NEW, "mia"), Outcome(0.1, body=b"1"))
    kept = Place("r", 0, NEW, "mia")
    for _ in range(3):
        observer.kept(kept)
    observer.kept(Place("r", 0, NEW, "leo"))
    observer.kept(kept, refused=True)
    observer.saw(Place("r", 0, CONTROL, "leo"), Outcome(0.2, refused=True))
    observer.saw(Place("r", 1, CONTROL, "leo"), Outcome(0.2, failed=True))
    observer.flush()
    told = {(o.step, o.arm): o.sums for o in store.observations}
    assert told[0, NEW] == nothing() | {
        "requests": 6, "refusals": 1, "made": 1, "latency": {str(bucket_of(0.1)): 1}, "scores": {"citations": (1, 1.0, 1.0)}
    }  # fmt: skip
    assert (told[0, CONTROL]["refusals"], told[1, CONTROL]["errors"]) == (1, 1)
    assert len(store.exposures) == 1
    assert "mia" not in repr(store.exposures), "users are hashed"


def test_who_fails_again_and_again_is_one_failure_a_minute() -> None:
    store, clock = Kept(), FakeClock()
    observer = Observer(store, clock)
    for seconds in (0.0, 1.0, 30.0, 61.0):
        clock.advance(seconds)
        observer.saw(Place("r", 0, NEW, "bot"), Outcome(0.1, failed=True))
        observer.flush()
    assert [o.sums["errors"] for o in store.observations] == [1, 0, 0, 1]


def test_while_the_store_is_gone_what_was_seen_waits_and_is_written_once() -> None:
    store = Kept()
    observer = Observer(store, FakeClock())
    store.gone = True
    for _ in range(3):
        observer.saw(Place("r", 0, NEW, "mia"), Outcome(0.1))
        with pytest.raises(StoreError):
            observer.flush()
    store.gone = False
    observer.flush()
    observer.flush()
    assert sum(o.sums["requests"] for o in store.observations) == 3
    assert len({o.batch for o in store.observations}) == 3


def test_a_step_of_latency_holds_what_it_should() -> None:
    for seconds in (0.0001, 0.001, 0.0034, 0.1, 1.0, 59.0):
        bucket = bucket_of(seconds)
        assert edge_of(bucket) >= seconds or bucket == 80
        assert bucket == 0 or edge_of(bucket - 1) < seconds


# -- who has which release ---------------------------------------------------------------------------------------------


def rolled(percent: float, steps: int, phase: str = "running") -> Current:
    status = {"percent": percent, "steps": steps, "phase": phase}
    rollout = StoredRollout("r1", "naive", "", {"salt": "s"}, status)
    return Current(rollout, {"naive": Release("naive", {"mode": "naive"})})


def traffic(store: Kept, clock: FakeClock) -> tuple[Traffic, LastKnown, Observer]:
    state, observer = LastKnown(store, clock, stale=60.0), Observer(store, clock)
    state.refresh()
    return Traffic(state, Direct(state.now), observer, clock, conversation=1800.0), state, observer


def test_a_conversation_keeps_its_arm_while_a_release_grows_and_counts_where_it_began() -> None:
    store, clock = Kept(rolled(0.001, 0)), FakeClock()
    asked, state, _ = traffic(store, clock)
    talking, other = Asker("mia", "talk"), Asker("mia", "another")
    assert asked.decide(talking).arm == CONTROL
    store.state = rolled(100.0, 1)
    state.refresh()
    decided = asked.decide(talking)
    assert decided.arm == CONTROL
    assert decided.place is not None
    assert decided.place.step == 0
    assert asked.decide(other).arm == NEW
    clock.advance(1801)
    state.refresh()
    assert asked.decide(talking).arm == NEW


def test_what_is_taken_back_is_taken_from_conversations_too() -> None:
    store, clock = Kept(rolled(100.0, 1)), FakeClock()
    asked, state, _ = traffic(store, clock)
    assert asked.decide(Asker("mia", "talk")).release == "naive"
    store.state = rolled(0.0, 2, "back")
    state.refresh()
    assert asked.decide(Asker("mia", "talk")).release == ""


def test_without_a_store_the_last_known_holds_for_a_minute_then_the_baseline() -> None:
    store, clock = Kept(rolled(100.0, 1)), FakeClock()
    asked, state, _ = traffic(store, clock)
    store.gone = True
    for seconds, release in ((59.0, "naive"), (2.0, "")):
        clock.advance(seconds)
        with pytest.raises(StoreError):
            state.refresh()
        assert asked.decide(Asker("mia", "talk")).release == release
    store.gone = False
    state.refresh()
    assert asked.decide(Asker("mia", "talk")).release == "naive"


def test_a_release_of_another_version_of_this_program_is_not_followed() -> None:
    store = Kept(rolled(100.0, 1))
    store.state = replace(store.state, releases={"naive": Release("naive", {"psychic": True})})
    asked, _, _ = traffic(store, FakeClock())
    decided = asked.decide(Asker("mia"))
    assert (decided.release, decided.place) == ("", None)
    assert "psychic" in decided.why


# -- gates -----------------------------------------------------------------------------------------------------------


def sums(
    requests: int,
    *,
    errors: float = 0.0,
    slow_by: float = 1.0,
    citations: float = 1.0,
    made: float = 1.0,
    dollars: float = 0.0,
) -> dict[str, Any]:
    """What an arm does, drawn by chance."""
    answered = int(CHANCE.binomial(requests, made))
    told = nothing() | {"requests": requests, "made": answered, "errors": int(CHANCE.binomial(requests, errors))}
    for seconds in slow_by * CHANCE.lognormal(-2.0, 0.4, answered):
        bucket = str(bucket_of(float(seconds)))
        told["latency"][bucket] = told["latency"].get(bucket, 0) + 1
    scores = CHANCE.normal(citations, 0.05, answered)
    told["scores"]["citations"] = (answered, float(scores.sum()), float((scores**2).sum()))
    costs = dollars * CHANCE.lognormal(-0.5, 1.0, answered)  # most answers are cheap, a few are not; mean 1
    told["scores"]["cost"] = (answered, float(costs.sum()), float((costs**2).sum()))
    return told


def play(rounds: int, percent: float, new: dict[str, Any], control: dict[str, Any], *, watch: Watch = WATCH) -> Judged:
    """Verdict after some rounds of 500 questions each; stops where a gate fails."""
    seen = resumed(watch, {})
    share, judged = round(500 * percent / 100), Judged()
    for _ in range(rounds):
        both = ((NEW, sums(share, **new)), (CONTROL, sums(500 - share, **control)))
        seen = resumed(
            watch, see(watch, seen, [Observation("b", "r", 0, a, 0.0, s) for a, s in both], 0, percent).as_json()
        )
        judged, verdict = judge(watch, seen, percent, {})
        if verdict is Verdict.FAIL:
            break
    return judged


def failing(judged: Judged) -> set[str]:
    return {finding.gate for finding in judged.findings if finding.verdict is Verdict.FAIL}


def test_two_releases_that_are_alike_pass_on_errors_and_citations_and_nothing_fails() -> None:
    judged = play(40, 30, {}, {})
    assert failing(judged) == set()
    said = {finding.gate: finding.verdict for finding in judged.findings}
    assert (said["errors"], said["citations"]) == (Verdict.PASS, Verdict.PASS)


@pytest.mark.parametrize(
    ("worse", "gate"),
    [({"errors": 0.1}, "errors"), ({"slow_by": 2.0}, "slow"), ({"citations": 0.8}, "citations")],
)
def test_a_release_that_is_worse_fails_by_the_gate_that_sees_it(worse: dict[str, Any], gate: str) -> None:
    assert failing(play(40, 10, worse, {})) == {gate}


@pytest.mark.parametrize(("new", "control"), [(0.009, 0.003), (0.001, 0.0), (0.15, 0.12)])
def test_a_release_that_is_much_dearer_fails_by_what_it_costs(new: float, control: float) -> None:
    """Thrice as dear; where answers were free; and above what the documents allow, though the old one is dear as well."""
    judged = play(60, 25, {"dollars": new}, {"dollars": control})
    assert failing(judged) <= {"cost"}
    said = next(f for f in judged.findings if f.gate == "cost")
    assert said.verdict is not Verdict.PASS
    if control < 0.1:
        assert (said.verdict, "0.00" in said.text) == (Verdict.FAIL, True), "it is told in dollars"


def test_a_release_that_is_a_little_dearer_passes_and_how_much_can_be_said() -> None:
    generous = Watch.of({"least": 100, "fresh": 50, "dearer": 3.0})
    for more, watch, verdict in (
        (1.05, WATCH, Verdict.PASS),
        (1.0, WATCH, Verdict.PASS),
        (2.0, generous, Verdict.PASS),
    ):
        judged = play(120, 50, {"dollars": more * 0.003}, {"dollars": 0.003}, watch=watch)
        assert next(f for f in judged.findings if f.gate == "cost").verdict is verdict, more


def test_where_answers_are_free_their_cost_holds_nobody_up() -> None:
    said = next(f for f in play(10, 30, {}, {}).findings if f.gate == "cost")
    assert said.verdict is Verdict.PASS


def test_a_cold_cache_makes_no_release_slow() -> None:
    """The control answers four of five questions from what is kept, the release none; what is made is as fast."""
    assert failing(play(60, 10, {}, {"made": 0.2})) == set()


def test_what_slow_means_is_found_from_the_control_and_then_stands_still() -> None:
    seen = resumed(WATCH, {})
    limits = []
    for by in (1.0, 1.0, 5.0, 5.0):
        arms = ((NEW, sums(50)), (CONTROL, sums(150, slow_by=by)))
        seen = see(WATCH, seen, [Observation("b", "r", 0, a, 0.0, s) for a, s in arms], 0, 25)
        limits.append(seen.slow)
    assert limits[0] == 0
    assert 0.1 < limits[1] == limits[2] == limits[3] < 0.6


def test_a_stage_in_which_nothing_was_seen_is_not_left() -> None:
    watch = Watch.of({"least": 100, "fresh": 50, "metrics": ["errors"]})
    seen = resumed(watch, {})
    many = [Observation("b", "r", 0, arm, 0.0, sums(1000)) for arm in (NEW, CONTROL)]
    seen = see(watch, seen, many, 0, 50)
    assert judge(watch, seen, 50, {})[1] is Verdict.PASS
    seen = see(watch, seen, [], 1, 75)
    assert judge(watch, seen, 75, {})[1] is Verdict.UNSURE


def test_what_is_told_late_does_not_carry_a_stage_and_is_not_lost() -> None:
    """A store that was away, and conversations that go on: their answers are of the stretch in which they began."""
    watch = Watch.of({"least": 100, "fresh": 50, "metrics": ["errors"]})
    seen = see(
        watch, resumed(watch, {}), [Observation("b", "r", 0, arm, 0.0, sums(1000)) for arm in (NEW, CONTROL)], 0, 50
    )
    delayed = [Observation("c", "r", 0, arm, 0.0, sums(500)) for arm in (NEW, CONTROL)]
    seen = see(watch, seen, delayed, 1, 75)
    assert judge(watch, seen, 75, {})[1] is Verdict.UNSURE
    assert float(seen.standings[0].requests) == 1500
    bad = [Observation("d", "r", 0, NEW, 0.0, sums(500, errors=0.5)), Observation("d", "r", 0, CONTROL, 0.0, sums(500))]
    assert judge(watch, see(watch, seen, bad, 1, 75), 75, {})[1] is Verdict.FAIL


def test_trouble_that_comes_late_need_not_outweigh_all_that_went_well_before() -> None:
    watch = Watch.of({"least": 100, "fresh": 50, "metrics": ["errors"]})
    seen = resumed(watch, {})
    for _ in range(60):
        arms = ((NEW, sums(250, errors=0.01)), (CONTROL, sums(250, errors=0.01)))
        seen = see(watch, seen, [Observation("b", "r", 0, a, 0.0, s) for a, s in arms], 0, 50)
    rounds = 0
    while judge(watch, seen, 75, {})[1] is not Verdict.FAIL:
        arms = ((NEW, sums(375, errors=0.06)), (CONTROL, sums(125, errors=0.01)))
        seen = see(watch, seen, [Observation("b", "r", 1, a, 0.0, s) for a, s in arms], 1, 75)
        seen, rounds = resumed(watch, seen.as_json()), rounds + 1
        assert rounds <= 8
    assert "in this stage" in judge(watch, seen, 75, {})[0].findings[0].text


def test_a_broken_assignment_holds_the_release() -> None:
    watch = Watch.of({"least": 100, "fresh": 50, "metrics": ["errors"]})
    seen = see(watch, resumed(watch, {}), [Observation("b", "r", 0, a, 0.0, sums(900)) for a in (NEW, CONTROL)], 0, 50)
    assert judge(watch, seen, 50, {NEW: 500, CONTROL: 510})[1] is Verdict.PASS
    assert judge(watch, seen, 50, {NEW: 600, CONTROL: 400})[1] is Verdict.UNSURE


def test_at_100_percent_a_rise_of_errors_is_found_without_a_control() -> None:
    watch = Watch.of({"least": 100, "fresh": 50, "metrics": ["errors"]})
    seen = see(watch, resumed(watch, {}), [Observation("b", "r", 0, a, 0.0, sums(900)) for a in (NEW, CONTROL)], 0, 50)
    for _ in range(20):
        seen = see(watch, seen, [Observation("b", "r", 1, NEW, 0.0, sums(100, errors=0.002))], 1, 100)
    assert judge(watch, seen, 100, {})[1] is Verdict.PASS
    for _ in range(10):
        told = [Observation("b", "r", 1, NEW, 0.0, sums(100, errors=0.06))]
        seen = resumed(watch, see(watch, seen, told, 1, 100).as_json())
    judged, verdict = judge(watch, seen, 100, {})
    assert verdict is Verdict.FAIL
    assert failing(judged) == {"errors alone"}


def test_before_anybody_has_it_a_service_must_be_well() -> None:
    watch = Watch.of({"least": 100, "fresh": 50})
    for errors, verdict in ((0.0, Verdict.PASS), (0.2, Verdict.UNSURE)):
        seen = see(watch, resumed(watch, {}), [Observation("b", "r", 0, CONTROL, 0.0, sums(400, errors=errors))], 0, 0)
        assert judge(watch, seen, 0, {})[1] is verdict
    assert judge(watch, resumed(watch, {}), 0, {})[1] is Verdict.UNSURE


@pytest.mark.parametrize("facts", [{}, {"standings": []}, {"standings": [{}], "slow": "x"}, {"standings": 5}])
def test_evidence_of_other_gates_is_gathered_anew(facts: dict[str, Any]) -> None:
    seen = resumed(WATCH, facts)
    assert isinstance(seen, Seen)
    assert all(float(standing.requests) == 0 for standing in seen.standings)


@pytest.mark.parametrize(
    "facts",
    [
        {"least": 0},
        {"fresh": "many"},
        {"metrics": ["joy"]},
        {"metrics": ["slow"]},
        {"alpha": 0.5},
        {"dearer": 0},
        {"dearer": True},
    ],
)
def test_gates_that_make_no_sense_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ReleaseRefused):
        Watch.of(facts)
