"""Dashboards: what is committed is what the code says, and every expression names something that is told."""

import json
import re
from pathlib import Path

import pytest
import yaml
from promql_parser import parse

from cmo.ops.catalogue import BY_NAME
from cmo.ops.dashboards import DASHBOARDS, Dashboard, Panel
from cmo.ops.dashboards_grafana import written

DEPLOY = Path(__file__).parents[2] / "deploy"
PARTS = re.compile(r"_(bucket|sum|count)$")
WORDS = re.compile(r"\b(?:cmo|docmind)_\w+")


@pytest.mark.parametrize("shown", DASHBOARDS, ids=lambda shown: shown.name)
def test_the_file_is_what_the_code_says(shown: Dashboard) -> None:
    assert (DEPLOY / "grafana" / f"{shown.name}.json").read_text("utf-8") == written(shown), "run `make docs`"


def test_every_expression_can_be_read_and_names_what_is_told() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "recording.yml").read_text())["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"]}
    for line in (line for shown in DASHBOARDS for panel in shown.panels for line in panel.lines):
        parse(line.expr)
        names = set(WORDS.findall(line.expr))
        assert names or re.search(r"\b(up|ALERTS)\{", line.expr), line.expr
        assert {name for name in names if name not in recorded and PARTS.sub("", name) not in BY_NAME} == set()


def test_the_documented_dashboards_and_panels_are_there() -> None:
    by_name = {shown.name: shown for shown in DASHBOARDS}
    assert set(by_name) == {"executive", "operational", "developer", "realtime", "history", "release", "docmind"}
    assert (by_name["realtime"].refresh, by_name["realtime"].since) == ("1m", "now-15m")
    assert [panel.title for panel in by_name["docmind"].panels] == [
        "Query Latency", "GPU Utilization", "Cache Performance", "Query Throughput",
    ]  # fmt: skip


def test_each_panel_has_a_place_a_number_and_a_query_of_its_own() -> None:
    for shown in DASHBOARDS:
        facts = json.loads(written(shown))
        panels = facts["panels"]
        assert len({panel["id"] for panel in panels}) == len(shown.panels)
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
        assert len(places) == len(panels), shown.name
        for panel in panels:
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == sorted(set(letters))
            assert all(letters)
            assert panel["description"].endswith(".")
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_where_less_is_worse_green_is_at_the_top() -> None:
    def colours(panel: Panel) -> list[tuple[float | None, str]]:
        made = json.loads(written(Dashboard("x", "x", "x", (panel,))))["panels"][0]
        return [(step["value"], step["color"]) for step in made["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert colours(Panel("x", (), "x", limits=(3.0, 4.0))) == [(None, "green"), (3, "orange"), (4, "red")]
    assert colours(Panel("x", (), "x", limits=(0.2, 0.01), below=True)) == [
        (None, "red"),
        (0.01, "orange"),
        (0.2, "green"),
    ]
    assert colours(Panel("x", (), "x", limits=(0.6,), below=True)) == [(None, "red"), (0.6, "green")]
