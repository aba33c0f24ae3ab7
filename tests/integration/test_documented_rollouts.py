"""The documented classes for flags, rollouts and rollback, used as the documents use them, over a real base."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import SettingsError
from cmo.settings import Settings, read_settings
from cmo.testing import FakeClock
from lightrag_integration import (
    AutoRollback,
    CanaryDeployment,
    FeatureFlagDiagnostics,
    FeatureFlagManager,
    GradualRolloutManager,
    ManualRollback,
    RolloutConfig,
    emergency_notifications,
    get_current_metrics,
    send_emergency_notification,
)

FEW = {"least": 40, "fresh": 10}


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return read_settings(working_dir=tmp_path / "base")


def timed(managed: Any) -> FakeClock:
    """The rollout's own time."""
    managed._clock = managed._house.app.clock = clock = FakeClock()
    return clock


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """A receiver of messages."""
    posted: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", posted
        finally:
            server.shutdown()
            thread.join()


# -- flags -----------------------------------------------------------------------------------------------------------


async def test_flags_as_documented(config: Settings) -> None:
    rollout_config = RolloutConfig(
        initial_percentage=10, quality_gate_threshold=0.8, circuit_breaker_enabled=True, max_daily_budget=100.0
    )
    feature_flags = FeatureFlagManager(rollout_config=rollout_config, config=config)
    users = [f"user-{n}" for n in range(400)]
    first = [bool(await feature_flags.get_routing_decision(query="?", user_id=user)) for user in users]
    assert 20 <= sum(first) <= 60
    assert await feature_flags.update_rollout_percentage(25) == 25
    second = [(await feature_flags.get_routing_decision("?", user)).use_lightrag for user in users]
    assert all(now for now, before in zip(second, first, strict=True) if before), "nobody who had it loses it"
    assert sum(second) > sum(first)
    other = FeatureFlagManager(config=config)
    assert await other.get_rollout_percentage() == 25, "it holds in every process"
    await feature_flags.emergency_disable()
    assert not (await other.get_routing_decision("?", users[0]))
    assert FeatureFlagDiagnostics(other).validate_rollout_percentage() == [
        "The share is 25 %, and the switch is off: nobody is sent here."
    ]
    await feature_flags.set_rollout_percentage(0)
    await feature_flags.enable()
    assert not any([(await other.get_routing_decision("?", user)).use_lightrag for user in users[:50]])
    for manager in (feature_flags, other):
        await manager.close()


async def test_the_environment_is_taken_over_with_its_precedence(config: Settings) -> None:
    feature_flags = FeatureFlagManager(config=config)
    feature_flags.configure_from_env(
        {
            "LIGHTRAG_ENABLED": "true",
            "LIGHTRAG_ROLLOUT_PERCENTAGE": "50",
            "ENRICHMENT_ROLLOUT_PERCENTAGE": "70",
            "LIGHTRAG_QUALITY_THRESHOLD": "0.85",
            "LIGHTRAG_CIRCUIT_BREAKER": "true",
            "LIGHTRAG_DAILY_BUDGET": "10",
            "LIGHTRAG_MAX_DAILY_BUDGET": "500",
            "MAX_HOPS": "2",
        }
    )
    assert feature_flags.rollout_config == RolloutConfig(50.0, 0.85, max_daily_budget=500.0)
    assert (await feature_flags.get_flag("max_hops"))["value"] == 2
    await feature_flags.update_rollout_percentage(5)
    assert await feature_flags.get_rollout_percentage() == 5, "what is stored comes first"
    for wrong in ({"LIGHTRAG_ENABLED": "perhaps"}, {"LIGHTRAG_ROLLOUT_PERCENTAGE": "150"}, {"MAX_HOPS": "9"}):
        with pytest.raises(SettingsError):
            feature_flags.configure_from_env(wrong)
    await feature_flags.close()


async def test_without_money_nobody_is_sent_here(config: Settings) -> None:
    feature_flags = FeatureFlagManager(RolloutConfig(initial_percentage=100, max_daily_budget=0.0), config=config)
    assert (await feature_flags.get_routing_decision("?", "mia")).reason == "the budget is spent"
    feature_flags.rollout_config = RolloutConfig(100, circuit_breaker_enabled=False)
    assert await feature_flags.get_routing_decision("?", "mia")
    await feature_flags.close()


def test_diagnostics_find_nothing_where_all_is_well(config: Settings) -> None:
    diagnostics = FeatureFlagDiagnostics(config=config)
    assert diagnostics.validate_feature_flag_config() == []
    assert diagnostics.check_user_assignment_consistency() == []
    assert diagnostics.validate_rollout_percentage() == []


@pytest.mark.parametrize(
    "wrong", [{"initial_percentage": 101}, {"quality_gate_threshold": 2}, {"max_daily_budget": -1}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        RolloutConfig(**wrong)  # type: ignore[arg-type]


# -- gradual rollout and canary ----------------------------------------------------------------------------------------


async def fed(
    manager: GradualRolloutManager, count: int, *, fails: Callable[[bool], bool], quality: float = 0.9
) -> None:
    """Answers of both systems."""
    for n in range(count):
        new = manager.should_use_lightrag(f"user-{n}")
        await manager.track_metrics(f"user-{n}", quality_score=quality, error_occurred=fails(new), error_message="")


async def test_a_gradual_rollout_goes_up_with_evidence_and_never_without(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], stage_duration_hours=48, config=config, gates=FEW)
    clock = timed(rollout)
    assert (rollout.get_current_percentage(), rollout.current_stage, rollout.rollout_stages) == (50, 0, [50, 100])
    clock.advance(49 * 3600)
    assert await rollout.advance_rollout() == 50, "time alone moves nothing"
    await fed(rollout, 900, fails=lambda _: False)
    assert rollout.get_current_percentage() == 100
    metrics = await rollout.get_quality_metrics(hours_back=24)
    assert (metrics.error_rate, metrics.average_quality) == (0, pytest.approx(0.9))
    assert rollout.should_advance_rollout(metrics)
    for _ in range(3):
        await rollout.advance_rollout()  # past the last stage nothing happens
    await rollout.close()


async def test_a_failing_rollout_is_taken_back_by_itself(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], config=config, gates=FEW)
    timed(rollout)
    await fed(rollout, 120, fails=lambda new: new)
    assert rollout.get_current_percentage() == 0
    assert not rollout.should_use_lightrag("user-1")
    again = GradualRolloutManager(stages=[50, 100], config=config, gates=FEW, name=rollout._name)
    assert again.get_current_percentage() == 0, "another process sees it"
    await rollout.close()
    await again.close()


async def test_people_hear_of_what_was_taken_back(config: Settings) -> None:
    with webhook() as (url, posted):
        told = read_settings(**{**config.model_dump(), "slack_webhook_url": url, "webhook_private": True})
        rollout = GradualRolloutManager(stages=[50, 100], config=told, gates=FEW)
        await fed(rollout, 120, fails=lambda new: new)
        await rollout.close()
    assert len(posted) == 1, "once, however often the gates look"
    assert "back at 0 %" in posted[0]
    assert "user-" not in posted[0]


async def test_without_auto_rollback_somebody_asks_and_does_it(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], auto_rollback_enabled=False, config=config, gates=FEW)
    timed(rollout)
    await fed(rollout, 140, fails=lambda _: False, quality=0.4)
    assert rollout.get_current_percentage() == 50
    assert await rollout.should_rollback(), "the quality is below the threshold"
    await rollout.execute_rollback()
    assert rollout.get_current_percentage() == 0
    await rollout.close()


async def test_a_paused_rollout_stays_where_it_is(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], stage_duration_hours=0, config=config, gates=FEW)
    await rollout.handle_rollout_pause(await rollout.get_quality_metrics())
    await fed(rollout, 300, fails=lambda _: False)
    assert rollout.get_current_percentage() == 50
    await rollout.close()


async def test_a_canary_that_breaks_its_criteria_is_taken_back(config: Settings) -> None:
    canary = CanaryDeployment(
        canary_percentage=50,
        success_criteria={"error_rate": {"max": 0.02}, "response_time": {"p95": 5000}, "quality_score": {"min": 0.8}},
        duration_hours=24,
        auto_promote=True,
        config=config,
        gates=FEW,
    )
    for n in range(140):
        slow = 6000.0 if canary.should_use_canary(f"user-{n}") else 100.0
        await canary.track_success(f"user-{n}", response_time=slow, quality_score=0.9)
    facts = canary.get_status()
    assert (facts["phase"], facts["percent"]) == ("back", 0)
    assert "response_time is 6000, p95 5000" in facts["reason"] or facts["phase"] == "back"
    await canary.close()


async def test_a_healthy_canary_waits_for_a_human_where_it_should(config: Settings) -> None:
    canary = CanaryDeployment(50, {"error_rate": {"max": 0.02}}, 24, auto_promote=False, config=config, gates=FEW)
    clock = timed(canary)
    with pytest.raises(SettingsError):
        await canary.promote()
    for n in range(900):
        await canary.track_success(f"user-{n}", response_time=100.0, quality_score=0.9)
    clock.advance(25 * 3600)
    assert await canary.evaluate() == "waiting"
    assert await canary.promote() == 100
    await canary.track_failure("user-1", "timed out")
    await canary.close()


# -- rollback --------------------------------------------------------------------------------------------------------


async def test_auto_rollback_as_documented(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], config=config)
    assert rollout.get_current_percentage() == 50
    auto_rollback = AutoRollback(
        triggers=[
            {"metric": "error_rate", "threshold": 0.1, "duration_minutes": 5},
            {"metric": "quality_score", "threshold": 0.7, "duration_minutes": 10},
            {"metric": "response_time", "threshold": 10000, "duration_minutes": 5},
        ],
        rollback_target_percentage=0,
        notification_channels=["slack", "email"],
        config=config,
    )
    auto_rollback._house.app.clock = clock = FakeClock()
    bad = {"error_rate": 0.2, "quality_score": 0.9, "response_time": 500}
    assert not auto_rollback.should_trigger_rollback(bad)
    clock.advance(240)
    assert not auto_rollback.should_trigger_rollback(bad | {"error_rate": 0.05}), "it got better"
    clock.advance(240)
    assert not auto_rollback.should_trigger_rollback(bad)
    clock.advance(300)
    assert auto_rollback.should_trigger_rollback(bad)
    assert auto_rollback.reasons == ["error_rate is 0.2, beyond 0.1 for 5 min"]
    clock.advance(601)
    assert not auto_rollback.should_trigger_rollback({"quality_score": 0.6}), "a fall counts from when it is seen"
    clock.advance(601)
    assert auto_rollback.should_trigger_rollback({"quality_score": 0.6})
    await auto_rollback.execute_rollback()
    assert rollout.get_current_percentage() == 0
    await auto_rollback.send_notifications("Rolled back", bad)
    await auto_rollback.close()
    await rollout.close()


async def test_manual_rollback_writes_the_incident_up(config: Settings) -> None:
    rollout = GradualRolloutManager(stages=[50, 100], config=config)
    assert rollout.get_current_percentage() == 50
    manual = ManualRollback(config)
    report = await manual.execute("answers lost their citations")
    assert rollout.get_current_percentage() == 0
    assert report.rollout is not None
    assert report.rollout["phase"] == "back"
    told = str(await manual.generate_incident_report("answers lost their citations"))
    assert told.startswith("# Incident")
    assert "lightrag_integration disable" in told
    assert "answers lost their citations" in told
    await manual.close()
    await rollout.close()


def test_triggers_that_make_no_sense_are_refused(config: Settings) -> None:
    for wrong in (
        {"triggers": [{"name": "x"}]},
        {"rollback_target_percentage": 101},
        {"notification_channels": ["fax"]},
    ):
        with pytest.raises(SettingsError):
            AutoRollback(**wrong, config=config)  # type: ignore[arg-type]


async def test_monitoring_and_rollback_as_documented(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_HOME", str(config.working_dir))
    assert await get_current_metrics() == {}
    rollout = GradualRolloutManager(stages=[50, 100], auto_rollback_enabled=False, config=config, gates={"least": 9999})
    await fed(rollout, 40, fails=lambda new: new, quality=0.9)
    await rollout.advance_rollout()
    metrics = await get_current_metrics()
    assert metrics["error_rate"] > 0.5
    auto_rollback = AutoRollback([{"metric": "error_rate", "threshold": 0.1, "duration_minutes": 0}], config=config)
    if auto_rollback.should_trigger_rollback(metrics):
        await auto_rollback.execute_rollback()
        await auto_rollback.send_notifications("Automatic rollback triggered", metrics)
    assert rollout.get_current_percentage() == 0
    with webhook() as (url, posted):
        monkeypatch.setenv("SLACK_WEBHOOK_URL", url)
        monkeypatch.setenv("CMO_WEBHOOK_PRIVATE", "true")
        assert await send_emergency_notification("It is over")
        assert await emergency_notifications.send_all("It is really over")
    assert ["It is over" in posted[0], "It is really over" in posted[1]] == [True, True]
    await auto_rollback.close()
    await rollout.close()
