"""`cmo experiment`: from a plan to a page, and what simulated ones come to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from cmo.cli.main import app
from cmo.delivery.compare import compare, shown
from cmo.delivery.releases import release
from cmo.delivery.shadow_book import Book
from cmo.errors import NotFound, SettingsError
from cmo.kit.clock import SystemClock
from cmo.model.delivery import Act
from cmo.model.questions import Question
from cmo.store.engine import sqlite_url
from cmo.store.record import Record

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_(*words: str, home: bool = True) -> Any:
        extra = ["--home", str(tmp_path)] if home else []
        done = CliRunner().invoke(app, ["experiment", *words, *extra, "--json"])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return orjson.loads(done.stdout)

    return run_


def test_an_experiment_goes_from_plan_to_page(run: Run, tmp_path: Path) -> None:
    with Record.open(sqlite_url(tmp_path), SystemClock()) as record:
        record.delivery.add_release(release("mix", {"mode": "mix"}), Act(0.0, "ada", "release", "mix", ""))
    told = run("plan", "reach", "--arm", "control=20", "--arm", "graph=20:mix", "--least", "0.03", "--about", "why")
    assert told["kept"]
    assert told["experiment"]["arms"][1] == {"name": "graph", "share": 0.2, "release": "mix"}
    assert told["experiment"]["planned"] == told["users_an_arm"]["sequential"] > told["users_an_arm"]["fixed"]
    assert run("start", "reach", "--actor", "ada", "--reason", "curious")["status"]["phase"] == "running"
    assert [e["experiment"]["name"] for e in run("status")["experiments"]] == ["reach"]
    assert run("status", "reach")["compared"][0]["outcome"] == "too-early"
    assert run("report", "reach", "--out", str(tmp_path / "r" / "page.html"))["page"].endswith("page.html")
    assert "Too early" in (tmp_path / "r" / "page.html").read_text()
    assert run("stop", "reach")["status"]["phase"] == "stopped"
    assert run("drop", "reach") == {"dropped": "reach"}
    assert run("status") == {"experiments": []}


def test_an_arm_can_name_its_settings_and_other_settings_are_another_release(run: Run) -> None:
    arms = ("--arm", "control=50", "--arm", "graph=50:mode=mix,max_hops=2")
    first = run("plan", "reach", *arms)["experiment"]["arms"][1]["release"]
    assert first.startswith("reach.graph.")
    assert run("plan", "reach", *arms)["experiment"]["arms"][1]["release"] == first
    arms = ("--arm", "control=50", "--arm", "graph=50:mode=mix,max_hops=1")
    assert run("plan", "reach", *arms)["experiment"]["arms"][1]["release"] != first
    with pytest.raises(SettingsError):
        run("plan", "reach", "--arm", "control=50", "--arm", "graph=50:colour=blue")


def test_a_plan_can_be_asked_for_its_size_alone(run: Run) -> None:
    told = run("plan", "errors", "--primary", "errors", "--base", "0.005", "--least", "0.005", "--dry-run")
    assert told["users_an_arm"]["fixed"] == 4541
    assert told["experiment"]["guardrails"] == ["slow", "refusals"]
    assert run("status") == {"experiments": []}


@pytest.mark.parametrize("arm", ["control", "control=half", "=50"])
def test_an_arm_that_cannot_be_read_is_refused(run: Run, arm: str) -> None:
    with pytest.raises(SettingsError):
        run("plan", "x", "--arm", arm, "--arm", "new=50")


def test_what_is_not_there_is_said(run: Run) -> None:
    with pytest.raises(NotFound, match="cmo experiment status"):
        run("start", "nowhere")
    with pytest.raises(SettingsError, match="there is none"):
        run("plan", "x", "--arm", "control=50", "--arm", "new=50:gone")


def test_simulated_experiments_err_as_seldom_and_find_as_often_as_they_should(run: Run) -> None:
    same = run("simulate", "--runs", "300", "--looks", "50", "--seed", "2", home=False)
    assert same["false_positive_rate"]["value"] <= 0.05
    assert same["covered"]["value"] >= 0.95
    other = run("simulate", "--effect", "0.03", "--least", "0.03", "--runs", "300", "--correlation", "0.5", home=False)
    assert other["power"]["value"] >= 0.8
    assert abs(other["reduction"] - 0.25) < 0.03


def test_comparisons_of_a_shadow_can_be_read_and_forgotten(run: Run, tmp_path: Path) -> None:
    book = Book(tmp_path, "mix", SystemClock())
    facts: dict[str, Any] = {
        "answered": False, "sentences": [], "evidence": [], "citations": [], "confidence": 0,
        "timings": {"total_time_ms": 1},
    }  # fmt: skip
    answered = {**facts, "answered": True, "sentences": [{"text": "A.", "citations": [], "evidence": []}]}
    book.keep(Question("What is raised in PKU?"), compare(shown(facts), shown(answered)))
    told = run("shadow")
    assert told["kinds"] == {"gained": 1}
    assert told["differences"][0]["question"] == "What is raised in PKU?"
    assert told["differences"][0]["pair"]["candidate"]["sentences"] == ["A."]
    assert run("shadow", "--forget")["pairs"] == 0


@pytest.mark.parametrize("words", [["status"], ["plan", "x", "--dry-run"], ["shadow"]])
def test_people_are_told_in_words(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["experiment", *words, "--home", str(tmp_path)])
    assert done.exit_code == 0
    assert "{" not in done.stdout
    assert done.stdout.strip()
