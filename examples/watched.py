"""A program that watches its own questions, and says how it is.

`monitored_query_processing`, `lightrag_health_check`. Runs without a key on the library's notes: `python examples/watched.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightrag_integration import ClinicalMetabolomicsRAG, HealthChecker, LightRAGConfig, ProductionMonitor, RAGResponse

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTIONS = ("Which metabolites are raised in phenylketonuria?", "Which enzyme makes TMAO from trimethylamine?")
ASKED = 12
"""Calls below ten are no figure."""


class Watched:
    """Answers, and measures how long that takes, how often it fails and what the answers are worth."""

    def __init__(self, rag: ClinicalMetabolomicsRAG, config: LightRAGConfig) -> None:
        self.rag = rag
        self.config = config
        self.monitor = ProductionMonitor(config=config)
        self.monitor.add_alert(metric="error_rate", threshold=0.05, duration_minutes=10, severity="critical")
        self.monitor.add_alert(
            metric="quality_score", threshold=0.3, duration_minutes=15, severity="warning", operator="less_than"
        )
        watched = self.rag.query
        for metric in ("response_time", "error_rate", "quality_score"):
            watched = self.monitor.track_metric(metric)(watched)
        self._query = watched

    async def monitored_query_processing(self, query: str) -> RAGResponse:
        """An answer, measured."""
        return await self._query(query, mode="hybrid")

    async def lightrag_health_check(self) -> dict[str, object]:
        """For a balancer: whether to send questions here, and what is wrong."""
        found = await HealthChecker(self.config).check_lightrag_health()
        wrong = {name: found.details[name] for name, said in found.component_status.items() if said != "healthy"}
        return {"status": found.status, "healthy": found.is_healthy, "wrong": wrong}


async def main() -> None:
    """Ask a few times and look; a service looks every thirty seconds, by `monitor.monitor_loop()`."""
    given = LightRAGConfig()
    config = given if given.papers_dir else LightRAGConfig(papers_dir=NOTES)
    rag = ClinicalMetabolomicsRAG(config)
    await rag.initialize_knowledge_base()
    program = Watched(rag, config)
    for number in range(ASKED):
        await program.monitored_query_processing(QUESTIONS[number % len(QUESTIONS)])
    figures = await program.monitor.check()
    print({name: round(figures[name], 2) for name in ("response_time", "error_rate", "quality_score")})
    print(f"alerts: {program.monitor.alerts}")
    print(await program.lightrag_health_check())
    await program.monitor.close()
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
