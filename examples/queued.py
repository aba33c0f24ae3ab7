"""`AsyncCMOIntegration`: questions in a queue of bounded length, a few at a time, each answer kept for who asks again.

Runs without a key on the library's notes: `python examples/queued.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cmo.errors import OracleError
from lightrag_integration import AsyncClinicalRAG, CacheConfig, LightRAGConfig, ResponseCache

NOTES = Path(__file__).parents[1] / "library" / "notes"
WAITING = 100
AT_ONCE = 2
Waiting = tuple[str, asyncio.Future[Any]]


class AsyncCMOIntegration:
    """Answers from a queue. Enter it, so that its workers end with the block."""

    def __init__(self, config: LightRAGConfig | None = None) -> None:
        config = config or LightRAGConfig()
        self.config = config if config.papers_dir else LightRAGConfig(papers_dir=NOTES)
        self.rag = AsyncClinicalRAG(self.config)
        self.response_cache = ResponseCache(CacheConfig(backend="memory"), settings=self.config)
        self.processing_queue: asyncio.Queue[Waiting] = asyncio.Queue(WAITING)
        self._workers: list[asyncio.Task[None]] = []

    async def initialize(self) -> None:
        """Ingest the papers and let the workers begin."""
        await self.rag.initialize()
        self._workers = [asyncio.create_task(self.process_queue()) for _ in range(AT_ONCE)]

    async def process_query_async(self, query: str) -> Any:
        """An answer: the one that is kept, else one from the queue; waits for room where that is full."""
        if (kept := await self.response_cache.get(query)) is not None:
            return kept
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.processing_queue.put((query, answered))
        return await answered

    async def process_queue(self) -> None:
        """Answer what waits, until cancelled; an error goes to whoever asked, and the next question is taken."""
        while True:
            query, answered = await self.processing_queue.get()
            try:
                response = await self.rag.query(query, mode="hybrid")
                await self.response_cache.set(query, response)
            except OracleError as error:
                if not answered.done():
                    answered.set_exception(error)
            except asyncio.CancelledError:
                answered.cancel()
                raise
            else:
                if not answered.done():  # nobody may be waiting any longer
                    answered.set_result(response)
            finally:
                self.processing_queue.task_done()

    async def close(self) -> None:
        """Answer what is in hand, end the workers, and give everything back."""
        await self.processing_queue.join()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self.response_cache.aclose()
        await self.rag.stop_all_processing()


async def main() -> None:
    """Ask several questions at once, then one of them again, and one that cannot be asked."""
    integration = AsyncCMOIntegration()
    await integration.initialize()
    queries = ["Which metabolites are raised in phenylketonuria?", "Which enzyme makes TMAO from trimethylamine?"]
    for query, response in zip(
        queries, await asyncio.gather(*map(integration.process_query_async, queries)), strict=True
    ):
        print(f"{query}\n  {response}")
    await integration.process_query_async(queries[0])
    print(f"kept: {await integration.response_cache.get(queries[0]) is not None}")
    try:
        await integration.process_query_async("?")
    except OracleError as error:
        print(f"refused: {error}")
    await integration.close()


if __name__ == "__main__":
    asyncio.run(main())
