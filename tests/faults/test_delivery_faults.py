"""A controller that is killed by the system, again and again, while answers come in."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import orjson
import pytest
from sqlalchemy import select

from cmo.app import App, opened
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.observed import nothing
from cmo.delivery.releases import release
from cmo.delivery.rollout import Plan
from cmo.model.delivery import Observation
from cmo.settings import read_settings
from cmo.store import delivery_tables as tables

CMO = Path(sys.executable).with_name("cmo")
PLAN = Plan("quick", (20, 40, 60, 80, 100), 0.5, 600.0)
GATES = {"least": 50, "fresh": 30, "metrics": ["errors"]}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(read_settings(working_dir=tmp_path / "base")) as app:
        desk = Desk(app.delivery, app.clock)
        desk.keep(release("hops", {"max_hops": 2}), "ada", "")
        desk.start(Wish("hops", PLAN, name="r1", gates=GATES), "ada", "try it")
        yield app


def controller(app: App) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    return subprocess.Popen([CMO, "rollout", "run", "--home", app.folder], env=kept, stdout=subprocess.DEVNULL)


def seen(app: App, batch: int) -> None:
    """Some answers of both arms, told twice."""
    current = app.delivery.current().rollout
    assert current is not None
    mine = round(300 * current.status["percent"] / 100)
    told = [
        Observation(str(batch), "r1", current.status["steps"], arm, time.time(), nothing() | {"requests": n, "made": n})  # noqa: TID251
        for arm, n in (("new", mine), ("control", 300 - mine))
    ]
    for _ in range(2):
        app.delivery.observe(told, [])


def test_whenever_two_controllers_are_killed_each_step_is_whole_and_each_answer_counts_once(app: App) -> None:
    chance, batch = Random(3), 0
    for _ in range(4):
        controllers = [controller(app), controller(app)]
        until = time.monotonic() + chance.uniform(9.0, 11.0)
        while time.monotonic() < until:
            seen(app, batch := batch + 1)
            time.sleep(0.05)
        for process in controllers:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        rollout = app.delivery.rollout("r1")
        assert rollout is not None
        acts = app.delivery.history("r1", 1_000)
        assert len(acts) == 1 + rollout.status["steps"], "one line for each change"
        said = [act.facts["to"]["percent"] for act in reversed(acts) if act.action == "advance"]
        assert said == [40, 60, 80, 100][: len(said)], "no stage twice, none left out"
        with app.record._engine.connect() as connection:
            rows = connection.execute(select(tables.observations).where(tables.observations.c.counted > 0)).all()
        counted = sum(orjson.loads(row.sums)["requests"] for row in rows if row.arm == "new")
        standing = rollout.evidence["standings"][0]["counts"][0] if rollout.evidence.get("standings") else 0
        assert counted == standing, "each answer counts once"
    assert rollout.status["percent"] == 100
