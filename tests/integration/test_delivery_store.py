"""What is kept of flags, releases and rollouts, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cmo.model.delivery import Act, Exposure, Observation, Release, StoredFlag, StoredRollout, Talk
from cmo.store.delivery import SqlDelivery
from cmo.store.record import Record
from cmo.testing import FakeClock

ACT = Act(1.0, "ada", "start", "r1", "because", {"percent": 10})
RELEASE = Release("naive", {"mode": "naive"}, "vectors alone", 1.0)
ROLLOUT = StoredRollout("r1", "naive", "", {"plan": "fast"}, {"steps": 0, "percent": 10}, {}, begun_at=1.0, at=1.0)


@pytest.fixture
def store(url: str) -> Iterator[SqlDelivery]:
    with Record.open(url, FakeClock()) as record:
        yield record.delivery


@pytest.fixture
def begun(store: SqlDelivery) -> SqlDelivery:
    assert store.add_release(RELEASE, ACT)
    assert store.begin(ROLLOUT, None, ACT)
    return store


def seen(batch: str, arm: str = "new", step: int = 0) -> Observation:
    return Observation(batch, "r1", step, arm, 2.0, {"requests": 3})


def test_what_was_begun_is_current(begun: SqlDelivery) -> None:
    current = begun.current()
    assert current.rollout == replace(ROLLOUT, version=1)
    assert current.releases == {"naive": RELEASE}
    assert current.flags == {}


def test_a_release_never_changes(begun: SqlDelivery) -> None:
    assert begun.add_release(replace(RELEASE, about="other words", at=9.0), ACT)
    assert not begun.add_release(replace(RELEASE, settings={"mode": "mix"}), ACT)
    assert begun.releases() == [RELEASE]


def test_a_flag_is_set_by_whoever_saw_it_last(store: SqlDelivery) -> None:
    flag = StoredFlag("max_hops", {"value": 2}, 0, 1.0)
    assert store.put_flag(flag, ACT)
    assert not store.put_flag(flag, ACT), "it is there already"
    assert store.put_flag(replace(flag, version=1, spec={"value": 1}), ACT)
    assert not store.put_flag(replace(flag, version=1), ACT), "somebody was faster"
    assert store.current().flags["max_hops"].spec == {"value": 1}
    assert store.drop_flag("max_hops", ACT)
    assert not store.drop_flag("max_hops", ACT)


def test_of_two_changes_of_one_version_one_is_written(begun: SqlDelivery) -> None:
    rollout = begun.current().rollout
    assert rollout is not None
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: begun.change(replace(rollout, status={"percent": n})), range(4)))
    assert sorted(done) == [False, False, False, True]
    current = begun.current().rollout
    assert current is not None
    assert (current.version, current.status) == (2, {"percent": done.index(True)})


def test_another_rollout_begins_only_in_the_place_of_the_one_that_was_looked_at(begun: SqlDelivery) -> None:
    second = replace(ROLLOUT, name="r2")
    assert not begun.begin(second, None, ACT)
    assert not begun.begin(second, ROLLOUT, ACT), "that is of another version"
    assert not begun.begin(ROLLOUT, begun.current().rollout, ACT), "its name is taken"
    assert begun.begin(second, begun.current().rollout, ACT)
    assert [(r.name, r.live) for r in begun.rollouts()] == [("r1", False), ("r2", True)]
    old = begun.rollout("r1")
    assert old is not None
    assert not begun.change(old), "it is not live any more"


def test_an_observation_is_written_once_and_counted_once(begun: SqlDelivery) -> None:
    for _ in range(2):
        begun.observe([seen("a"), seen("a", "control"), seen("b")], [Exposure("r1", 0, "u1", "new", 2.0)])
    unseen = begun.unseen("r1")
    assert unseen is not None
    assert [(o.batch, o.arm) for o in unseen.observations] == [("a", "control"), ("a", "new"), ("b", "new")]
    assert unseen.exposed == {"new": 1}
    assert begun.change(unseen.rollout, counted=unseen.observations[:2], finding={"percent": 10}, act=ACT)
    begun.observe([seen("a")], [])
    left = begun.unseen("r1")
    assert left is not None
    assert [o.batch for o in left.observations] == ["b"]
    assert [(f.version, f.facts) for f in begun.findings("r1")] == [(2, {"percent": 10})]
    assert not begun.change(unseen.rollout, counted=left.observations), "its version has passed"
    assert begun.unseen("r1") == left


def test_a_lease_has_one_holder_and_whoever_was_overtaken_writes_nothing(begun: SqlDelivery) -> None:
    first = begun.lease("controller", "a", 100.0, 10.0)
    assert first is not None
    assert begun.lease("controller", "b", 105.0, 10.0) is None
    assert begun.lease("controller", "a", 105.0, 10.0) == replace(first, until=115.0)
    second = begun.lease("controller", "b", 116.0, 10.0)
    assert second is not None
    assert second.term == first.term + 1
    rollout = begun.current().rollout
    assert rollout is not None
    assert not begun.change(rollout, lease=first)
    assert begun.change(rollout, lease=second)


def test_the_audit_says_who_did_what_newest_first(begun: SqlDelivery) -> None:
    begun.note(replace(ACT, action="freeze", actor="grace" * 100, subject="r2"))
    assert [(a.action, a.subject) for a in begun.history()] == [("freeze", "r2"), ("start", "r1"), ("start", "r1")]
    assert begun.history("r1")[0] == ACT
    assert len(begun.history("r2")[0].actor) == 128


def test_what_was_counted_long_ago_is_forgotten_and_what_was_not_is_kept(begun: SqlDelivery) -> None:
    begun.observe([seen("a"), seen("b")], [])
    unseen = begun.unseen("r1")
    assert unseen is not None
    assert begun.change(unseen.rollout, counted=unseen.observations[:1])
    begun.observe([seen("a")], [])
    left = begun.unseen("r1")
    assert left is not None
    assert [o.batch for o in left.observations] == ["b"]
    assert begun.change(replace(left.rollout, at=90_000.0), finding={"percent": 10})
    begun.observe([seen("a"), seen("b")], [])
    assert len((begun.unseen("r1") or unseen).observations) == 2, "a is as new, b was there all the time"


def test_of_a_conversation_the_last_word_is_kept_and_old_ones_go(store: SqlDelivery) -> None:
    early, late = Talk("a", "r1", 0, 0.3, 50.0, 100.0), Talk("a", "r1", 2, 0.3, 25.0, 200.0)
    store.observe([], [], [early, Talk("b", "r1", 0, 0.9, 50.0, 150.0)])
    store.observe([], [], [late])
    assert store.talks(120.0) == [late, Talk("b", "r1", 0, 0.9, 50.0, 150.0)]
    store.observe([], [], [replace(late, name="c", at=100_000.0)])
    assert [talk.name for talk in store.talks(0.0)] == ["c"]


def test_the_mark_moves_with_whatever_decides_and_not_with_what_was_seen(begun: SqlDelivery) -> None:
    marks = [begun.mark()]
    begun.observe([seen("a")], [Exposure("r1", 0, "u1", "new", 2.0)])
    assert begun.mark() == marks[0]
    rollout = begun.current().rollout
    assert rollout is not None
    for change in (
        lambda: begun.change(replace(rollout, status={"percent": 20})),
        lambda: begun.put_flag(StoredFlag("max_hops", {"value": 2}), ACT),
        lambda: begun.drop_flag("max_hops", ACT),
        lambda: begun.add_release(replace(RELEASE, name="other", settings={"mode": "mix"}), ACT),
    ):
        assert change()
        marks.append(begun.mark())
    assert len(set(marks)) == len(marks)
