"""The watcher in the service: when people are told, when again, and when not."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from cmo.errors import SettingsError
from cmo.kit.spans import Trace
from cmo.model.notices import Notice, Severity
from cmo.notify import PostOffice
from cmo.ops import catalogue as c
from cmo.ops.alerts.rule import Priority, Rule
from cmo.ops.alerts.rules import RULES
from cmo.ops.alerts.series import Looks, Sample, samples, series
from cmo.ops.alerts.signals import Share, quantile
from cmo.ops.alerts.silences import Silences, silence
from cmo.ops.alerts.watch import Watch
from cmo.ops.counts import Counts
from cmo.ops.watch import Request
from cmo.ops.watch import Watch as Watcher
from cmo.testing import FakeClock, FakeNotifier

BY_NAME = {rule.name: rule for rule in RULES}


class Scene:
    """A service that counts, looked at every five seconds."""

    def __init__(self, *names: str, silenced: Callable[[Rule, str], bool] = lambda _rule, _key: False) -> None:
        self.counts, self.clock, self.people = Counts(), FakeClock(), FakeNotifier()
        rules = [BY_NAME[name] for name in names] or RULES
        self.watch = Watch(rules, self.people, self.clock, silenced)
        self.watch.look(samples(self.counts.state()))

    def goes_on(self, seconds: float, each: Callable[[Counts], object] = lambda _counts: None) -> list[str]:
        before = len(self.people.told)
        for _ in range(int(seconds / 5)):
            each(self.counts)
            self.clock.advance(5)
            self.watch.look(samples(self.counts.state()))
        return [notice.title for notice in self.people.told[before:]]


def served(ok: int, failed: int) -> Callable[[Counts], object]:
    def count(counts: Counts) -> None:
        counts.add(c.HTTP_REQUESTS, "/query", "POST", "200", amount=ok)
        counts.add(c.HTTP_REQUESTS, "/query", "POST", "500", amount=failed)

    return count


def test_people_are_told_once_it_has_lasted_as_long_as_the_rule_says() -> None:
    scene = Scene("ErrorsCritical")
    assert scene.goes_on(60, served(10, 0)) == []
    assert scene.goes_on(110, served(5, 5)) == []
    said = scene.goes_on(30, served(5, 5))
    assert said == ["P0 ErrorsCritical: More than 5 % of the requests fail by the service's own fault."]
    notice = scene.people.told[0]
    assert notice.severity is Severity.CRITICAL
    assert "docs/runbooks/errors.md" in notice.text
    assert "%, for 2 min" in notice.text


def test_it_is_told_again_after_a_quarter_of_an_hour_and_once_when_it_is_over() -> None:
    scene = Scene("ErrorsCritical")
    scene.goes_on(180, served(5, 5))
    assert [title.split(":")[0] for title in scene.goes_on(1_800, served(5, 5))] == ["P0 ErrorsCritical still"] * 2
    assert scene.goes_on(200, served(50, 0)) == []
    over = scene.goes_on(600, served(50, 0))
    assert over == ["Resolved: ErrorsCritical"]


@pytest.mark.parametrize(("priority", "level"), [("P0", "ERROR"), ("P1", "ERROR"), ("P2", "WARNING"), ("P3", "INFO")])
def test_the_log_says_an_alert_as_loud_as_it_is_urgent(
    priority: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rule = replace(BY_NAME["ErrorsHigh"], priority=Priority(priority), minutes=0)
    people, clock, counts = PostOffice((), FakeClock()), FakeClock(), Counts()
    watch = Watch([rule], people, clock)
    for _ in range(2):
        watch.look(samples(counts.state()))
        served(50, 50)(counts)
        clock.advance(5)
    watch.look(samples(counts.state()))
    assert [(one.levelname, one.message.split(":")[1]) for one in caplog.records] == [
        (level, f" {priority} ErrorsHigh")
    ]


@pytest.mark.parametrize(
    ("severity", "level"), [(Severity.CRITICAL, "ERROR"), (Severity.WARNING, "WARNING"), (Severity.INFO, "INFO")]
)
def test_the_log_says_another_notice_as_loud_as_it_is_bad(
    severity: Severity, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    PostOffice((), FakeClock()).tell(Notice("rollout/graph/back", "Taken back", severity=severity))
    assert [one.levelname for one in caplog.records] == [level]


def test_three_requests_that_fail_are_no_alert() -> None:
    scene = Scene()
    scene.counts.add(c.HTTP_REQUESTS, "/query", "POST", "500", amount=3)
    assert scene.goes_on(600) == []


def test_nobody_outside_wakes_people_by_a_deadline_that_is_too_short() -> None:
    scene = Scene()
    said = scene.goes_on(900, lambda counts: counts.add(c.HTTP_REQUESTS, "/query", "POST", "504", amount=10))
    assert [title.split(":")[0] for title in said] == ["P2 RequestsOutOfTime"]


def test_what_asks_how_the_service_is_counts_for_nothing() -> None:
    scene = Scene("ErrorsCritical")

    def probes(counts: Counts) -> None:
        for probe in ("/health", "/ready", "/metrics", "/api/metrics", "/health/lightrag"):
            counts.add(c.HTTP_REQUESTS, probe, "GET", "503", amount=10)

    assert scene.goes_on(600, probes) == []


def test_who_is_sent_away_as_too_much_is_asked_is_no_failure_and_is_told_as_what_it_is() -> None:
    scene = Scene("ErrorsCritical", "ErrorsHigh", "RequestsSentAway")
    listening = Watcher(scene.counts, scene.clock)

    def asked(_: Counts) -> None:
        for status, code in ((200, ""), (503, "overloaded"), (503, "overloaded")) * 4:
            listening.ended(Request("r" * 32, "/api/deep", "POST", status, 0.1, code), Trace(""))
        listening.fold()

    assert [title.split(":")[0] for title in scene.goes_on(900, asked)] == ["P2 RequestsSentAway"]

    def broken(_: Counts) -> None:
        for status, code in ((200, ""), (503, "store")) * 5:
            listening.ended(Request("r" * 32, "/api/deep", "POST", status, 0.1, code), Trace(""))
        listening.fold()

    assert "P0 ErrorsCritical" in {title.split(":")[0] for title in scene.goes_on(600, broken)}


def test_of_one_subject_only_the_most_urgent_alert_is_told() -> None:
    scene = Scene("ErrorsCritical", "ErrorsHigh", "ErrorBudgetBurnsFast")
    said = scene.goes_on(900, served(5, 5))
    assert {title.split(":")[0] for title in said} == {"P0 ErrorsCritical"}
    assert next(firing.rule.name for firing in scene.watch.firing()) == "ErrorsCritical"


def test_one_that_flaps_is_told_once() -> None:
    scene = Scene("MemoryCritical")
    rule_lasts = lambda counts: counts.set(c.MACHINE_MEMORY, 0.95)  # noqa: E731
    scene.goes_on(320, rule_lasts)
    assert len(scene.people.told) == 1
    for _ in range(6):
        scene.goes_on(40, lambda counts: counts.set(c.MACHINE_MEMORY, 0.5))
        scene.goes_on(20, rule_lasts)
    assert len(scene.people.told) == 1


def test_each_component_has_an_alert_of_its_own() -> None:
    scene = Scene("ComponentUnhealthy", "ComponentDegraded")

    def ill(counts: Counts) -> None:
        counts.set(c.HEALTH, 0.0, "index")
        counts.set(c.HEALTH, 0.5, "cache")
        counts.set(c.HEALTH, 1.0, "model")

    said = scene.goes_on(1_000, ill)
    assert {title.split(":")[0] for title in said} == {"P1 ComponentUnhealthy (index)", "P3 ComponentDegraded (cache)"}


def test_a_release_that_is_taken_back_is_told_by_its_name_and_can_be_silenced(tmp_path: Path) -> None:
    def taken_back(counts: Counts) -> None:
        counts.set(c.RELEASE_STAGE, 2, "graph")
        counts.set(c.RELEASE_PHASE, 1, "back")

    scene = Scene("ReleaseTakenBack")
    assert scene.goes_on(10, taken_back)[0].startswith("P1 ReleaseTakenBack (graph)")
    silences = Silences(tmp_path, scene.clock)
    silences.add(silence("", "graph", 2, "me", "a drill", clock=scene.clock, known=RULES))
    quiet = Scene("ReleaseTakenBack", silenced=silences.silenced)
    assert quiet.goes_on(60, taken_back) == []
    silences.end("", "graph")
    assert len(quiet.goes_on(10, taken_back)) == 1


def test_a_silence_ends_by_itself_and_is_of_what_it_names_alone(tmp_path: Path) -> None:
    clock = FakeClock()
    silences = Silences(tmp_path, clock)
    silences.add(silence("CpuHigh", "", 1, "me", "", clock=clock, known=RULES))
    assert silences.silenced(BY_NAME["CpuHigh"], "")
    assert not silences.silenced(BY_NAME["CpuCritical"], "")
    clock.advance(3_601)
    assert not silences.silenced(BY_NAME["CpuHigh"], "")
    assert silences.now() == ()


@pytest.mark.parametrize(
    ("alert", "release", "hours", "says"),
    [("", "", 1, "Say what"), ("Nonsense", "", 1, "no alert"), ("CpuHigh", "", 0, "lasts"), ("", "r", 1e9, "lasts"),
     ("", "r", float("nan"), "lasts")],
)  # fmt: skip
def test_a_silence_that_makes_no_sense_is_refused(alert: str, release: str, hours: float, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        silence(alert, release, hours, "me", "", clock=FakeClock(), known=RULES)


def test_a_file_of_silences_that_cannot_be_read_silences_nothing(tmp_path: Path) -> None:
    (tmp_path / "silences.json").write_text('[{"alert": 1}]')
    assert not Silences(tmp_path, FakeClock()).silenced(BY_NAME["CpuHigh"], "")


def test_a_counter_that_begins_anew_counts_on_and_one_that_is_gone_keeps_what_it_had() -> None:
    looks = Looks([series("x_total")])
    for at, value in enumerate([100.0, 130.0, None, 5.0, 15.0]):
        seen: Iterable[Sample] = [] if value is None else [Sample("x_total", frozenset(), value)]
        looks.add(at * 5.0, seen)
    assert looks.increase(series("x_total"), 300) == {frozenset(): 45.0}


def test_three_days_take_little_room() -> None:
    looks = Looks([series("x_total")])
    for n in range(3 * 86_400 // 30):
        looks.add(n * 30.0, [Sample("x_total", frozenset(), float(n))])
    assert len(looks) < 900
    assert looks.increase(series("x_total"), 300) == {frozenset(): 10.0}
    assert looks.increase(series("x_total"), 86_400)[frozenset()] == pytest.approx(2_880, abs=31)
    assert looks.increase(series("x_total"), 3 * 86_400)[frozenset()] == pytest.approx(8_640, abs=31)


def test_labels_without_end_take_no_room_without_end() -> None:
    looks = Looks([series("x_total"), series("y_total", kind="a")])
    looks.add(
        0.0,
        [Sample(name, frozenset({("kind", str(n))}), 1.0) for name in ("x_total", "y_total") for n in range(25_000)],
    )
    assert len(looks._places) == len(looks._passed) == 20_000


def test_a_level_that_is_not_told_is_none_and_not_zero() -> None:
    scene = Scene("BudgetSpent", "NothingToSearch")
    assert scene.goes_on(1_200) == []
    assert len(scene.goes_on(120, lambda counts: counts.set(c.BUDGET_LEFT, 0.0))) == 1


def test_no_hit_at_all_is_a_share_of_nothing_hit() -> None:
    counts = Counts()
    share = Share(series("cmo_cache_requests_total", result="hit"), series("cmo_cache_requests_total"), lacking=True)
    looks = Looks(share.series())
    looks.add(0, samples(counts.state()))
    counts.add(c.CACHE_REQUESTS, "classes", "memory", "miss", amount=50)
    looks.add(5, samples(counts.state()))
    assert share.figures(looks) == {"": 0.0}


def test_a_quantile_lies_between_two_bounds_as_prometheus_has_it() -> None:
    assert quantile(0.95, {1.0: 90.0, 2.0: 100.0, float("inf"): 100.0}) == pytest.approx(1.5)
    assert quantile(0.99, {1.0: 90.0, float("inf"): 100.0}) == 1.0, "beyond the last bound it is that bound"
    assert quantile(0.5, {1.0: 0.0, float("inf"): 0.0}) is None


def test_the_name_and_the_page_of_each_alert_are_its_own() -> None:
    assert len(BY_NAME) == len(RULES)
    for rule in RULES:
        assert rule.summary.endswith(".")
        assert rule.source
        assert rule.when
