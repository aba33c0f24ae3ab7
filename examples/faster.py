"""A system that is begun once, answers that are kept, and turns at the language model.

`initialize_lightrag`, `cached_query_processing`, `optimized_query`. Runs without a key on the library's notes, in their own
words: `python examples/faster.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightrag_integration import (
    CacheConfig,
    ClinicalMetabolomicsRAG,
    ConnectionPool,
    LightRAGConfig,
    RAGResponse,
    ResponseCache,
)

NOTES = Path(__file__).parents[1] / "library" / "notes"
QUESTION = "Which enzyme makes TMAO from trimethylamine?"


async def initialize_lightrag() -> tuple[ClinicalMetabolomicsRAG, LightRAGConfig]:
    """The system with its papers; safe to repeat."""
    given = LightRAGConfig()
    config = given if given.papers_dir else LightRAGConfig(papers_dir=NOTES)
    rag = ClinicalMetabolomicsRAG(config)
    fates = await rag.initialize_knowledge_base()
    print(f"papers: {fates}")
    return rag, config


async def cached_query_processing(rag: ClinicalMetabolomicsRAG, cache: ResponseCache, query: str) -> RAGResponse:
    """The answer that is kept, as long as the papers are what they were; else a new one, which is then kept."""
    kept = await cache.get(query)
    if isinstance(kept, RAGResponse):
        return kept
    response = await rag.query(query, mode="hybrid")
    await cache.set(query, response)
    return response


async def optimized_query(rag: ClinicalMetabolomicsRAG, config: LightRAGConfig, query: str) -> RAGResponse:
    """With a turn at the language model where one is set, so that a crowd waits here and not there."""
    if not config.llm_url:
        return await rag.query(query)
    pool = ConnectionPool(service="openai", max_connections=50, timeout_seconds=30, retry_attempts=3)
    async with pool.get_connection() as connection:
        return await rag.query(query, connection=connection)


async def main() -> None:
    """Ask the same twice, then once past the cache."""
    rag, config = await initialize_lightrag()
    cache = ResponseCache(CacheConfig(backend="memory", ttl_seconds=600), settings=config)
    first = await cached_query_processing(rag, cache, QUESTION)
    again = await cached_query_processing(rag, cache, QUESTION)
    print(f"{first}\nkept: {again == first}")
    print(f"the same past the cache: {await optimized_query(rag, config, QUESTION) == first}")
    await cache.aclose()
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
