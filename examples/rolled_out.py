"""A canary, a gradual rollout, and three ways back: by the figures, by a human, and all at once.

`canary_query_processing`, `gradual_rollout_processing`, `monitor_and_rollback`, `emergency_rollback`, `emergency_shutdown`,
`diagnose_feature_flags`. Runs without a key on the library's notes: `python examples/rolled_out.py`.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from cmo.errors import OracleError
from lightrag_integration import (
    AutoRollback,
    CanaryDeployment,
    ClinicalMetabolomicsRAG,
    FeatureFlagDiagnostics,
    FeatureFlagManager,
    GradualRolloutManager,
    LightRAGConfig,
    ManualRollback,
    RAGResponse,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTION = "Which metabolites are raised in phenylketonuria?"
BROKEN = {"error_rate": 0.4, "quality_score": 0.9}


class Releases:
    """Answers with vectors alone, or, for who has the new system, with the hybrid search."""

    def __init__(self, rag: ClinicalMetabolomicsRAG, config: LightRAGConfig) -> None:
        self.rag = rag
        self.config = config  # rollouts live in a folder of their own, so that none that is really under way is touched

    async def canary_query_processing(self, canary: CanaryDeployment, query: str, user_id: str) -> RAGResponse:
        """A few users get the new system, and what came of it is told."""
        if not canary.should_use_canary(user_id):
            return await self.rag.query(query, mode="naive")
        began = time.perf_counter()
        try:
            response = await self.rag.query(query, mode="hybrid")
        except OracleError as error:
            await canary.track_failure(user_id, str(error))
            return await self.rag.query(query, mode="naive")
        milliseconds = 1_000 * (time.perf_counter() - began)
        await canary.track_success(user_id, response_time=milliseconds, quality_score=response.quality_score)
        return response

    async def gradual_rollout_processing(self, rollout: GradualRolloutManager, query: str, user_id: str) -> RAGResponse:
        """The same in stages; a gate that fails takes it back by itself."""
        mode = "hybrid" if rollout.should_use_lightrag(user_id) else "naive"
        response = await self.rag.query(query, mode=mode)
        await rollout.track_metrics(user_id=user_id, quality_score=response.quality_score, error_occurred=False)
        return response

    async def monitor_and_rollback(self, metrics: dict[str, float]) -> list[str]:
        """One look at the figures; a service looks once a minute. Returns why it was taken back, if it was."""
        rollback = AutoRollback([{"metric": "error_rate", "threshold": 0.1, "duration_minutes": 0}], config=self.config)
        if rollback.should_trigger_rollback(metrics):
            await rollback.execute_rollback()
            await rollback.send_notifications("The rollout was taken back", metrics)
        await rollback.close()
        return rollback.reasons

    async def emergency_rollback(self, reason: str) -> str:
        """A human takes it back: kept answers are forgotten, people are told, and the report is written."""
        rollback = ManualRollback(self.config)
        report = str(await rollback.execute(reason))
        await rollback.close()
        return report

    async def emergency_shutdown(self) -> bool:
        """Nobody gets the new system, whatever a rollout says; whether anybody still would."""
        flags = FeatureFlagManager(config=self.config)
        await flags.emergency_disable()
        decision = await flags.get_routing_decision(query=QUESTION, user_id="ann")
        await flags.close()
        return decision.use_lightrag

    def diagnose_feature_flags(self) -> list[str]:
        """What is wrong with the flags."""
        found = FeatureFlagDiagnostics(FeatureFlagManager(config=self.config))
        return [
            *found.validate_feature_flag_config(),
            *found.check_user_assignment_consistency(),
            *found.validate_rollout_percentage(),
        ]


async def main() -> None:
    """Try each once."""
    given = LightRAGConfig()
    rag = ClinicalMetabolomicsRAG(given if given.papers_dir else LightRAGConfig(papers_dir=NOTES))
    await rag.initialize_knowledge_base()
    with tempfile.TemporaryDirectory() as folder:
        config = LightRAGConfig(working_dir=Path(folder))
        releases = Releases(rag, config)
        canary = CanaryDeployment(canary_percentage=50, config=config, name="canary")
        for number in range(4):
            await releases.canary_query_processing(canary, QUESTION, f"user-{number}")
        print(f"canary: {canary.get_status()['phase']} at {canary.get_status()['percent']:g} %")
        print(f"taken back, since {'; '.join(await releases.monitor_and_rollback(BROKEN))}")
        await canary.close()
        rollout = GradualRolloutManager(stages=[50, 100], config=config, name="gradual")
        print(await releases.gradual_rollout_processing(rollout, QUESTION, "ann"))
        print((await releases.emergency_rollback("a wrong dose was quoted")).splitlines()[2])
        print(f"after a rollback: {rollout.get_current_percentage():g} %")
        await rollout.close()
        print(f"after the shutdown anybody gets it: {await releases.emergency_shutdown()}")
        print(f"issues of flags: {releases.diagnose_feature_flags()}")
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
