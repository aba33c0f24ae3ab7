"""`ShadowModeIntegration`: users get one engine's answers while another answers the same questions unseen.

Runs without a key on the library's notes: `python examples/in_shadow.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightrag_integration import ClinicalMetabolomicsRAG, LightRAGConfig, RAGResponse, ShadowModeIntegration

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTIONS = ("Which metabolites are raised in phenylketonuria?", "Which enzyme makes TMAO from trimethylamine?")
PATIENCE = 30.0
"""Seconds for which the comparisons are waited for."""


async def main() -> None:
    """Answer by vectors alone, and compare with the hybrid search."""
    given = LightRAGConfig()
    config = given if given.papers_dir else LightRAGConfig(papers_dir=NOTES)
    rag = ClinicalMetabolomicsRAG(config)
    await rag.initialize_knowledge_base()

    async def primary(query: str) -> RAGResponse:
        return await rag.query(query, mode="naive")

    async def candidate(query: str) -> RAGResponse:
        return await rag.query(query, mode="hybrid")

    shadow = ShadowModeIntegration(primary, candidate, config=config)
    before = len(list(shadow.comparisons.entries()))
    for number, query in enumerate(QUESTIONS):
        print(await shadow.shadow_mode_query(query, f"user-{number}"))
    async with asyncio.timeout(PATIENCE):
        while len(list(shadow.comparisons.entries())) < before + len(QUESTIONS):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.05)
    for entry in list(shadow.comparisons.entries())[before:]:
        print(f"compared: {entry.question}")
    pair = await shadow.compare_responses(QUESTIONS[0], await primary(QUESTIONS[0]), await candidate(QUESTIONS[0]))
    print(f"compared by hand: {pair is not None}")
    await shadow.close()
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
