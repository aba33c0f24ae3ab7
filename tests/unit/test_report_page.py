"""The page of an experiment: all that was found, nothing that runs, nothing from elsewhere."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Arm, Spec, Status, started
from cmo.delivery.experiment_results import looks, results
from cmo.delivery.experiment_scores import Scores, Seen
from cmo.delivery.experiments import Experiment, Findings
from cmo.delivery.report_page import page
from cmo.delivery.report_plot import Point, Span, forest, narrowing

SPEC = Spec(
    "reach", (Arm("control", 0.5), Arm("graph", 0.5, "mix")), planned=300, about='<img src=x onerror="alert(1)">'
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOSTILE = "</title><script>alert(1)</script>"


class Tags(HTMLParser):
    """Which tags and attributes there are, and whether all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def found(users: int, *, shares: tuple[int, int] | None = None) -> Findings:
    chance = np.random.default_rng(1)
    rows = [
        Seen(
            float(n), SPEC.arms[n % 2].name, f"u{n}", f"a{n}", {Metric.SUPPORT: chance.normal(0.7 + 0.1 * (n % 2), 0.1)},
            part=HOSTILE if n % 3 else "figures",
        )
        for n in range(users)
    ]  # fmt: skip
    scores = Scores.of(rows, ["control", "graph"])
    experiment = Experiment(SPEC, started(Status(), 1_767_225_600.0, HOSTILE), 1)
    return Findings(experiment, results(SPEC, shares or scores.units(), scores), tuple(looks(SPEC, scores)))


@pytest.mark.parametrize("users", [0, 1, 7, 600])
def test_the_page_is_whole_however_much_there_is_to_show(users: int) -> None:
    tags = Tags(page(found(users), NOW))
    assert tags.open == []
    assert {"title", "h1", "table"} <= tags.names
    assert ("svg" in tags.names) == (users > 1)


def test_the_verdict_the_arms_and_the_plan_are_told() -> None:
    text = page(found(600), NOW)
    assert "graph is better: support 0.8" in text
    assert 'class="verdict good"' in text
    assert "what is in place" in text
    assert "Planned: 300 users an arm." in text


def test_nothing_runs_and_nothing_is_loaded_whatever_names_there_are() -> None:
    text = page(found(600), NOW)
    tags = Tags(text)
    assert not tags.names & {"script", "img", "link", "iframe", "object", "a", "form"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (tags.attributes & {"src", "href"})
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://", text)
    assert "&lt;/title&gt;&lt;script&gt;alert(1)" in text


def test_a_broken_draw_is_said_first_and_plainly() -> None:
    text = page(found(600, shares=(400, 200)), NOW)
    assert 'class="verdict bad"' in text
    assert "nothing here can be trusted" in text


def test_plots_are_sound_xml_and_inside_their_frame() -> None:
    points = [Point(n, 0.5 / n, 0.5 / n - 3 / n, 0.5 / n + 3 / n) for n in (1, 10, 100, 1_000)]
    for text in (
        narrowing(points, 0.02, "a < b"),
        forest([Span(HOSTILE, 0.1, -0.2, 0.4), Span("b", 0, -1, 1)], 'a "b"'),
    ):
        drawing = ET.fromstring(text)
        _, _, wide, high = map(float, drawing.attrib["viewBox"].split())
        for shape in drawing.iter():
            for name, edge in (("x1", wide), ("x2", wide), ("cx", wide), ("y1", high), ("y2", high), ("cy", high)):
                assert 0 <= float(shape.attrib.get(name, 0)) <= edge
            for pair in shape.attrib.get("points", "").split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= wide
                assert 0 <= y <= high


def test_what_is_not_known_yet_is_not_drawn() -> None:
    infinite = float("inf")
    assert "too little" in narrowing([Point(1, 0, -infinite, infinite)], 0.1, "t")
    assert "too little" in forest([], "t")
