"""Health and metrics by the documented names: dictionaries, exit codes, decorators."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.kit.clock import SystemClock
from cmo.ops.cards import Card, Cards
from cmo.settings import Settings, read_settings
from cmo.web import create_api
from lightrag_integration import HealthChecker, health_check, readiness_check
from lightrag_integration.metrics import (
    get_metrics,
    track_cache_metrics,
    track_query_metrics,
    update_system_metrics,
)
from tests.acceptance.services import served_here

TEXT = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria.\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def told_by_a_container(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    return subprocess.run(
        [sys.executable, "-c", "from lightrag_integration import health_check; print(health_check()['status'])"],
        env={**environment, "CMO_HOME": str(home), "CMO_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )


def settings_of(base: Any, port: int) -> Settings:
    return read_settings(working_dir=base.folder, port=port)


def test_a_running_service_is_asked_how_it_is(base: Any) -> None:
    base.add(pku=TEXT)
    with served_here(create_api(base.app)) as address:
        port = int(address.rpartition(":")[2])
        facts = health_check(settings_of(base, port))
        assert facts["checks"]["service"]["status"] == httpx.get(f"{address}/health").json()["status"]
        assert {"system", "redis", "gpu", "qdrant"} <= set(facts["checks"])
        assert set(facts["metrics"]) == {"cpu_percent", "memory_percent", "gpu_memory_percent"}
        json.dumps(facts)
        asked = told_by_a_container(base.folder, port)
        assert (asked.returncode, asked.stdout.strip()) == (0, facts["status"]), asked.stderr
    ended = told_by_a_container(base.folder, port)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_without_a_service_the_base_is_looked_at(base: Any) -> None:
    base.add(pku=TEXT)
    port = free_port()
    facts = health_check(settings_of(base, port))
    assert facts["checks"]["index"]["status"] == "healthy"
    assert readiness_check(settings_of(base, port))
    (base.folder / "index" / "CURRENT").write_text("nonsense")
    assert health_check(settings_of(base, port))["status"] == "unhealthy"
    assert not readiness_check(settings_of(base, port))
    missing = health_check(settings_of(base, port), service=True)
    assert "cmo serve" in missing["checks"]["service"]["detail"]


def test_redis_that_is_gone_is_degraded_and_no_end(base: Any) -> None:
    base.add(pku=TEXT)
    gone = read_settings(working_dir=base.folder, port=free_port(), redis_url=f"redis://127.0.0.1:{free_port()}/0")
    facts = health_check(gone)
    assert (facts["checks"]["redis"]["status"], facts["status"]) == ("degraded", "degraded")


def test_something_else_at_the_port_is_no_service(base: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        config = settings_of(base, other.getsockname()[1])

        def answer() -> None:
            connection, _ = other.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            connection.close()

        async def both() -> dict[str, Any]:
            found, _ = await asyncio.gather(
                asyncio.to_thread(health_check, config, service=True), asyncio.to_thread(answer)
            )
            return found

        facts = asyncio.run(both())
    assert facts["status"] == "unhealthy"
    assert "says nothing of its health" in facts["checks"]["service"]["detail"]


async def test_the_checker_tells_each_part_and_the_engine_apart(base: Any) -> None:
    checker = HealthChecker(read_settings(working_dir=base.folder))
    whole, engine = await checker.comprehensive_health_check(), await checker.check_lightrag_health()
    assert (whole.is_healthy, whole.status) == (True, "degraded")
    assert whole.component_status["index"] == "degraded"
    assert whole.details["index"] == "There are no papers yet."
    assert set(engine.component_status) == {"record", "index", "model"}


async def test_documented_decorators_count_and_time() -> None:
    @track_query_metrics("t-search")
    def search(text: str) -> str:
        return text.upper()

    @track_query_metrics("t-async")
    async def answer(fails: bool) -> None:
        if fails:
            raise ValueError("no")

    assert search("x") == "X"
    await answer(fails=False)
    with pytest.raises(ValueError, match="no"):
        await answer(fails=True)
    track_cache_metrics("t-memory", hit=True)
    track_cache_metrics("t-memory", hit=False)
    update_system_metrics()
    told = get_metrics().decode()
    for line in (
        'docmind_queries_total{query_type="t-search",status="success"} 1.0',
        'docmind_queries_total{query_type="t-async",status="error"} 1.0',
        'docmind_query_duration_seconds_bucket{le="10.0",query_type="t-async"} 2.0',
        'docmind_cache_hits_total{cache_type="t-memory"} 1.0',
        'docmind_cache_misses_total{cache_type="t-memory"} 1.0',
        "docmind_active_queries 0.0",
        'docmind_model_info{name="cmo"',
    ):
        assert line in told
    assert "docmind_memory_usage_bytes 0.0" not in told


@pytest.mark.parametrize(
    ("said", "cards"),
    [("0, 1024, 4096\n1, 0, 4096", (Card("0", 1 << 30, 1 << 32), Card("1", 0, 1 << 32))), ("N/A", ()), ("", ())],
)
def test_cards_are_what_the_drivers_tool_says(tmp_path: Path, said: str, cards: tuple[Card, ...]) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{said.replace(chr(10), chr(92) + 'n')}'\n")
    tool.chmod(0o755)
    assert Cards(SystemClock(), str(tool)).seen() == cards
    assert Cards(SystemClock(), str(tmp_path / "none")).seen() == ()
