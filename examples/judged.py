"""`QualityManager`: answers judged by what they cite, shown with their worth, and two ways of answering compared.

Runs without a key on the library's notes: `python examples/judged.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightrag_integration import (
    ClinicalMetabolomicsRAG,
    EnhancedResponseProcessor,
    LightRAGConfig,
    QualityManager,
    ResponseValidator,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTIONS = (
    "What is clinical metabolomics?",
    "How are biomarkers used in metabolic disease diagnosis?",
    "What are the latest advances in metabolomics research?",
    "Explain the role of mass spectrometry in metabolomics",
)
"""With which the integration document validates a migration."""


class JudgedAnswers:
    """Answers with what they are worth."""

    def __init__(self, config: LightRAGConfig | None = None) -> None:
        config = config or LightRAGConfig()
        self.config = config if config.papers_dir else LightRAGConfig(papers_dir=NOTES)
        self.rag = ClinicalMetabolomicsRAG(self.config)
        self.quality = QualityManager(self.config)
        self.processor = EnhancedResponseProcessor(self.config)

    async def enhanced_query_processing(self, query: str) -> str:
        """An answer as a chat shows it: its sources, and its quality as a sign."""
        response = await self.rag.query(query, mode="hybrid")
        found = await self.quality.assess_response_quality(query, response, response.evidence)
        shown = await self.processor.process(
            response=response, query=query, quality_score=found.composite_score, include_translation=True
        )
        return shown.formatted_content

    async def run_migration_validation(self) -> str:
        """Whether the hybrid search may take the place of vectors alone, and what speaks against it."""
        validator = ResponseValidator(QUESTIONS, self.config)
        results = [
            await validator.compare_responses(
                query=query,
                response_a=await self.rag.query(query, mode="naive"),
                response_b=await self.rag.query(query, mode="hybrid"),
            )
            for query in validator.test_queries
        ]
        report = validator.generate_migration_report(results)
        verdict = "recommended" if report.migration_recommended else f"not recommended ({report.advice})"
        return f"{report.questions} questions: migration {verdict}. {' '.join(report.issues)}"


async def main() -> None:
    """Show one answer, and compare two engines."""
    judged = JudgedAnswers()
    await judged.rag.initialize_knowledge_base()
    print(await judged.enhanced_query_processing("Which metabolites are raised in phenylketonuria?"))
    print(await judged.run_migration_validation())
    print(f"composite of .9, .8 and .7: {judged.quality.calculate_composite_score(0.9, 0.8, 0.7):.2f}")
    await judged.processor.close()
    await judged.rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
