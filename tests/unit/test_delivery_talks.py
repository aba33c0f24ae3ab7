"""A conversation keeps its arm, whichever process answers, while the share of a release moves."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmo.delivery.assign import place
from cmo.delivery.flags import CONTROL, NEW
from cmo.delivery.observed import Observer
from cmo.delivery.state import LastKnown
from cmo.delivery.talks import name_of
from cmo.delivery.traffic import Asker, Direct, Traffic
from cmo.model.delivery import Current, Exposure, Observation, Release, StoredRollout, Talk
from cmo.testing import FakeClock

SECONDS = 1_800.0


class Kept:
    """What all processes share."""

    def __init__(self) -> None:
        self.state, self.marks = Current(), 0
        self.exposures: list[Exposure] = []
        self.talking: dict[str, Talk] = {}

    def current(self) -> Current:
        return self.state

    def mark(self) -> object:
        return self.marks

    def talks(self, since: float) -> Sequence[Talk]:
        return [talk for talk in self.talking.values() if talk.at >= since]

    def observe(self, _seen: Sequence[Observation], put: Sequence[Exposure], talks: Sequence[Talk] = ()) -> None:
        self.exposures += put
        self.talking |= {talk.name: talk for talk in talks}


class Process:
    """One worker of the service."""

    def __init__(self, store: Kept, clock: FakeClock) -> None:
        self.observer = Observer(store, clock)
        self.state = LastKnown(
            store, clock, prepare=lambda _: self.traffic.talks.learn(store.talks(clock.now().timestamp() - SECONDS))
        )
        self.traffic = Traffic(self.state, Direct(self.state.now), self.observer, clock, conversation=SECONDS)
        self.state.refresh()

    def arm(self, user: str, session: str = "") -> str:
        return self.traffic.decide(Asker(user, session)).arm


class World:
    """Two workers, one store, one rollout."""

    def __init__(self) -> None:
        self.store, self.clock, self.steps = Kept(), FakeClock(), -1
        self.workers = [self.process(), self.process()]

    def process(self) -> Process:
        return Process(self.store, self.clock)

    def share(self, percent: float, name: str = "r1", phase: str = "running") -> None:
        """It moves, and everybody sees it within a second."""
        for worker in self.workers:
            worker.observer.flush()
        self.steps, self.store.marks = self.steps + 1, self.store.marks + 1
        status = {"percent": percent, "steps": self.steps, "phase": phase}
        self.store.state = Current(
            StoredRollout(name, "naive", "", {"salt": f"rollout:{name}"}, status),
            {"naive": Release("naive", {"mode": "naive"})},
        )
        for worker in self.workers:
            worker.state.refresh()


def user(low: float, high: float, salt: str = "rollout:r1") -> str:
    """Somebody whose place lies between two shares."""
    return next(name for name in map("user-{}".format, range(10_000)) if low <= 100 * place(salt, name) < high)


def test_a_conversation_that_moves_to_another_worker_keeps_its_arm_while_the_release_grows() -> None:
    world = World()
    world.share(10)
    mia, (one, other) = user(10, 50), world.workers
    assert one.arm(mia, "talk") == CONTROL
    world.share(50)
    assert (one.arm(mia, "talk"), other.arm(mia, "talk")) == (CONTROL, CONTROL)
    assert other.arm(mia, "another") == NEW
    assert other.arm(mia) == NEW, "nobody says that this is a conversation"


def test_a_conversation_keeps_its_arm_when_the_service_starts_anew() -> None:
    world = World()
    world.share(10)
    mia = user(10, 50)
    assert world.workers[0].arm(mia, "talk") == CONTROL
    world.share(50)
    world.workers[0].observer.flush()
    world.workers = [world.process()]
    assert world.workers[0].arm(mia, "talk") == CONTROL


def test_what_a_conversation_lost_it_does_not_get_back_and_other_workers_know() -> None:
    world = World()
    world.share(50)
    mia, (one, other) = user(25, 50), world.workers
    assert one.arm(mia, "talk") == NEW
    world.share(25)
    assert one.arm(mia, "talk") == CONTROL
    world.share(50)
    assert (one.arm(mia, "talk"), other.arm(mia, "talk")) == (CONTROL, CONTROL)


def test_what_a_conversation_lost_at_another_worker_is_lost() -> None:
    world = World()
    world.share(75)
    mia, (one, other) = user(0, 75), world.workers
    assert one.arm(mia, "talk") == NEW
    world.share(0)
    assert other.arm(mia, "talk") == CONTROL
    world.share(75)
    assert (one.arm(mia, "talk"), other.arm(mia, "talk")) == (CONTROL, CONTROL)


def test_a_conversation_that_began_before_the_rollout_is_not_drawn_and_not_counted() -> None:
    world = World()
    mia, (one, other) = user(0, 10), world.workers
    assert one.arm(mia, "talk") == CONTROL
    world.share(10)
    for worker in (one, other):
        decided = worker.traffic.decide(Asker(mia, "talk"))
        assert (decided.arm, decided.place) == (CONTROL, None)
    assert other.arm(mia, "another") == NEW


def test_another_rollout_does_not_change_a_conversation_that_goes_on() -> None:
    world = World()
    world.share(100)
    firsts = (name for name in map("user-{}".format, range(10_000)) if place("rollout:r1", name) < 0.1)
    mia, one = next(name for name in firsts if place("rollout:r2", name) < 0.1), world.workers[0]
    assert one.traffic.decide(Asker(mia, "talk")).release == "naive"
    world.share(10, name="r2")
    assert one.arm(mia, "talk") == CONTROL


def test_after_half_an_hour_of_silence_it_is_another_conversation_everywhere() -> None:
    world = World()
    world.share(10)
    mia, (one, other) = user(10, 50), world.workers
    assert one.arm(mia, "talk") == CONTROL
    world.share(50)
    world.clock.advance(SECONDS + 1)
    for worker in world.workers:
        worker.state.refresh()
    assert (one.arm(mia, "talk"), other.arm(mia, "talk")) == (NEW, NEW)


def test_who_logs_in_during_a_conversation_stays_where_they_were() -> None:
    world = World()
    world.share(50)
    session, mia = user(0, 50), user(50, 100)
    assert world.workers[0].arm("", session) == NEW
    world.share(60)
    assert world.workers[0].arm(mia, session) == NEW
    assert world.workers[1].arm(mia, session) == NEW, "the other worker goes by where the conversation began as well"


def test_a_long_conversation_is_written_again_now_and_then_and_names_nobody() -> None:
    world = World()
    world.share(10)
    mia, one = user(10, 50), world.workers[0]
    for _ in range(12):
        one.arm(mia, "talk")
        one.observer.flush()
        world.clock.advance(300)
        one.state.refresh()
    talk = world.store.talking[name_of("talk")]
    assert world.clock.now().timestamp() - talk.at <= 300 + SECONDS / 4
    assert mia not in repr(world.store.talking)
    world.share(50)
    assert world.workers[1].arm(mia, "talk") == CONTROL


def test_conversations_that_go_on_do_not_skew_the_sizes_of_the_arms() -> None:
    """Who began before the share rose is counted where they began; only new conversations are put anew."""
    world = World()
    world.share(10)
    for n in range(400):
        world.workers[n % 2].arm(f"user-{n}", f"talk-{n}")
    world.share(50)
    for n in range(400):
        world.workers[1].arm(f"user-{n}", f"talk-{n}")
    for worker in world.workers:
        worker.observer.flush()
    assert {exposure.step for exposure in world.store.exposures} == {0}


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 5, 10, 25, 50, 75, 100]), st.lists(st.integers(0, 2), max_size=4)), min_size=1
    ),
    st.integers(0, 30),
)
def test_a_user_changes_once_at_most_and_only_to_the_baseline(moves: list[tuple[int, list[int]]], number: int) -> None:
    """Whatever the share does, whichever worker is asked; 2 is one that just started. It has the lowest share that it met."""
    world, got, lowest = World(), [], 101.0
    for percent, asked in moves:
        world.share(percent)
        for which in asked:
            lowest = min(lowest, percent)
            worker = world.process() if which == 2 else world.workers[which]
            got.append((worker.arm(f"user-{number}", "talk"), lowest))
            worker.observer.flush()
            for other in world.workers:
                other.state._again = 0.0
                other.state.refresh()
    arms = [arm for arm, _ in got]
    assert sum(a != b for a, b in pairwise(arms)) <= 1
    assert (CONTROL, NEW) not in set(pairwise(arms))
    if arms:
        assert arms[-1] == (NEW if 100 * place("rollout:r1", f"user-{number}") < got[-1][1] else CONTROL)


def test_a_salt_that_somebody_changes_in_flight_changes_no_conversation() -> None:
    world = World()
    world.share(50)
    askers = [f"user-{n}" for n in range(200)]
    before = [world.workers[0].arm(name, f"talk-{name}") for name in askers]
    rollout = world.store.state.rollout
    assert rollout is not None
    world.store.marks += 1
    world.store.state = replace(world.store.state, rollout=replace(rollout, spec={"salt": "another"}))
    for worker in world.workers:
        worker.observer.flush()
    for worker in world.workers:
        worker.state.refresh()
        assert [worker.arm(name, f"talk-{name}") for name in askers] == before
    anew = [world.workers[0].arm(name, f"later-{name}") for name in askers]
    assert 60 < sum(a != b for a, b in zip(anew, before, strict=True)) < 140, "new ones are drawn by it"


@pytest.mark.parametrize("phase", ["back", "done"])
def test_the_end_of_a_rollout_ends_what_conversations_carry(phase: str) -> None:
    world = World()
    world.share(50)
    mia, one = user(0, 50), world.workers[0]
    assert one.arm(mia, "talk") == NEW
    world.share(0 if phase == "back" else 100, phase=phase)
    assert one.arm(mia, "talk") == (CONTROL if phase == "back" else NEW)
