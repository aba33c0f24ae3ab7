"""`run_ab_test`: half of the users get one engine, half the other, and the difference is told with its interval.

Runs without a key on the library's notes: `python examples/compared.py`.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from lightrag_integration import ABTestManager, ClinicalMetabolomicsRAG, LightRAGConfig, RAGResponse

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTIONS = ("Which metabolites are raised in phenylketonuria?", "Which enzyme makes TMAO from trimethylamine?")
USERS = 40


async def run_ab_test(rag: ClinicalMetabolomicsRAG, test: ABTestManager, query: str, user_id: str) -> RAGResponse:
    """An answer by the engine of the user's group; what came of it is told."""
    treatment = test.get_user_assignment(user_id).group == "treatment"
    began = time.perf_counter()
    response = await rag.query(query, mode="hybrid" if treatment else "naive")
    metrics = {"response_time": 1_000 * (time.perf_counter() - began), "quality_score": response.quality_score}
    source = "lightrag" if treatment else "perplexity"
    await test.track_metrics(user_id=user_id, query=query, response=response, source=source, metrics=metrics)
    return response


async def main() -> None:
    """Far too few users to tell anything, which is what the report says."""
    given = LightRAGConfig()
    rag = ClinicalMetabolomicsRAG(given if given.papers_dir else LightRAGConfig(papers_dir=NOTES))
    await rag.initialize_knowledge_base()
    with tempfile.TemporaryDirectory() as folder:  # a real test keeps its users in the base
        test = ABTestManager("hybrid-or-naive", config=LightRAGConfig(working_dir=Path(folder)))
        for number in range(USERS):
            await run_ab_test(rag, test, QUESTIONS[number % len(QUESTIONS)], f"user-{number}")
        results = await test.get_results()
        print(f"{results.control_users + results.treatment_users} users, significant: {results.is_significant}")
        print(results.summary)
        (Path(folder) / "report.html").write_text(await test.generate_report())  # a page to open
        await test.close()
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
