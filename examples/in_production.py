"""`ProductionCMOSystem`: each question within the budget, judged, timed, and answered somehow whatever fails.

Runs without a key on the library's notes: `python examples/in_production.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from cmo.errors import OracleError
from lightrag_integration import (
    AsyncClinicalRAG,
    BudgetManager,
    LightRAGConfig,
    QualityAssessmentSuite,
    send_emergency_notification,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
REMEMBERED = 1_000
TOO_MANY_FAILURES = 0.05


@dataclass(frozen=True)
class Measured:
    """What one question took, and what its answer was worth."""

    seconds: float
    quality: float
    user_id: str
    failed: bool


class ProductionCMOSystem:
    """Answers under a budget and under watch."""

    def __init__(self, config: LightRAGConfig | None = None) -> None:
        config = config or LightRAGConfig()
        self.config = config if config.papers_dir else LightRAGConfig(papers_dir=NOTES)
        self.rag = AsyncClinicalRAG(self.config)
        self.quality = QualityAssessmentSuite(self.config)
        self.budget = BudgetManager(config=self.config)
        self.measured: deque[Measured] = deque(maxlen=REMEMBERED)

    async def initialize(self) -> None:
        """Ingest the papers; safe to call again."""
        await self.rag.initialize()

    async def process_query_with_monitoring(self, query: str, user_id: str) -> dict[str, Any]:
        """`response`, `quality_score`, `processing_time` (seconds) and `source`."""
        permission = await self.budget.can_process_query(user_id)
        if not permission:
            return await self.handle_budget_exceeded(query, user_id, permission.reason)
        began = asyncio.get_running_loop().time()
        try:
            response = await self.rag.query(query, mode="hybrid")
            found = await self.quality.assess_response(query, response, sources=response.evidence)
        except OracleError as error:
            taken = asyncio.get_running_loop().time() - began
            await self.monitor_performance(query_time=taken, quality_score=0.0, user_id=user_id, failed=True)
            return self.fallback_response(str(error))
        taken = asyncio.get_running_loop().time() - began
        await self.budget.track_query(query=query, response=response, user_id=user_id, source="lightrag")
        await self.monitor_performance(query_time=taken, quality_score=found.composite_score, user_id=user_id)
        if not response.answered:  # an honest refusal is an answer, of no quality
            return _reply(response, 0.0, taken, "none")
        return _reply(response, found.composite_score, taken, "lightrag")

    async def handle_budget_exceeded(self, query: str, user_id: str, reason: str) -> dict[str, Any]:
        """Without money, papers are quoted all the same: that costs nothing. People are told once."""
        await send_emergency_notification(f"The budget is spent: {reason}", self.config)
        response = await self.rag.query(query, mode="naive")
        await self.budget.track_query(query=query, response=response, user_id=user_id, source="lightrag")
        return _reply(response, response.quality_score, response.processing_time_s, "lightrag")

    async def monitor_performance(
        self, *, query_time: float, quality_score: float, user_id: str, failed: bool = False
    ) -> dict[str, float]:
        """Remember one question; say how the last ones went, and tell people when too many fail."""
        self.measured.append(Measured(query_time, quality_score, user_id, failed))
        failures = fmean(one.failed for one in self.measured)
        if failed and failures > TOO_MANY_FAILURES:
            await send_emergency_notification(f"{failures:.0%} of the last questions failed.", self.config)
        seconds, quality = (fmean(getattr(one, name) for one in self.measured) for name in ("seconds", "quality"))
        return {"query_time": seconds, "quality_score": quality, "error_rate": failures}

    def fallback_response(self, why: str) -> dict[str, Any]:
        """What is said when nothing can be said."""
        return _reply(f"This cannot be answered now. {why}", 0.0, 0.0, "none")


def _reply(response: str, quality: float, seconds: float, source: str) -> dict[str, Any]:
    return {"response": response, "quality_score": quality, "processing_time": seconds, "source": source}


async def main() -> None:
    """Answer a question, and one that cannot be asked."""
    system = ProductionCMOSystem()
    await system.initialize()
    for query in ("Which metabolites are raised in phenylketonuria?", "?"):
        reply = await system.process_query_with_monitoring(query, "ann")
        print(f"{reply['source']}: quality {reply['quality_score']:.2f}, {reply['processing_time']:.3f} s")
        print(f"  {reply['response']}")
    await system.budget.close()
    await system.rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
