"""`ClinicalMetabolomicsRAG`: the documented class over the house, asynchronous as the documents use it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from cmo import wire
from cmo.app import App
from cmo.errors import NotFound, OracleError, SettingsError
from cmo.ingest.folder import find_papers
from cmo.model.outcomes import Outcome, Status
from cmo.model.questions import Mode
from cmo.oracle import Oracle, Reply, admit
from cmo.settings import Settings, read_settings


class RAGResponse(str):
    """The answer as text, with everything about it as attributes.

    Attributes:
        processing_time: milliseconds, as the documented thresholds compare it.
        processing_time_s: seconds.
        confidence: calibrated probability that the first sentence bears on the question.
        quality_score: the same number, under the name that the documents use.
        answered: False for an honest refusal.
        sources: one line a cited paper.
        citations: numbered papers, as dictionaries.
        evidence: verbatim sentences with page, span and boxes, as dictionaries.
        relations: lines of the table where relations are asked for, as dictionaries.
        enrichment: what the graph added, as a dictionary; None where it took no part.
        snapshot: id of the index state that the answer rests on.
    """

    __slots__ = (
        "answered", "citations", "confidence", "enrichment", "evidence", "processing_time", "processing_time_s",
        "quality_score", "relations", "snapshot", "sources",
    )  # fmt: skip

    answered: bool
    citations: list[dict[str, Any]]
    confidence: float
    enrichment: dict[str, Any] | None
    evidence: list[dict[str, Any]]
    processing_time: float
    processing_time_s: float
    quality_score: float
    relations: list[dict[str, Any]]
    snapshot: str
    sources: list[str]

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """From the core's reply."""
        facts = wire.reply(reply)
        response = cls(facts["answer"])
        for name in (
            "answered",
            "citations",
            "confidence",
            "enrichment",
            "evidence",
            "relations",
            "snapshot",
            "sources",
        ):
            setattr(response, name, facts[name])
        response.quality_score = facts["confidence"]
        response.processing_time = facts["processing_time_ms"]
        response.processing_time_s = facts["processing_time_ms"] / 1000
        return response


class ClinicalMetabolomicsRAG:
    """Questions to one knowledge base.

    Args:
        config: settings; read from the environment when not given.

    Raises:
        SettingsError: the environment holds a value that cannot be used.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self.config = config or read_settings()
        self._house = App(self.config)
        self._opening = threading.Lock()
        self._sources: list[str] = []
        self._stopped = threading.Event()

    async def initialize_knowledge_base(self) -> dict[str, int]:
        """Install the model if need be and ingest `papers_dir`; returns how many files met which fate.

        Safe to call again: what is there already is skipped.

        Raises:
            SettingsError: no `papers_dir` is set.
            NotFound: it does not exist.
        """
        self._refuse_if_stopped()
        return await asyncio.to_thread(self._ingest)

    async def query(self, text: str, mode: str = Mode.HYBRID, connection: object = None) -> RAGResponse:
        """Answer a question from the papers.

        Args:
            text: the question.
            mode: how passages are found, `naive`, `local`, `global`, `hybrid` or `mix`.
            connection: accepted as documented; answers from papers need none.

        Raises:
            BadQuestion: it cannot be asked as it stands.
            BadFilter: the mode is unknown.
        """
        del connection
        self._refuse_if_stopped()
        question = admit(text, mode)
        oracle = await asyncio.to_thread(self._open)
        response = RAGResponse.of(await oracle.ask(question))
        self._sources = response.sources
        return response

    def get_last_sources(self) -> list[str]:
        """One line for each paper that the last answer cites."""
        return list(self._sources)

    async def stop_all_processing(self) -> None:
        """Stop for good: a running ingest ends after the files in hand, further questions are refused."""
        self._stopped.set()
        await asyncio.to_thread(self._house.close)

    def _open(self) -> Oracle:
        with self._opening:  # questions may come at once, and the model is loaded once
            return self._house.oracle

    def _ingest(self) -> dict[str, int]:
        from cmo.embed import provision  # noqa: PLC0415 - loads ONNX Runtime

        folder = self.config.papers_dir
        if folder is None:
            raise SettingsError("Set LIGHTRAG_PAPERS_DIR to the folder that holds the papers.")
        if not self.config.embed_url:
            provision.install(self.config.embed_model, self.config.models_dir.expanduser())
        files = sorted(find_papers([folder]))
        if not files:
            raise NotFound(f"There are no papers in {folder}.")
        with self._house.pipeline(1) as pipeline:
            outcomes: Iterator[Outcome] = self._house.curator.ingest(pipeline, self._until_stopped(files))
            counts = Counter(outcome.status for outcome in outcomes)
        return {status.value: counts[status] for status in Status}

    def _until_stopped(self, files: list[Path]) -> Iterator[Path]:
        for path in files:
            if self._stopped.is_set():
                return
            yield path

    def _refuse_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise OracleError("All processing was stopped. Make a new system to go on.")


class AsyncClinicalRAG(ClinicalMetabolomicsRAG):
    """The same, with the method names of the asynchronous example."""

    async def initialize(self) -> None:
        """Open the knowledge base; ingest `papers_dir` when one is set."""
        if self.config.papers_dir is not None:
            await self.initialize_knowledge_base()
        else:
            await asyncio.to_thread(self._open)


async def create_clinical_rag_system() -> ClinicalMetabolomicsRAG:
    """A system with the settings of the environment, its papers ingested."""
    system = AsyncClinicalRAG()
    await system.initialize()
    return system
