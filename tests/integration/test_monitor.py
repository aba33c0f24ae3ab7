"""`AlertSystem` and `ProductionMonitor`: the documented names, with real channels and a clock of their own."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from cmo.errors import ModelMissing, SettingsError
from cmo.settings import Settings, read_settings
from cmo.testing import FakeClock
from cmo.web import create_api
from lightrag_integration import AlertSystem, PerformanceAlert, ProductionMonitor
from lightrag_integration import monitor as module
from tests.acceptance.services import served_here
from tests.integration.servers import Chat, until


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.close()


@pytest.fixture
def config(tmp_path: Path, chat: Chat) -> Settings:
    return read_settings(working_dir=tmp_path, slack_webhook_url=chat.url, webhook_private=True)


async def looked(monitor: ProductionMonitor, clock: FakeClock, seconds: float) -> None:
    for _ in range(int(seconds / 30)):
        clock.advance(30)
        await monitor.check()


async def test_errors_are_told_and_a_storm_of_them_is_one_message(config: Settings, chat: Chat) -> None:
    alerts = AlertSystem(config)
    await alerts.initialize()
    secret = "Has Jane Doe phenylketonuria?"
    assert await alerts.send_error_alert(ModelMissing("No model: Jane Doe"), secret, "jane@example.org")
    for n in range(40):
        await alerts.send_error_alert(type(f"Strange{n}", (RuntimeError,), {})(secret), secret, "jane@example.org")
    assert not await alerts.send_error_alert(ModelMissing("No model"), secret, "jane@example.org"), "told just now"
    await alerts.close()
    assert len(chat.got) == 1
    told = str(chat.got[0][1])
    assert "41 notices" in told
    assert "A question failed: model-missing" in told or "A question failed: model" in told
    assert "docs/runbooks/errors.md" in told
    assert "Jane" not in told
    assert "jane@" not in told


async def test_who_asked_what_is_told_as_a_mark(config: Settings, chat: Chat) -> None:
    alerts = AlertSystem(config)
    await alerts.send_error_alert(RuntimeError("Jane"), "Has Jane Doe phenylketonuria?", "jane@example.org")
    await alerts.close()
    told = str(chat.got[0][1])
    assert len(re.findall(r"\*(?:question|user)\*\\n[0-9a-f]{8}'", told)) == 2, told
    assert "Jane" not in told
    assert "jane@" not in told


async def test_without_a_channel_an_error_stays_in_the_log(tmp_path: Path) -> None:
    alerts = AlertSystem(read_settings(working_dir=tmp_path))
    assert await alerts.send_error_alert(RuntimeError("x"), "query", "user")
    await alerts.close()


async def test_functions_are_measured_and_people_are_told_after_as_long_as_the_alert_says(
    config: Settings, chat: Chat
) -> None:
    clock = FakeClock()
    monitor = ProductionMonitor(alert_webhooks=[chat.url], metrics_endpoints=[], config=config, clock=clock)
    monitor.add_alert(metric="error_rate", threshold=0.05, duration_minutes=10, severity="critical")
    monitor.add_alert(
        metric="quality_score", threshold=0.8, duration_minutes=15, severity="warning", operator="less_than"
    )

    @monitor.track_metric("response_time")
    @monitor.track_metric("error_rate")
    @monitor.track_metric("quality_score")
    async def ask(n: int) -> Any:
        if n % 4 == 0:
            raise ValueError("no answer")
        return SimpleNamespace(quality_score=0.5)

    for minute in range(17):
        for n in range(20):
            try:
                await ask(n)
            except ValueError:
                continue
        await looked(monitor, clock, 60)
        told = [(alert.alert_type, alert.severity) for alert in monitor.alerts]
        if minute < 9:
            assert told == []
        if minute == 12:
            assert told == [("error_rate", "critical")]
    assert [(alert.alert_type, alert.severity) for alert in monitor.alerts] == [
        ("error_rate", "critical"), ("quality_score", "warning")
    ]  # fmt: skip
    first = monitor.alerts[0]
    assert isinstance(first, PerformanceAlert)
    assert first.metrics["error_rate"] == pytest.approx(0.25)
    assert first.metrics["quality_score"] == pytest.approx(0.5)
    assert 0 < first.metrics["response_time"] < 1_000
    assert 0 <= first.metrics["memory_usage_percent"] <= 100, "of this machine"
    await looked(monitor, clock, 600)
    assert [alert.severity for alert in monitor.alerts[2:]] == ["info", "info"], "nobody fails any more: resolved"
    await monitor.close()
    assert chat.heard("error_rate is above 0.05")


async def test_three_calls_that_fail_are_no_alert_and_who_hangs_up_is_no_error(config: Settings) -> None:
    clock = FakeClock()
    monitor = ProductionMonitor(config=config, clock=clock)
    monitor.add_alert(metric="error_rate", threshold=0.05)

    @monitor.track_metric("error_rate")
    def fail() -> None:
        raise OSError("no")

    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            fail()

    @monitor.track_metric("error_rate")
    async def wait() -> None:
        await asyncio.sleep(60)

    for _ in range(20):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
    await looked(monitor, clock, 300)
    assert monitor.alerts == []
    await monitor.close()


async def test_the_limits_of_document_002_hold_for_a_classification_system(config: Settings) -> None:
    clock = FakeClock()
    stats = {
        "response_times": {"window": 50, "avg_ms": 2500.0},
        "requests": {"success_rate": 0.9},
        "cache": {"overall": {"hit_rate": 0.9}},
    }
    system = SimpleNamespace(get_comprehensive_performance_stats=lambda: stats)
    monitor = ProductionMonitor(system, {"cpu": 101, "mem": 101, "error_rate": 0.2}, config=config, clock=clock)
    assert monitor.thresholds == {
        "response_time_ms": 2000, "error_rate": 0.2, "cache_hit_rate": 0.6, "cpu_usage_percent": 101,
        "memory_usage_percent": 101,
    }  # fmt: skip
    await looked(monitor, clock, 30)
    assert [(alert.alert_type, alert.severity) for alert in monitor.alerts] == [("response_time_ms", "warning")]
    stats["cache"]["overall"]["hit_rate"] = 0.1  # type: ignore[index]
    await looked(monitor, clock, 30)
    assert monitor.alerts[-1].alert_type == "cache_hit_rate"
    stats["response_times"]["window"] = 3
    assert "error_rate" not in await monitor.check()
    await monitor.close()


@pytest.mark.parametrize("address", ["/metrics", "/api/metrics"])
async def test_what_a_service_tells_may_have_alerts(base: Any, config: Settings, address: str) -> None:
    with served_here(create_api(base.app)) as url:
        for _ in range(3):
            await asyncio.to_thread(httpx.get, f"{url}/papers")
        monitor = ProductionMonitor(metrics_endpoints=[f"{url}{address}"], config=config, clock=FakeClock())
        metric = {"/metrics": "cmo_http_requests_total", "/api/metrics": "requests.count"}[address]
        monitor.add_alert(metric=metric, threshold=2)
        figures = await monitor.check()
        assert figures[metric] >= 3
        assert [alert.alert_type for alert in monitor.alerts] == [metric]
        await monitor.close()


async def test_the_loop_goes_on_after_a_look_that_failed(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(module, "AFTER_ERROR_SECONDS", 0.01)
    monitor = ProductionMonitor(metrics_endpoints=["http://127.0.0.1:9/metrics"], config=config)
    looks = 0
    check = monitor.check

    async def counted() -> dict[str, float]:
        nonlocal looks
        looks += 1
        if looks == 3:
            monitor.metrics_endpoints = ()
        return await check()

    monkeypatch.setattr(monitor, "check", counted)
    loop = asyncio.create_task(monitor.monitor_loop())
    assert await asyncio.to_thread(until, lambda: looks >= 5, 10)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    await monitor.close()


@pytest.mark.parametrize(
    "wrong",
    [{"operator": "equals"}, {"severity": "awful"}, {"threshold": float("nan")}, {"duration_minutes": -1},
     {"duration_minutes": float("inf")}],
)  # fmt: skip
async def test_an_alert_that_makes_no_sense_is_refused(config: Settings, wrong: dict[str, Any]) -> None:
    monitor = ProductionMonitor(config=config)
    with pytest.raises(SettingsError):
        monitor.add_alert(**{"metric": "error_rate", "threshold": 0.05, **wrong})
    await monitor.close()


def test_a_webhook_on_a_private_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="private"):
        ProductionMonitor(alert_webhooks=["http://169.254.169.254/latest"], config=read_settings(working_dir=tmp_path))
