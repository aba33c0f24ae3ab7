"""`cmo flags` and `cmo rollout` on a real base, as operators use them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.cli import main
from cmo.delivery.observed import nothing
from cmo.model.delivery import Observation

Cmo = Callable[..., tuple[int, Any]]
PLAN = 'stages = [50, 100]\nbake = 0\npatience = 60\ndown = "instant"\n[gates]\nleast = 50\nfresh = 20\nmetrics = ["errors"]\n'


@pytest.fixture
def cmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: Any) -> Cmo:
    """Runs `cmo ... --json` as its script does, in this process; its exit code and what it prints."""
    monkeypatch.setenv("CMO_HOME", str(base.folder))

    def run(*arguments: str | Path, plain: bool = False) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["cmo", *map(str, arguments), *([] if plain else ["--json"])])
        code: int | str | None = 0
        try:
            main.run()
        except SystemExit as end:
            code = end.code
        out = capsys.readouterr().out
        return int(code or 0), out if plain else orjson.loads(out.splitlines()[-1] if "watch" in arguments else out)

    return run


def start(cmo: Cmo, *more: str | Path) -> tuple[int, Any]:
    return cmo(
        "rollout", "start", "hops", "--set", "max_hops=2", "--plan", "fast", "--name", "r1", "--actor", "ada", *more
    )


def test_a_release_is_begun_paused_resumed_taken_back_and_all_of_it_is_told(cmo: Cmo) -> None:
    assert start(cmo, "--reason", "try it")[1]["percent"] == 10
    assert cmo("rollout", "pause", "--actor", "leo")[1]["phase"] == "frozen"
    assert cmo("rollout", "resume", "--actor", "leo")[1]["phase"] == "running"
    assert cmo("rollout", "back", "--now", "--actor", "leo", "--reason", "it lies")[1]["phase"] == "back"
    assert cmo("rollout", "status")[1]["reason"] == "disabled by a human"
    told = cmo("rollout", "history", "--of", "r1")[1]
    assert [(a["actor"], a["action"]) for a in told["history"]] == [
        ("leo", "disable"), ("leo", "resume"), ("leo", "freeze"), ("ada", "start")
    ]  # fmt: skip
    assert cmo("rollout", "releases")[1]["releases"][0]["settings"] == {"max_hops": 2}
    assert cmo("rollout", "watch", "--every", "0.1")[1]["phase"] == "back"


def test_people_read_the_same(cmo: Cmo) -> None:
    start(cmo)
    code, told = cmo("rollout", "status", plain=True)
    assert code == 0
    assert "running at 10 %" in told
    assert "hops (max_hops=2) over the settings" in told
    assert "ada start r1" in cmo("rollout", "history", plain=True)[1]
    assert "max_hops" in cmo("flags", "list", plain=True)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rollout", "status"), 5, "Nothing was ever rolled out"),
        (("rollout", "pause"), 5, "no rollout under way"),
        (("rollout", "start", "nobody"), 5, "There is no release"),
        (("rollout", "start", "x", "--set", "prompt=short"), 2, "takes another index or process"),
        (("rollout", "start", "x", "--set", "max_hops"), 2, "is no setting"),
        (("rollout", "start", "x", "--set", "max_hops=2", "--plan", "none"), 5, "There is no plan"),
        (("flags", "set", "colour", "red"), 2, "The flags are"),
        (("flags", "set", "max_hops", "--remove"), 5, "is not set"),
        (("flags", "explain", "colour"), 5, "There is no flag"),
    ],
)
def test_what_cannot_be_done_says_why(cmo: Cmo, arguments: tuple[str, ...], code: int, said: str) -> None:
    got, told = cmo(*arguments)
    assert got == code
    assert said in told["error"]["message"]


def test_a_second_rollout_waits_for_the_first_and_builds_on_what_was_promoted(cmo: Cmo, base: Any) -> None:
    start(cmo)
    code, told = start(cmo, "--name", "r2")
    assert code == 2
    assert "under way" in told["error"]["message"]
    cmo("rollout", "back", "--now")
    assert start(cmo, "--name", "r1")[0] == 2, "its name is taken"
    assert start(cmo, "--name", "r2")[1]["baseline"] == ""
    live = base.app.delivery.current().rollout
    assert base.app.delivery.change(replace(live, status={**live.status, "phase": "done", "percent": 100.0}))
    assert start(cmo, "--name", "r3")[0] == 2, "it answers everybody already"
    code, told = cmo("rollout", "start", "mix", "--set", "mode=mix", "--name", "r3")
    assert (code, told["baseline"]) == (0, "hops")
    assert cmo("flags", "explain", "release", "--user", "mia")[1]["value"] in {"hops", "mix"}


def test_a_plan_of_ones_own_is_read_and_a_broken_one_refused(cmo: Cmo, tmp_path: Path) -> None:
    plan = tmp_path / "mine.toml"
    for text, said in (
        ("stages = [50, 20]\nbake = 1\npatience = 1\ndown = 'instant'", "must rise"),
        ("stages", "no plan"),
        ("bake = 1", "no plan"),
    ):
        plan.write_text(text)
        code, told = cmo("rollout", "start", "hops", "--set", "max_hops=2", "--plan-file", plan)
        assert (code, said in told["error"]["message"]) == (2, True), told
    plan.write_text(PLAN)
    assert cmo("rollout", "start", "hops", "--set", "max_hops=2", "--plan-file", plan)[1]["plan"]["name"] == "mine"


def test_flags_are_set_explained_and_removed(cmo: Cmo) -> None:
    assert cmo("flags", "set", "max_hops", "2", "--allow", "mia", "--percent", "0")[0] == 0
    assert cmo("flags", "explain", "max_hops", "--user", "mia")[1]["value"] == 2
    assert cmo("flags", "explain", "max_hops", "--user", "leo")[1]["source"] == "settings"
    rows = {row["name"]: row for row in cmo("flags", "list")[1]["flags"]}
    assert (rows["max_hops"]["source"], rows["max_hops"]["allowed"]) == ("stored", ["mia"])
    code, told = start(cmo)
    assert (code, "both arms would be alike" in told["error"]["message"]) == (2, True)
    assert cmo("flags", "set", "max_hops", "--remove")[1] == {"flag": "max_hops", "stored": None}
    assert start(cmo)[0] == 0


def test_a_process_of_its_own_moves_rollouts_until_it_is_told_to_stop(cmo: Cmo, base: Any, tmp_path: Path) -> None:
    plan = tmp_path / "mine.toml"
    plan.write_text(PLAN)
    cmo("rollout", "start", "hops", "--set", "max_hops=2", "--plan-file", plan, "--name", "r1")
    seen = [
        Observation(arm, "r1", 0, arm, 0.0, nothing() | {"requests": 900, "made": 900}) for arm in ("new", "control")
    ]
    base.app.delivery.observe(seen, [])
    script = Path(sys.executable).with_name("cmo")
    process = subprocess.Popen([script, "rollout", "run", "--home", base.folder], stdout=subprocess.PIPE)
    try:
        for _ in range(200):
            if cmo("rollout", "status")[1]["percent"] == 100:
                break
            time.sleep(0.1)
        told = cmo("rollout", "history", "--of", "r1")[1]
        assert told["history"][0]["action"] == "advance"
        assert told["history"][0]["actor"].startswith("controller-")
        assert told["evidence"][-1]["percent"] == 100
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"Moving the rollouts of" in out
    assert b"r1: running at 100 %" in out
