"""The watchman: one process of several looks, harm ends an experiment, and looking never takes much of the time."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Arm, Phase, Spec
from cmo.delivery.experiment_live import Answered, Laboratory
from cmo.delivery.experiment_watch import Watchman
from cmo.delivery.experiments import Experiments
from cmo.errors import StoreError
from cmo.kit.clock import SystemClock
from cmo.model.questions import Question
from cmo.store.experiments import SqlExperiments
from cmo.store.record import Record
from cmo.testing import FakeClock, FakeNotifier


class Place:
    def __init__(self, store: SqlExperiments) -> None:
        self.store = store
        self.clock = FakeClock()
        self.experiments = Experiments(store, self.clock)
        self.notifier = FakeNotifier()

    def watchman(self, every: float = 60.0) -> Watchman:
        return Watchman(self.experiments, self.store.lease, self.notifier, self.clock, every=every)

    def harmful(self) -> None:
        self.experiments.plan(Spec("harm", (Arm("control", 0.5), Arm("bad", 0.5))), "ada")
        self.experiments.start("harm", "ada")
        laboratory = Laboratory(self.store, self.clock)
        laboratory.refresh()
        for n in range(200):
            enrolled = laboratory.decide(f"u{n}")
            assert enrolled is not None
            laboratory.saw(enrolled, Answered(Question("q"), "", 0.1, failed=enrolled.arm == "bad" and n % 3 == 0))
        laboratory.flush()

    @property
    def phase(self) -> Phase:
        return self.experiments.get("harm").status.phase


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", SystemClock()) as record:
        yield Place(record.experiments)


def test_harm_ends_an_experiment_at_the_next_look_and_people_hear_of_it_once(place: Place) -> None:
    place.harmful()
    watchman = place.watchman()
    assert watchman.look() == 60.0
    assert place.phase is Phase.STOPPED
    watchman.look()
    assert [notice.title for notice in place.notifier.told] == ["The experiment harm was stopped"]


def test_of_several_processes_one_looks_and_another_when_that_is_gone(place: Place) -> None:
    first, second = place.watchman(), place.watchman()
    first.look()
    place.harmful()
    second.look()
    assert place.phase is Phase.RUNNING
    place.clock.advance(181)  # the first one died: its lease runs out
    second.look()
    assert place.phase is Phase.STOPPED


def test_a_store_that_is_gone_ends_no_watch(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise StoreError("The store is gone.")

    monkeypatch.setattr(place.experiments, "check", gone)
    assert place.watchman().look() == 60.0


def test_the_longer_a_look_takes_the_longer_is_the_pause(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.experiments, "check", lambda _: place.clock.advance(3.0))
    assert place.watchman().look() == pytest.approx(300.0)


def test_he_looks_by_himself_until_he_is_told_to_stop(place: Place) -> None:
    place.harmful()
    watchman = place.watchman(every=0.02)
    watchman.start()
    ends = time.monotonic() + 10
    while place.phase is Phase.RUNNING:
        assert time.monotonic() < ends
        time.sleep(0.01)
    watchman.close()
    assert watchman._thread is not None
    assert not watchman._thread.is_alive()
    assert place.experiments.findings("harm").results.compared[0].guards[0].metric is Metric.ERRORS
