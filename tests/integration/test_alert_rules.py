"""The rules before Prometheus itself, and the watcher in the service before the same scenes."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from promql_parser import parse
from typer.testing import CliRunner

from cmo.cli.main import app
from cmo.ops.alerts.rule import AGAIN_SECONDS, Priority, Rule
from cmo.ops.alerts.rules import RULES
from cmo.ops.alerts.rules_file import rules_file
from cmo.ops.alerts.series import spoken
from cmo.ops.alerts.signals import Scraped
from cmo.ops.alerts.watch import Watch
from cmo.ops.catalogue import BY_NAME
from cmo.testing import FakeClock, FakeNotifier
from tests.integration.alert_scenes import MINUTES, Scene, guarded, looks, scene

REPO = Path(__file__).parents[2]
PROMETHEUS = REPO / "deploy" / "prometheus"
SEEN_ELSEWHERE = {"up", "ALERTS"}
"""What Prometheus itself tells."""


def _outside(rule: Rule) -> bool:
    return isinstance(rule.when[0].signal, Scraped)


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: apt-get install prometheus"
    return found


def test_the_rule_file_is_what_the_table_says() -> None:
    assert (PROMETHEUS / "alerts.yml").read_text("utf-8") == rules_file(RULES), "run `make docs`"


def test_prometheus_takes_the_configuration_and_all_rules(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "check", "config", PROMETHEUS / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [("priority=P0", "everybody"), ("priority=P1", "on-call"), ("priority=P2", "chat"), ("priority=P3", "chat"),
     ("alertname=Unattended priority=P0", "lead"), ("priority=P9", "chat")],
)  # fmt: skip
def test_the_more_urgent_an_alert_the_more_people_hear_of_it(labels: str, receiver: str) -> None:
    found = shutil.which("amtool")
    assert found, "amtool is missing: apt-get install prometheus-alertmanager"
    config = REPO / "deploy" / "alertmanager" / "alertmanager.yml"
    command = [found, "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}"]
    done = subprocess.run([*command, *labels.split()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = subprocess.run([found, "check-config", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_command_line_tells_the_same() -> None:
    told = CliRunner().invoke(app, ["alerts", "list", "--json"])
    assert [row["name"] for row in json.loads(told.stdout)["alerts"]] == [rule.name for rule in RULES]
    assert all((REPO / row["runbook"]).is_file() for row in json.loads(told.stdout)["alerts"])
    shown = CliRunner().invoke(app, ["alerts", "list"]).stdout
    assert all(rule.name in shown for rule in RULES)
    assert CliRunner().invoke(app, ["alerts", "rules"]).stdout == rules_file(RULES)


def test_people_are_told_again_as_often_by_alertmanager_as_by_the_service() -> None:
    routes = yaml.safe_load((REPO / "deploy" / "alertmanager" / "alertmanager.yml").read_text())["route"]
    for route in routes["routes"]:
        if priority := re.search(r"P\d", str(route["matchers"])):
            again = AGAIN_SECONDS[Priority(priority.group())]
            assert spoken(again) == route.get("repeat_interval", routes["repeat_interval"]).replace("24h", "1d")


def test_each_expression_uses_metrics_that_the_service_tells_and_labels_that_they_have() -> None:
    for rule in RULES:
        parse(rule.promql())
        names = set(re.findall(r"\b(?:cmo_\w+|up|ALERTS)\b(?=[{\[)\s]|$)", rule.promql()))
        assert names, rule.name
        for name in names - SEEN_ELSEWHERE:
            assert re.sub(r"_(bucket|sum|count)$", "", name) in BY_NAME, f"{rule.name}: {name}"
        for one in rule.series():
            metric = BY_NAME[re.sub(r"_(bucket|sum|count)$", "", one.name)]
            assert {match.label for match in one.where} <= {*metric.labels, "le"}, rule.name
            for match in one.where:
                allowed = metric.labels.get(match.label)
                known = not isinstance(allowed, tuple) or set(match.value.split("|")) <= set(allowed)
                assert known, f"{rule.name}: {match}"


def test_each_rule_fires_where_it_should_and_nowhere_else(promtool: str, tmp_path: Path) -> None:
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path  # it writes a database for each scene
    environment = {"TMPDIR": str(memory), "GOGC": "400"}
    files = [str(_written(rule, tmp_path)) for rule in RULES]
    tests = [
        subprocess.Popen(
            [promtool, "test", "rules", *half], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
            cwd=tmp_path,
        )
        for half in (files[::2], files[1::2])
    ]  # fmt: skip
    said = [test.communicate(timeout=120)[0] for test in tests]
    assert [test.returncode for test in tests] == [0, 0], "".join(said)[-4000:]
    assert "".join(said).count("SUCCESS") == len(RULES)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not _outside(rule)], ids=lambda rule: rule.name)
def test_the_service_judges_as_prometheus_does(rule: Rule) -> None:
    for kind in _kinds(rule):
        clock = FakeClock()
        watch = Watch([rule], FakeNotifier(), clock)
        for seen in looks(scene(rule, kind)):
            watch.look(seen)
            clock.advance(60)
        assert bool(watch.firing()) == (kind == "bad"), kind


def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on(promtool: str, tmp_path: Path) -> None:
    rule = next(rule for rule in RULES if rule.name == "ErrorsCritical")
    (tmp_path / "rules.yml").write_text(rules_file([rule], "https://git.example.org/cmo/blob/main/"))
    told = {
        "exp_labels": {"severity": "critical", "priority": "P0", "subject": "errors"},
        "exp_annotations": {
            "summary": "More than 5 % of the requests fail by the service's own fault.",
            "description": "It is 5.25%. 000: critical, 5 % for 2 min; 004: P0.",
            "runbook_url": "https://git.example.org/cmo/blob/main/docs/runbooks/errors.md",
        },
    }
    test = {
        "interval": "1m",
        "input_series": [line.written() for line in scene(rule, "bad")],
        "alert_rule_test": [
            {"eval_time": "3m", "alertname": rule.name, "exp_alerts": []},  # two minutes after there were enough
            {"eval_time": "60m", "alertname": rule.name, "exp_alerts": [told]},
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _kinds(rule: Rule) -> Sequence[Scene]:
    return ("bad", "good", "thin") if guarded(rule) else ("bad", "good")


def _written(rule: Rule, folder: Path) -> Path:
    (folder / f"{rule.name}.rules.yml").write_text(rules_file([rule]))
    tests = [
        {
            "name": kind,
            "interval": "1m",
            "input_series": [line.written() for line in scene(rule, kind)],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{rule.name}", alertstate="firing"}}) or vector(0)',
                    "eval_time": f"{MINUTES - 1}m",
                    "exp_samples": [{"labels": "{}", "value": float(kind == "bad")}],
                }
            ],
        }
        for kind in _kinds(rule)
    ]
    path = folder / f"{rule.name}.test.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [f"{rule.name}.rules.yml"], "evaluation_interval": "1m", "tests": tests})
    )
    return path
