"""A controller that may die at each write: traffic is where the record says, and nothing is promoted without evidence."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from cmo.delivery.controller import Controller
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.flags import CONTROL, NEW, evaluate_release
from cmo.delivery.observed import nothing
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, Plan
from cmo.errors import NotFound, SettingsError
from cmo.model.delivery import Act, Observation
from cmo.store import delivery_tables as tables
from cmo.store.delivery import SqlDelivery
from cmo.store.engine import open_engine
from cmo.testing import FakeClock

PLAN = Plan("test", (10, 50, 100), 10.0, 60.0)
FRESH = 20
GATES = {"least": 50, "fresh": FRESH, "metrics": ["errors", "refusals"]}
UNITS = [f"user-{n}" for n in range(300)]
ACTIONS = st.one_of(
    st.tuples(st.just("traffic"), st.sampled_from([0, 5, 60, 400]), st.sampled_from([0.0, 0.0, 0.02, 0.5])),
    st.tuples(st.just("time"), st.sampled_from([-500.0, 1.0, 11.0, 30.0, 100.0]), st.just(0.0)),
    st.tuples(st.just("step"), st.sampled_from(["a", "b"]), st.sampled_from([0, 0, 0, 1, -1, 2, -2])),
    st.tuples(st.just("say"), st.sampled_from([Command.FREEZE, Command.RESUME, Command.ROLLBACK]), st.just(0.0)),
)


class Killed(Exception):
    """The process died here."""


class Mortal(SqlDelivery):
    """Dies at its nth write: before it is done (n), or right after (-n)."""

    def __init__(self, engine: Engine, dies: int) -> None:
        super().__init__(engine)
        self._dies = dies
        self._writes = 0

    def lease(self, *args: Any, **kwargs: Any) -> Any:
        return self._mortal(super().lease, *args, **kwargs)

    def change(self, *args: Any, **kwargs: Any) -> Any:
        return self._mortal(super().change, *args, **kwargs)

    def add_release(self, *args: Any, **kwargs: Any) -> Any:
        return self._mortal(super().add_release, *args, **kwargs)

    def begin(self, *args: Any, **kwargs: Any) -> Any:
        return self._mortal(super().begin, *args, **kwargs)

    def _mortal(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._writes += 1
        if self._writes == self._dies:
            raise Killed
        done = work(*args, **kwargs)
        if self._writes == -self._dies:
            raise Killed
        return done


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{Path(tmp_path_factory.mktemp('delivery')) / 'record.sqlite3'}")
    yield engine
    engine.dispose()


def emptied(engine: Engine) -> SqlDelivery:
    with engine.begin() as connection:
        for table in (
            "observations",
            "exposures",
            "findings",
            "delivery_audit",
            "leases",
            "rollouts",
            "releases",
            "flags",
        ):
            connection.execute(delete(getattr(tables, table)))
    return SqlDelivery(engine)


class World:
    """Everything that happens to a rollout, and what must hold after each of it."""

    def __init__(self, engine: Engine, plan: Plan = PLAN) -> None:
        self.engine, self.clock, self.batches = engine, FakeClock(), 0
        self.store = emptied(engine)
        self.store.add_release(release("naive", {"mode": "naive"}), Act(0, "t", "release", "naive", ""))
        self.desk = Desk(self.store, self.clock)
        self.rollout = self.desk.start(Wish("naive", plan, name="r", gates=GATES), "ada", "try it")
        self.percent, self.since = 10.0, 0
        self.changes = 1

    def traffic(self, requests: int, errors: float) -> None:
        current = self.store.current().rollout
        assert current is not None
        percent, step, now = current.status["percent"], current.status["steps"], self.clock.now().timestamp()
        mine = round(requests * percent / 100)
        self.batches += 1
        seen = [
            Observation(
                f"b{self.batches}",
                current.name,
                step,
                arm,
                now,
                nothing() | {"requests": n, "made": n, "errors": wrong},
            )
            for arm, n, wrong in ((NEW, mine, round(mine * errors)), (CONTROL, requests - mine, 0))
        ]
        for _ in range(2):  # told twice
            self.store.observe(seen, [])
        self.since += mine

    def step(self, holder: str, dies: int) -> None:
        with suppress(Killed):
            Controller(Mortal(self.engine, dies), self.clock, holder=holder).step()

    def say(self, command: Command) -> None:
        try:
            self.desk.command(command, "ada", "because")
        except (SettingsError, NotFound):
            return
        if command is Command.RESUME:
            self.percent = 0.0  # a human may begin it anew

    def check(self, said: bool) -> None:
        current = self.store.current()
        assert current.rollout is not None
        status = current.rollout.status
        if status["percent"] > self.percent and not said:
            assert self.since >= FRESH, "promoted without evidence"
        if status["percent"] != self.percent or status["steps"] != getattr(self, "steps", 0):
            self.since = 0
        self.percent, self.steps = status["percent"], status["steps"]
        got = [evaluate_release(current, unit).variant == NEW for unit in UNITS]
        fresh = replace(current, rollout=replace(current.rollout, status={**status, "percent": self.percent}))
        assert got == [evaluate_release(fresh, unit).variant == NEW for unit in UNITS]
        assert abs(sum(got) - len(UNITS) * self.percent / 100) < 40
        assert all(value == (self.percent == 100) for value in got if self.percent in {0, 100})

    def tell_tale(self) -> None:
        """The audit has one line for each change, and each observation was counted once."""
        acts = self.store.history("r", 10_000)
        current = self.store.rollout("r")
        assert current is not None
        assert len(acts) == 1 + current.status["steps"]
        with self.engine.connect() as connection:
            rows = connection.execute(tables.observations.select()).all()
        begun = current.evidence.get("from", 0)
        counted = [r for r in rows if r.counted and r.arm == NEW and r.step >= begun]
        if current.evidence.get("standings"):
            seen = current.evidence["standings"][0]["counts"][0]
            assert seen == sum(orjson.loads(r.sums)["requests"] for r in counted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=5, max_size=40))
def test_whoever_dies_when_the_record_holds(engine: Engine, actions: Sequence[tuple[str, Any, Any]]) -> None:
    world = World(engine)
    for kind, what, more in actions:
        if kind == "traffic":
            world.traffic(what, more)
        elif kind == "time":
            world.clock.advance(what)
        elif kind == "step":
            world.step(what, more)
        else:
            world.say(what)
        world.check(kind == "say")
    world.tell_tale()


def test_a_healthy_release_reaches_all_although_every_controller_dies_at_some_write(engine: Engine) -> None:
    world = World(engine)
    for n in range(80):
        world.traffic(400, 0.0)
        world.clock.advance(20.0)
        world.step("ab"[n % 2], [1, 2, -1, -2, 0][n % 5])
        world.check(said=False)
    assert world.percent == 100
    world.tell_tale()


def test_a_failing_release_is_taken_back_at_the_first_step_that_is_written(engine: Engine) -> None:
    world = World(engine)
    world.traffic(400, 0.5)
    for dies in (1, 2):
        world.step("a", dies)
        world.check(said=False)
        assert world.percent == 10, "nothing of a step that died is there"
    world.step("a", -2)
    world.check(said=False)
    assert world.percent == 0, "it died after it was written"
    assert [act.action for act in world.store.history("r")] == ["back", "start"]


def test_nothing_moves_where_nothing_is_seen(engine: Engine) -> None:
    world = World(engine)
    for _ in range(30):
        world.clock.advance(50.0)
        world.step("a", 0)
    current = world.store.current().rollout
    assert current is not None
    assert (current.status["phase"], current.status["percent"]) == ("held", 10.0)


@pytest.mark.parametrize("dies", [0, 1, 2, 3, -1, -2, -3])
def test_what_a_plan_says_that_follows_begins_once_and_goes_through_gates_of_its_own(engine: Engine, dies: int) -> None:
    """Whichever write a controller dies at: the release that is made for it, the beginning, or before."""
    world = World(engine, replace(PLAN, then={"max_hops": 2}, then_stages=(50, 100)))
    rollout = world.rollout
    while (rollout := world.store.current().rollout or rollout).status["phase"] != "done":
        world.traffic(400, 0.0)
        world.clock.advance(20.0)
        world.step("a", 0)
    for holder in ("a", "b", "c", "a"):
        world.step(holder, dies if holder == "b" else 0)
        world.clock.advance(7.0)
    follow = world.store.current().rollout
    assert follow is not None
    assert (follow.name, follow.release, follow.baseline) == ("r-then", "naive-then", "naive")
    assert world.store.current().releases["naive-then"].settings == {"mode": "naive", "max_hops": 2}
    assert (follow.status["percent"], follow.spec["gates"]) == (50, GATES)
    assert [act.action for act in world.store.history("r-then")] == ["start"]
    for _ in range(10):
        world.clock.advance(20.0)
        world.step("a", 0)
    follow = world.store.current().rollout
    assert follow is not None
    assert follow.status["percent"] == 50, "what was seen of the one before does not carry it"
    world.traffic(400, 0.5)
    world.step("a", 0)
    current = world.store.current()
    assert current.rollout is not None
    assert current.rollout.status["phase"] == "back"
    assert evaluate_release(current, "user-1").value == "naive", "only what followed is taken back"


def test_what_follows_waits_for_people_where_a_flag_says_otherwise(engine: Engine) -> None:
    world = World(engine, replace(PLAN, stages=(100,), then={"max_hops": 2}))
    world.desk.set_flag("max_hops", 1, {}, "ada", "not yet")
    for _ in range(20):
        world.traffic(400, 0.0)
        world.clock.advance(20.0)
        world.step("a", 0)
    current = world.store.current().rollout
    assert current is not None
    assert (current.name, current.status["phase"]) == ("r", "done")


@pytest.mark.parametrize("leased", [True, False])
def test_many_controllers_at_once_do_each_step_once(
    engine: Engine, leased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lease too: whoever wrote first has moved it, the others write nothing."""
    if not leased:
        monkeypatch.setattr(SqlDelivery, "lease", lambda *_args: None)
        monkeypatch.setattr(Controller, "_leased", lambda *_args: None)
        moved: Any = Controller._moved
        monkeypatch.setattr(Controller, "step", lambda self: moved(self, self._store.current(), None, 100.0))
    world = World(engine)
    for _ in range(12):
        world.traffic(400, 0.0)
        world.clock.advance(20.0)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: Controller(SqlDelivery(engine), world.clock, holder=f"c{n}").step(), range(4)))
        world.check(said=False)
    world.tell_tale()
