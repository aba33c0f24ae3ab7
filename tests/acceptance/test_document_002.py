"""The examples of the classification document, as it prints them; where they cannot run, what they mean."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.app import App
from cmo.model.routes import Category
from cmo.testing import HashingEmbedder
from lightrag_integration.enhanced_llm_classifier import create_enhanced_llm_classifier
from lightrag_integration.high_performance_classification_system import (
    HighPerformanceClassificationSystem,
    HighPerformanceConfig,
    create_high_performance_system,
    high_performance_classification_context,
)
from lightrag_integration.performance_benchmark_suite import (
    BenchmarkConfig,
    BenchmarkType,
    LoadPattern,
    run_comprehensive_benchmark,
    run_quick_performance_test,
    run_stress_test,
)

CATEGORIES = {category.value for category in Category}
QUERIES = {
    "What is the relationship between glucose and insulin?": "KNOWLEDGE_GRAPH",
    "Latest research on metabolomics 2026": "REAL_TIME",
    "What is metabolomics?": "GENERAL",
}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTRAG_WORKING_DIR", str(tmp_path / "base"))
    embedder = HashingEmbedder()
    monkeypatch.setattr(App, "encoder", embedder)  # no model is loaded: cue words decide


async def test_basic_usage() -> None:
    config = HighPerformanceConfig(
        target_response_time_ms=1500.0, max_response_time_ms=2000.0, target_throughput_rps=100.0, l1_cache_size=10000,
        l1_cache_ttl=300, l2_cache_size_mb=1000, l3_cache_enabled=True, enable_request_batching=True, max_batch_size=10,
        enable_deduplication=True, max_connections=100, connection_timeout=2.0, enable_prompt_caching=True,
        token_optimization_enabled=True, streaming_enabled=True, parallel_llm_calls=3, enable_memory_pooling=True,
        max_worker_threads=32, enable_auto_scaling=True, enable_adaptive_optimization=True, learning_window_size=1000,
        memory_pool_size_mb=500, enable_cache_warming=True, cache_warm_queries=["What is a biomarker?"],
    )  # fmt: skip
    async with high_performance_classification_context(config) as hp_system:
        for query, category in QUERIES.items():
            result, metadata = await hp_system.classify_query_optimized(query)
            assert result.category == category
            assert isinstance(result.category, str)
            assert 0 < result.confidence <= 1
            assert result.reasoning
            assert 0 < metadata["response_time_ms"] < 2000
            assert metadata["target_met"] is True
            assert metadata.get("cache_hit") is False
            assert isinstance(metadata.get("optimizations_applied", []), list)
        result, metadata = await hp_system.classify_query_optimized("What is a biomarker?")
        assert metadata["cache_hit"], "it was warmed"


async def test_the_factory_with_its_arguments_and_without() -> None:
    hp_system = await create_high_performance_system(
        target_response_time_ms=1200, enable_distributed_cache=True, daily_budget=10.0
    )
    result, metadata = await hp_system.classify_query_optimized(query_text="What is PKU?", priority="high")
    assert result.category in CATEGORIES
    assert metadata["priority"] == "high"
    assert hp_system.settings.daily_budget == 10
    await hp_system.cleanup()
    other = await create_high_performance_system()
    assert other.config.target_response_time_ms == 1200
    await other.cleanup()


async def test_a_near_match_of_what_was_warmed_is_found() -> None:
    async with high_performance_classification_context() as hp_system:
        await hp_system.cache.warm_cache(["What is metabolomics?", "What are biomarkers?"])
        assert hp_system.cache.get_cache_stats()["l1_cache"]["size"] >= 2
        result, metadata = await hp_system.classify_query_optimized("What is metabolomics analysis?")
        assert metadata["cache_hit"] is True
        assert "near-match" in metadata["optimizations_applied"]
        assert result.category == "GENERAL"
        _, metadata = await hp_system.classify_query_optimized("What are the latest trials of metabolomics?")
        assert metadata["cache_hit"] is False, "that is another question"
        assert (await hp_system.cache.warm_cache())["ready"] > 0


async def test_statistics_and_recommendations_are_measured_and_fit_for_json() -> None:
    async with high_performance_classification_context() as hp_system:
        assert hp_system.get_optimization_recommendations() == []
        for n in range(120):
            await hp_system.classify_query_optimized(f"Is metabolite {n} raised in disease {n}?")
        stats = hp_system.get_comprehensive_performance_stats()
        json.dumps(stats)
        assert stats["requests"]["total"] == 120
        assert stats["requests"]["success_rate"] == 1
        assert 0 < stats["response_times"]["avg_ms"] <= stats["response_times"]["p95_ms"] * 2
        assert stats.get("compliance")["overall_rate"] == 1
        assert stats["cache"]["l1_cache"]["hit_rate"] == 0
        assert stats["cache"]["l1_cache"]["size"] == 120
        assert stats["cache"]["overall"]["hit_rate"] == 0
        for part in ("cpu", "memory"):
            assert 0 <= stats["resources"][part]["current_usage_percent"] <= 100
        advice = hp_system.get_optimization_recommendations()
        assert {"priority", "category", "issue", "suggestions"} == set(advice[0])
        assert [a for a in advice if a["category"] == "cache" and "0.0 %" in a["issue"]]


async def test_used_without_a_context_and_with_a_classifier() -> None:
    classifier = await create_enhanced_llm_classifier()
    assert not classifier.available
    assert "CMO_LLM_URL" in classifier.note
    hp_system = HighPerformanceClassificationSystem(config=HighPerformanceConfig(), enhanced_classifier=classifier)
    result, _ = await hp_system.classify_query_optimized("What is metabolomics?")
    assert result.category == "GENERAL"
    assert (await classifier.classify_query("What is metabolomics?")).category == "GENERAL"
    await hp_system.cleanup()
    await classifier.cleanup()


@pytest.mark.parametrize("text", ["", "   ", "x" * 100_000, "\x00", None, b"bytes"])
async def test_what_is_no_question_gets_an_answer_that_says_so(text: Any) -> None:
    async with high_performance_classification_context() as hp_system:
        result, metadata = await hp_system.classify_query_optimized(text)
        assert (result.category, result.confidence) == ("GENERAL", 0.0)
        assert metadata["error"] == result.reasoning
        with pytest.raises(ValueError, match="critical, high"):
            await hp_system.classify_query_optimized("What is PKU?", priority="soon")


@pytest.mark.parametrize(
    "wrong",
    [{"max_batch_size": 0}, {"max_response_time_ms": 0}, {"l1_cache_ttl": -1}, {"scale_up_threshold": 0.1}],
)
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)) if "scale" not in str(wrong) else "scale_down"):
        HighPerformanceConfig(**wrong)


async def test_the_hard_limit_holds_even_while_the_model_is_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def slow(_: App) -> HashingEmbedder:
        time.sleep(2.0)
        return HashingEmbedder()

    monkeypatch.setattr(App, "encoder", property(slow))
    hp_system = HighPerformanceClassificationSystem(HighPerformanceConfig(max_response_time_ms=300))
    began = time.monotonic()
    result, metadata = await hp_system.classify_query_optimized("What is metabolomics?")
    assert time.monotonic() - began < 1.8
    assert result.category in CATEGORIES
    assert metadata["fallback"] in {"", "opening"}
    await hp_system.cleanup()


def test_the_flask_example() -> None:
    """`before_first_request` is gone from Flask: the system opens with its first question, once."""
    from flask import Flask, jsonify, request

    app = Flask(__name__)
    hp_system = HighPerformanceClassificationSystem()

    @app.route("/classify", methods=["POST"])
    async def classify_query() -> Any:
        data = request.get_json()
        result, metadata = await hp_system.classify_query_optimized(data["query"])
        return jsonify(
            category=result.category, confidence=result.confidence, reasoning=result.reasoning,
            response_time_ms=metadata["response_time_ms"], cache_hit=metadata.get("cache_hit", False),
        )  # fmt: skip

    @app.route("/stats", methods=["GET"])
    async def get_stats() -> Any:
        return jsonify(hp_system.get_comprehensive_performance_stats())

    client = app.test_client()
    first = client.post("/classify", json={"query": "What is metabolomics?"}).get_json()
    again = client.post("/classify", json={"query": "What is metabolomics?"}).get_json()
    assert (first["category"], first["cache_hit"], again["cache_hit"]) == ("GENERAL", False, True)
    assert set(again) == {"category", "confidence", "reasoning", "response_time_ms", "cache_hit"}
    assert client.get("/stats").get_json()["requests"]["total"] == 2
    asyncio.run(hp_system.cleanup())


async def test_the_fastapi_example() -> None:
    from fastapi import FastAPI

    app = FastAPI()
    hp_system = await create_high_performance_system()

    @app.post("/classify")
    async def classify_query(query: str) -> dict[str, Any]:
        result, metadata = await hp_system.classify_query_optimized(query)
        return {
            "category": result.category, "confidence": result.confidence, "response_time_ms": metadata["response_time_ms"],
            "optimizations": metadata.get("optimizations_applied", []),
        }  # fmt: skip

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.post("/classify", params={"query": "Latest research on metabolomics 2026"})
    assert reply.json()["category"] == "REAL_TIME"
    await hp_system.cleanup()


async def test_the_quick_test_and_the_wave_and_the_stress(tmp_path: Path) -> None:
    results = await run_quick_performance_test(target_response_time_ms=1500, total_requests=40)
    assert results.metrics.performance_grade.value == "A+"
    assert results.metrics.avg_response_time_ms < 1500
    assert results.metrics.success_rate == 1
    assert results.metrics.target_compliance_rate == 1
    config = BenchmarkConfig(
        benchmark_name="production load", benchmark_type=BenchmarkType.LOAD, load_pattern=LoadPattern.WAVE,
        concurrent_users=25, total_requests=120, target_response_time_ms=1500, enable_real_time_monitoring=True,
        export_results=True, generate_plots=True, output_directory=tmp_path / "out",
    )  # fmt: skip
    results = await run_comprehensive_benchmark(config)
    assert results.metrics.total_requests == 120
    assert results.metrics.p99_response_time_ms < 1500
    assert results.metrics.actual_throughput_rps > 50
    assert json.loads(text_of(results.export_paths["json"]))["metrics"]["total_requests"] == 120
    assert text_of(results.export_paths["plot"]).startswith("<svg")
    results = await run_stress_test(max_concurrent_users=20, duration_seconds=0.5)
    assert results.metrics.total_requests > 20
    assert results.metrics.peak_concurrent_users >= 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrent_users": 0},
        {"total_requests": 0},
        {"target_response_time_ms": 0},
        {"benchmark_type": BenchmarkType.ENDURANCE},
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs"):
        BenchmarkConfig(**wrong)


def text_of(path: str) -> str:
    return Path(path).read_text("utf-8")
