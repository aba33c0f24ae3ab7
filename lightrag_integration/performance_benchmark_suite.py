"""`run_quick_performance_test`, `run_comprehensive_benchmark`, `run_stress_test`: the documented benchmarks.

They run a real system, with the settings of the environment and a cache of their own, and report what they measured.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cmo.bench.chart import chart
from cmo.bench.load import Grade as PerformanceGrade
from cmo.bench.load import Load, Measured, asked, run
from cmo.bench.load import Pattern as LoadPattern
from cmo.settings import read_settings
from lightrag_integration.classification_config import HighPerformanceConfig
from lightrag_integration.high_performance_classification_system import HighPerformanceClassificationSystem

log = logging.getLogger("lightrag_integration")

_REPEATS: Final = 0.5
"""Share of the questions that were asked before."""
_MILLI = 1000
_SAMPLES = 5_000


class BenchmarkType(StrEnum):
    """What a benchmark is for; where its configuration leaves something open, this fills it in."""

    UNIT = "unit"
    """One user."""
    INTEGRATION = "integration"
    LOAD = "load"
    STRESS = "stress"
    """Every question is new."""
    ENDURANCE = "endurance"
    """As long as `duration_seconds`, whatever `total_requests` says."""
    SPIKE = "spike"
    """The load pattern is SPIKE."""


@dataclass
class BenchmarkConfig:
    """One benchmark."""

    benchmark_name: str = "benchmark"
    benchmark_type: BenchmarkType = BenchmarkType.LOAD
    load_pattern: LoadPattern = LoadPattern.CONSTANT
    concurrent_users: int = 10
    total_requests: int = 100
    target_response_time_ms: float = 1500.0
    duration_seconds: float | None = None
    """Ends it before `total_requests`."""
    enable_real_time_monitoring: bool = False
    """Whether to log once a second how it stands."""
    export_results: bool = False
    """Whether to write JSON."""
    generate_plots: bool = False
    """Whether to draw an SVG."""
    output_directory: str | Path = "benchmark_results"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("concurrent_users", "total_requests"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.target_response_time_ms <= 0 or (self.duration_seconds is not None and self.duration_seconds <= 0):
            raise ValueError("target_response_time_ms and duration_seconds must be more than 0.")
        if self.benchmark_type is BenchmarkType.ENDURANCE and self.duration_seconds is None:
            raise ValueError("an endurance benchmark needs duration_seconds.")

    def load(self) -> Load:
        """As the load generator takes it."""
        kind = self.benchmark_type
        endless = kind is BenchmarkType.ENDURANCE
        return Load(
            1 if kind is BenchmarkType.UNIT else self.concurrent_users,
            LoadPattern.SPIKE if kind is BenchmarkType.SPIKE else self.load_pattern,
            None if endless else self.total_requests,
            self.duration_seconds,
            self.target_response_time_ms / _MILLI,
        )


@dataclass(frozen=True, slots=True)
class BenchmarkMetrics:
    """What was measured."""

    total_requests: int
    successful_requests: int
    failed_requests: int
    success_rate: float
    avg_response_time_ms: float
    median_response_time_ms: float
    p95_response_time_ms: float
    p99_response_time_ms: float
    max_response_time_ms: float
    target_compliance_rate: float
    actual_throughput_rps: float
    cache_hit_rate: float
    peak_concurrent_users: int
    performance_grade: PerformanceGrade


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """A benchmark that has run."""

    config: BenchmarkConfig
    metrics: BenchmarkMetrics
    system_stats: dict[str, Any]
    """As `get_comprehensive_performance_stats` gives them."""
    recommendations: list[dict[str, Any]]
    export_paths: dict[str, str] = field(default_factory=dict)
    """Of files that were written: ``json``, ``plot``."""


async def run_quick_performance_test(
    target_response_time_ms: float = 1500, total_requests: int = 100, **config: Any
) -> BenchmarkResult:
    """A small load of five users."""
    bounds = {"benchmark_name": "quick", "concurrent_users": 5, **config}
    return await run_comprehensive_benchmark(
        BenchmarkConfig(target_response_time_ms=target_response_time_ms, total_requests=total_requests, **bounds)
    )


async def run_stress_test(
    max_concurrent_users: int = 50, duration_seconds: float = 300, **config: Any
) -> BenchmarkResult:
    """More and more users who ask what nobody asked before."""
    bounds = {"benchmark_name": "stress", "load_pattern": LoadPattern.RAMP_UP, "total_requests": 10_000_000, **config}
    return await run_comprehensive_benchmark(
        BenchmarkConfig(
            benchmark_type=BenchmarkType.STRESS,
            concurrent_users=max_concurrent_users,
            duration_seconds=duration_seconds,
            **bounds,
        )
    )


async def run_comprehensive_benchmark(config: BenchmarkConfig | None = None) -> BenchmarkResult:
    """A benchmark as it is configured."""
    config = config or BenchmarkConfig()
    async with _system(config) as system:

        async def ask(question: str) -> tuple[bool, bool]:
            _, facts = await system.classify_query_optimized(question)
            return not facts["fallback"], bool(facts["cache_hit"])

        async with _watched(system, enabled=config.enable_real_time_monitoring):
            told = await run(ask, _questions(config), config.load(), seed=config.seed)
        stats, advice = system.get_comprehensive_performance_stats(), system.get_optimization_recommendations()
    result = BenchmarkResult(config, _metrics(told), stats, advice)
    paths = await asyncio.to_thread(_write, result, told)
    return BenchmarkResult(config, result.metrics, stats, advice, paths)


@asynccontextmanager
async def _system(config: BenchmarkConfig) -> AsyncIterator[HighPerformanceClassificationSystem]:
    """A system whose caches are its own, so that nothing is known from before."""
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="cmo-benchmark-")
    bounds = HighPerformanceConfig(target_response_time_ms=config.target_response_time_ms, l3_cache_enabled=False)
    try:
        async with HighPerformanceClassificationSystem(bounds, settings=read_settings(working_dir=folder)) as system:
            yield system
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@asynccontextmanager
async def _watched(system: HighPerformanceClassificationSystem, *, enabled: bool) -> AsyncIterator[None]:
    async def watch() -> None:
        while True:
            await asyncio.sleep(1)
            facts = system.get_comprehensive_performance_stats()
            times = facts["response_times"]
            log.info("%d questions, p95 %.1f ms", facts["requests"]["total"], times["p95_ms"])

    if not enabled:
        yield
        return
    task = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _questions(config: BenchmarkConfig) -> Iterator[str]:
    return asked(0.0 if config.benchmark_type is BenchmarkType.STRESS else _REPEATS, config.seed)


def _metrics(told: Measured) -> BenchmarkMetrics:
    failed = round(told.count * (1 - told.success))
    return BenchmarkMetrics(
        told.count,
        told.count - failed,
        failed,
        round(told.success, 6),
        round(told.mean * _MILLI, 4),
        round(told.p50 * _MILLI, 4),
        round(told.p95 * _MILLI, 4),
        round(told.p99 * _MILLI, 4),
        round(told.longest * _MILLI, 4),
        round(told.within, 6),
        round(told.rate, 3),
        round(told.hits, 6),
        told.peak_users,
        told.grade,
    )


def _write(result: BenchmarkResult, told: Measured) -> dict[str, str]:
    config = result.config
    folder, name = Path(config.output_directory), _file_name(config.benchmark_name)
    paths: dict[str, str] = {}
    if not (config.export_results or config.generate_plots):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    if config.export_results:
        facts = {**asdict(result), "samples_ms": [round(a.seconds * _MILLI, 4) for a in told.answers[:_SAMPLES]]}
        (folder / f"{name}.json").write_text(json.dumps(facts, indent=2, default=str), "utf-8")
        paths["json"] = str(folder / f"{name}.json")
    if config.generate_plots:
        title = f"{config.benchmark_name}: milliseconds of each question, {result.metrics.performance_grade.value}"
        (folder / f"{name}.svg").write_text(
            chart(title, told.answers, config.target_response_time_ms / _MILLI), "utf-8"
        )
        paths["plot"] = str(folder / f"{name}.svg")
    return paths


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:80] or "benchmark"


__all__ = [
    "BenchmarkConfig",
    "BenchmarkMetrics",
    "BenchmarkResult",
    "BenchmarkType",
    "LoadPattern",
    "PerformanceGrade",
    "run_comprehensive_benchmark",
    "run_quick_performance_test",
    "run_stress_test",
]
