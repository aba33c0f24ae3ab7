"""Experiments from plan to verdict, on SQLite and on PostgreSQL: arms, scores, harm, faults of the store."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Arm, Phase, Spec
from cmo.delivery.experiment_live import Answered, Enrolled, Laboratory
from cmo.delivery.experiment_results import Outcome
from cmo.delivery.experiments import Experiments
from cmo.delivery.releases import Bundle, release
from cmo.delivery.shadow import Sampling, Shadow
from cmo.errors import NotFound, SettingsError, StoreError, StoreLocked
from cmo.model.audit import Given, Rating
from cmo.model.delivery import Act, Observation
from cmo.model.money import Payer
from cmo.model.notices import Severity
from cmo.model.questions import Mode, Question
from cmo.store.record import Record
from cmo.testing import FakeClock, FakeNotifier

SPEC = Spec("reach", (Arm("control", 0.5), Arm("graph", 0.5, "mix")), planned=150, least=0.05)


class Place:
    """A store with one release, and all that works on it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.store = store = record.experiments
        self.clock = FakeClock()
        self.experiments = Experiments(store, self.clock)
        self.notifier = FakeNotifier()
        assert store.add_release(release("mix", {"mode": "mix"}), Act(0.0, "ada", "release", "mix", ""))

    def running(self, spec: Spec = SPEC) -> Laboratory:
        self.experiments.plan(spec, "ada")
        self.experiments.start(spec.name, "ada", "curious")
        laboratory = Laboratory(self.store, self.clock)
        laboratory.refresh()
        return laboratory

    def play(self, laboratory: Laboratory, users: int, effect: float = 0.0, failing: float = 0.0) -> None:
        chance = np.random.default_rng(1)
        for user in range(users):
            enrolled = laboratory.decide(f"u{user}")
            assert enrolled is not None
            new = enrolled.arm == "graph"
            support = float(np.clip(chance.normal(0.7, 0.05) + effect * new, 0, 1))
            failed = new and chance.random() < failing
            scores = {} if failed else {Metric.SUPPORT: support}
            self.clock.advance(0.1)
            laboratory.saw(enrolled, Answered(Question("q"), f"a{user}", 0.1, failed=failed, scores=scores))
        laboratory.flush()


@pytest.fixture
def place(url: str) -> Iterator[Place]:
    with Record.open(url, FakeClock()) as record:
        yield Place(record)


def test_what_was_seen_of_every_user_leads_to_a_verdict(place: Place) -> None:
    place.play(place.running(), 400, effect=0.05)
    found = place.experiments.findings("reach")
    one = found.results.compared[0]
    assert one.outcome is Outcome.BETTER
    assert sum(found.results.units.values()) == 400 == found.results.answers
    assert found.results.valid
    assert len(found.looks) == 40
    assert {effect.metric for effect in one.others} >= {Metric.ERRORS, Metric.LATENCY, Metric.SLOW, Metric.REFUSALS}


def test_arms_are_answered_by_their_releases(place: Place) -> None:
    laboratory = place.running()
    enrolled = [laboratory.decide(f"u{n}") for n in range(50)]
    bundles = {e.arm: e.bundle for e in enrolled if e is not None}
    assert bundles == {"control": Bundle(), "graph": Bundle(mode=Mode.MIX)}
    assert laboratory.decide("") is None


def test_harm_ends_it_and_somebody_is_told(place: Place) -> None:
    laboratory = place.running()
    place.play(laboratory, 300, failing=0.3)
    found = place.experiments.check(place.notifier)
    assert found is not None
    assert found.results.compared[0].outcome is Outcome.HARMFUL
    assert place.experiments.get("reach").status.phase is Phase.STOPPED
    assert [notice.severity for notice in place.notifier.told] == [Severity.CRITICAL]
    laboratory.refresh()
    assert laboratory.decide("u1") is None
    assert place.experiments.check(place.notifier) is None
    acts = place.store.history("experiment/reach")
    assert [(act.actor, act.action) for act in acts] == [("the service", "stop"), ("ada", "start"), ("ada", "plan")]


def test_what_is_decided_is_told_and_left_to_people(place: Place) -> None:
    place.play(place.running(), 400, effect=0.05)
    for _ in range(3):
        Experiments(place.store, place.clock).check(place.notifier)  # whichever process looks
    assert [notice.title for notice in place.notifier.told] == ["The experiment reach is decided"]
    assert place.store.history("experiment/reach")[0].action == "decided"
    assert place.experiments.get("reach").status.phase is Phase.RUNNING


def test_the_next_run_begins_with_nothing_and_other_arms(place: Place) -> None:
    laboratory = place.running()
    before = _arms(laboratory)
    place.play(laboratory, 200)
    place.experiments.stop("reach", "ada")
    place.experiments.start("reach", "ada")
    laboratory.refresh()
    assert place.experiments.findings("reach").results.answers == 0
    after = _arms(laboratory)
    assert 60 < sum(a == b for a, b in zip(before, after, strict=True)) < 140


def test_what_is_written_twice_counts_once(place: Place) -> None:
    laboratory = place.running()
    enrolled = laboratory.decide("u1")
    assert enrolled is not None
    laboratory.saw(enrolled, Answered(Question("q"), "a1", 0.1, scores={Metric.SUPPORT: 0.5}))
    rows = [row for row in laboratory._queue if isinstance(row, Observation)]
    laboratory.flush()
    place.store.observe(rows, [])
    assert place.experiments.findings("reach").results.answers == 1


def test_two_askers_of_one_kept_reply_are_two_answers_and_each_rating_is_of_its_own(place: Place) -> None:
    laboratory = place.running()
    same = [f"u{n}" for n in range(20) if (e := laboratory.decide(f"u{n}")) is not None and e.arm == "graph"]
    for user in same:
        enrolled = laboratory.decide(user)
        assert enrolled is not None
        laboratory.saw(enrolled, Answered(Question("q"), "ab12", 0.1, made=False))
    laboratory.flush()
    given = Given("ab12", place.clock.now(), Payer("", same[0]), "", "1", {"query": "q"}, {"id": "ab12"})
    place.record.answers.put([given])
    for user, score in ((same[1], 5), (same[2], 3), ("a stranger", 1)):
        place.record.answers.rate(Rating("ab12", place.clock.now(), Payer("", user), score, ""))
    found = place.experiments.findings("reach")
    assert found.results.answers == len(same)
    rating = next(effect for effect in found.results.compared[0].others if effect.metric is Metric.RATING)
    assert rating.units == (0, 2)
    assert rating.new == pytest.approx(0.75)
    place.experiments.stop("reach", "ada")
    assert any(e.metric is Metric.RATING for e in place.experiments.findings("reach").results.compared[0].others)


def test_names_of_users_are_nowhere_in_the_store(place: Place) -> None:
    laboratory = place.running()
    enrolled = laboratory.decide("ada@example.org")
    assert enrolled is not None
    laboratory.saw(enrolled, Answered(Question("q"), "a1", 0.1))
    laboratory.flush()
    assert "ada" not in str([row.sums for row in place.store.seen("experiment/reach", 1)])


def test_answers_of_both_arms_are_judged_and_the_control_s_score_of_the_question_is_the_covariate(place: Place) -> None:
    asked: list[Bundle] = []

    def control(bundle: Bundle, _question: Question) -> dict[str, Any]:
        asked.append(bundle)
        return _reply("from the control", "id")

    shadow = Shadow(
        lambda _: {}, lambda _q, _p: None, Sampling(share=1.0, queue=1_000, per_minute=60_000, remembered=0),
        monotonic=place.clock.monotonic, judge=lambda _, shown: 0.6 if "control" in shown.sentences[0] else 0.9,
    )  # fmt: skip
    place.running()
    laboratory = Laboratory(place.store, place.clock, answers=control, shadow=shadow)
    laboratory.refresh()
    enrolled = [e for n in range(20) if (e := laboratory.decide(f"u{n}")) is not None]
    for n, one in enumerate(enrolled):
        text = "by the graph" if one.arm == "graph" else "from the control"
        answered = Answered(Question("the same"), f"a{n}", 0.1, reply=lambda text=text, n=n: _reply(text, f"a{n}"))  # type: ignore[misc]
        laboratory.saw(one, answered)
        assert shadow.settle(5)
    laboratory.flush()
    judged = [row for row in place.store.seen("experiment/reach", 1) if "prior" in row.sums]
    assert len(judged) == 20
    assert {(row.arm, row.sums["values"]["support"], row.sums["prior"]) for row in judged} == {
        ("control", 0.6, 0.6),
        ("graph", 0.9, 0.6),
    }
    assert asked == [Bundle()] * sum(
        one.arm == "graph" for one in enrolled
    )  # the control's own answer serves for its own
    laboratory.close()


def test_of_one_question_that_everybody_asks_a_part_is_judged(place: Place) -> None:
    sampling = Sampling(share=0.25, queue=1_000, per_minute=60_000, remembered=0)
    shadow = Shadow(
        lambda _: {}, lambda _q, _p: None, sampling, monotonic=place.clock.monotonic, judge=lambda _q, _s: 0.5
    )
    place.running()
    laboratory = Laboratory(place.store, place.clock, answers=lambda _b, _q: _reply("x", "id"), shadow=shadow)
    laboratory.refresh()
    for n in range(400):
        enrolled = laboratory.decide(f"u{n}")
        assert enrolled is not None
        laboratory.saw(enrolled, Answered(Question("the same"), "ab", 0.1, reply=lambda: _reply("x", "ab")))
    assert 60 <= shadow.counts().fates["taken"] <= 140
    laboratory.close()


def test_while_the_store_is_gone_what_was_known_holds_for_a_minute_and_nothing_is_lost(place: Place) -> None:
    laboratory = place.running()
    enrolled = laboratory.decide("u1")
    assert enrolled is not None
    real = place.store.observe
    place.store.observe = _gone  # type: ignore[method-assign]
    laboratory.saw(enrolled, Answered(Question("q"), "a1", 0.1))
    with pytest.raises(StoreError):
        laboratory.flush()
    laboratory._look()  # the thread's own look survives it
    place.clock.advance(59)
    assert laboratory.decide("u2") is not None
    place.clock.advance(62)
    assert laboratory.decide("u3") is None
    place.store.observe = real  # type: ignore[method-assign]
    laboratory._look()
    assert place.experiments.findings("reach").results.answers == 1


def test_an_experiment_that_was_forgotten_ends_at_the_next_look(place: Place) -> None:
    laboratory = place.running()
    place.play(laboratory, 10)
    place.experiments.drop("reach", "ada", "a mistake")
    laboratory.refresh()
    assert laboratory.decide("u1") is None
    assert list(place.store.seen("experiment/reach", 1)) == []
    with pytest.raises(NotFound):
        place.experiments.get("reach")


def test_what_was_on_its_way_when_an_experiment_was_dropped_counts_in_no_other_of_its_name(place: Place) -> None:
    laboratory = place.running()
    place.play(laboratory, 10)
    place.experiments.drop("reach", "ada", "a mistake")
    place.play(laboratory, 10)  # this process has not looked yet
    laboratory.flush()
    place.clock.advance(1.0)
    again = place.running()
    assert place.store.exposed("experiment/reach", 1) == {}
    place.play(again, 6)
    assert sum(place.store.exposed("experiment/reach", 1).values()) == 6
    assert len(list(place.store.seen("experiment/reach", 1))) == 6


def test_one_runs_at_a_time_and_what_runs_cannot_be_planned_anew(place: Place) -> None:
    place.running()
    other = Spec("other", SPEC.arms)
    place.experiments.plan(other, "ada")
    with pytest.raises(SettingsError, match="one runs at a time"):
        place.experiments.start("other", "ada")
    with pytest.raises(SettingsError, match="cannot change now"):
        place.experiments.plan(SPEC, "ada")
    with pytest.raises(SettingsError, match="there is none"):
        place.experiments.plan(Spec("third", (Arm("a", 0.5), Arm("b", 0.5, "gone"))), "ada")
    with pytest.raises(NotFound):
        place.experiments.start("nowhere", "ada")


def test_of_two_who_change_it_at_once_one_is_told(place: Place) -> None:
    place.experiments.plan(SPEC, "ada")
    stored = place.store.experiment("reach")
    assert stored is not None
    place.experiments.start("reach", "ada")
    act = Act(0.0, "eve", "start", "experiment/reach", "")
    assert not place.store.put_experiment(stored, act)
    real = place.store.experiment
    place.store.experiment = lambda name: stored if real(name) else None  # type: ignore[method-assign]
    with pytest.raises(StoreLocked):
        place.experiments.start("reach", "eve")


def test_a_laboratory_looks_by_itself_and_writes_what_waits_when_it_ends(place: Place) -> None:
    place.experiments.plan(SPEC, "ada")
    place.experiments.start("reach", "ada")
    laboratory = Laboratory(place.store, place.clock, every=0.01)
    laboratory.start()
    enrolled = laboratory.decide("u1")
    assert isinstance(enrolled, Enrolled)
    laboratory.saw(enrolled, Answered(Question("q"), "a1", 0.1))
    laboratory.close()
    assert place.experiments.findings("reach").results.answers == 1


def _gone(*_: Any) -> None:
    raise StoreError("The store is gone.")


def _arms(laboratory: Laboratory) -> list[str]:
    return [e.arm for n in range(200) if (e := laboratory.decide(f"u{n}")) is not None]


def _reply(text: str, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "answered": True,
        "confidence": 0.9,
        "sentences": [{"text": text, "citations": [1], "evidence": ["e"]}],
        "evidence": [{"id": "e", "citation": 1, "text": text}],
        "citations": [{"number": 1, "paper_id": "p"}],
        "timings": {"total_time_ms": 10.0},
    }
