"""`HybridCMOSystem`: papers for those whom the flags send there, another engine for the rest, and each for the other.

Runs without a key on the library's notes: `python examples/two_engines.py`. The other engine is the web where
PERPLEXITY_API_KEY is set, or a coroutine function of yours that answers a question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cmo.errors import OracleError
from lightrag_integration import (
    BudgetManager,
    ClinicalMetabolomicsRAG,
    EnhancedResponse,
    FeatureFlagManager,
    LightRAGConfig,
    QualityAssessmentSuite,
    RolloutConfig,
    perplexity_query,
    test_knowledge_base_integrity,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
ENOUGH = 0.6
"""Quality below which the other engine is asked."""
Answers = Callable[[str], Awaitable[str]]


class HybridCMOSystem:
    """Answers with one of two engines.

    Args:
        perplexity: the other engine; the web where it is set up, else all is answered from papers.
        config: settings; the environment's when not given.
    """

    def __init__(self, perplexity: Answers | None = None, config: LightRAGConfig | None = None) -> None:
        config = config or LightRAGConfig()
        self.config = config if config.papers_dir else LightRAGConfig(papers_dir=NOTES)
        self._perplexity = perplexity or (
            perplexity_query if self.config.perplexity_api_key.get_secret_value() else None
        )
        self.rag = ClinicalMetabolomicsRAG(self.config)
        self.flags = FeatureFlagManager(RolloutConfig(initial_percentage=50.0), self.config)
        self.quality = QualityAssessmentSuite(self.config)
        self.budget = BudgetManager(config=self.config)

    async def initialize(self) -> dict[str, int]:
        """Ingest the papers; safe to call again."""
        return await self.rag.initialize_knowledge_base()

    async def process_query(self, query: str, user_id: str) -> EnhancedResponse:
        """An answer, where it comes from, and what it is worth."""
        context = {"system_health": await self.check_system_health(), "budget_status": await self.check_budget_status()}
        decision = await self.flags.get_routing_decision(user_id=user_id, query=query, context=context)
        try:
            if not decision.use_lightrag and self._perplexity:
                return await self.enhance_response(await self.perplexity_query(query), "perplexity", query)
            return await self.enhance_response(await self.rag.query(query, mode="hybrid"), "lightrag", query)
        except OracleError:
            return await self.fallback_query(query, decision)

    async def perplexity_query(self, query: str) -> str:
        """The other engine's answer."""
        if self._perplexity is None:
            raise OracleError("There is no other engine. Pass one as `perplexity`.")
        return await self._perplexity(query)

    async def enhance_response(self, response: str, source: str, query: str = "") -> EnhancedResponse:
        """An answer with its quality, judged by what it cites."""
        found = await self.quality.assess_response(query, response, sources=getattr(response, "evidence", None))
        if source == "lightrag" and found.composite_score < ENOUGH:
            source = "lightrag_low_quality"
        return EnhancedResponse(str(response), found.composite_score, source, found)

    async def fallback_query(self, query: str, routing_decision: Any) -> EnhancedResponse:
        """The engine that was not asked."""
        if routing_decision.use_lightrag and self._perplexity:
            return await self.enhance_response(await self.perplexity_query(query), "perplexity_fallback", query)
        return await self.enhance_response(await self.rag.query(query, mode="hybrid"), "lightrag", query)

    async def check_system_health(self) -> bool:
        """Whether database, index and recall are sound."""
        try:
            return await asyncio.to_thread(test_knowledge_base_integrity)
        except OracleError:
            return False

    async def check_budget_status(self) -> dict[str, Any]:
        """What is left of the day's and the month's money."""
        return await self.budget.get_status()

    async def close(self) -> None:
        """Give everything back."""
        await self.flags.close()
        await self.budget.close()
        await self.rag.stop_all_processing()


async def main() -> None:
    """Answer a question for two users."""
    system = HybridCMOSystem()
    await system.initialize()
    for user in ("ann", "bob"):
        response = await system.process_query("Which metabolites are raised in phenylketonuria?", user)
        print(f"{user}: {response.source}, quality {response.quality_score:.2f}\n  {response.content}")
    await system.close()


if __name__ == "__main__":
    asyncio.run(main())
