"""What is wrong, what it costs and where the time goes: looked at, and said with what to do.

`diagnose_initialization_failure`, `diagnose_quality_issues`, `analyze_cost_issues`, `profile_performance`.
Runs without a key on the library's notes: `python examples/diagnosed.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightrag_integration import (
    ClinicalMetabolomicsRAG,
    CostAnalyzer,
    DiagnosticTools,
    LightRAGConfig,
    PerformanceProfiler,
    quality_diagnostics,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
DEAR, FAILING = 0.10, 0.05
"""Dollars of a question, and share of questions that failed, from which the document warns."""


async def diagnose_initialization_failure(config: LightRAGConfig) -> list[str]:
    """Everything that keeps the system from beginning. Without a key no language model is asked, so none is missed."""
    tools = DiagnosticTools(config)
    found = {
        "folders": tools.check_directory_permissions(),
        "knowledge base": await tools.check_knowledge_base_integrity(),
        "memory": tools.check_memory_availability(),
    }
    if config.llm_url or config.llm_api_key.get_secret_value():
        found["language model"] = await tools.check_openai_connectivity()
    return [f"{name}: {diagnosis.error}" for name, diagnosis in found.items() if not diagnosis.success]


async def diagnose_quality_issues() -> list[str]:
    """Why answers disappoint."""
    coverage = await quality_diagnostics.analyze_knowledge_coverage()
    vectors = await quality_diagnostics.check_embedding_quality()
    asked = await quality_diagnostics.analyze_query_patterns()
    found = []
    if coverage.coverage_percentage < quality_diagnostics.LEAST_COVERAGE:
        found.append(f"thin coverage: {coverage.coverage_percentage:.0%} of the field's concepts. Add papers.")
    if vectors.score < quality_diagnostics.LEAST_EMBEDDING:
        found.append(f"the vector search finds {vectors.score:.0%} of what it should. Run `cmo kb rebuild`.")
    if asked.complexity_score > quality_diagnostics.MOST_COMPLEXITY:
        found.append("questions have many parts. Ask in steps: `cmo deep`.")
    return found


async def analyze_cost_issues() -> list[str]:
    """What is too dear."""
    costs = await CostAnalyzer().generate_cost_report()
    found = [f"spent ${costs.total_costs:.2f} in all, ${costs.average_query_cost:.4f} a question"]
    if costs.average_query_cost > DEAR:
        found.append("questions are dear. Try a smaller model, or keep answers for longer.")
    if costs.failed_query_ratio > FAILING:
        found.append(f"{costs.failed_query_ratio:.0%} of the questions that cost money failed.")
    return [*found, *costs.recommendations]


async def profile_performance(config: LightRAGConfig) -> list[str]:
    """Where a question's time goes, and what would help."""
    profiler = PerformanceProfiler(config)
    profile = await profiler.profile_query_pipeline(runs=5)
    times = f"encode {profile.embedding_time * 1000:.1f}, retrieve {profile.retrieval_time * 1000:.1f}"
    return [f"{times}, all {profile.total_time * 1000:.1f} ms", *profiler.get_optimization_suggestions()]


async def main() -> None:
    """Look at everything once."""
    given = LightRAGConfig()
    config = given if given.papers_dir else LightRAGConfig(papers_dir=NOTES)
    rag = ClinicalMetabolomicsRAG(config)
    await rag.initialize_knowledge_base()
    await rag.stop_all_processing()
    print(f"to begin with: {await diagnose_initialization_failure(config) or 'nothing is in the way'}")
    print(f"quality: {await diagnose_quality_issues() or 'nothing is wrong'}")
    print(f"costs: {await analyze_cost_issues()}")
    print(f"times: {await profile_performance(config)}")


if __name__ == "__main__":
    asyncio.run(main())
