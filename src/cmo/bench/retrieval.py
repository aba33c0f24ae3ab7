"""`cmo eval retrieval`: how well passages are found, on any BEIR-format folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.app import App
from cmo.bench.beir import DOI_PREFIX, Beir
from cmo.bench.metrics import Estimate, estimate, ndcg, recall, reciprocal_rank
from cmo.errors import SnapshotCorrupt
from cmo.kit.hashing import hex_hash, short_hash
from cmo.model.questions import Mode, Question
from cmo.settings import Settings

_DEPTH = 100
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What one evaluation found."""

    ndcg10: Estimate
    recall100: Estimate
    mrr: Estimate
    p50_ms: float
    p99_ms: float
    queries: int
    documents: int
    mode: Mode
    split: str

    def as_json(self) -> dict[str, Any]:
        """The shape that every `cmo eval` prints."""
        return {
            "ndcg@10": asdict(self.ndcg10),
            "recall@100": asdict(self.recall100),
            "mrr": asdict(self.mrr),
            "latency_ms": {"p50": self.p50_ms, "p99": self.p99_ms},
            "queries": self.queries,
            "documents": self.documents,
            "mode": self.mode.value,
            "split": self.split,
        }


def index_corpus(settings: Settings, data: Beir, cache: Path, progress: Progress) -> App:
    """A knowledge base of the corpus, made once and kept; the caller closes it."""
    probe = App(settings)
    made = hex_hash(
        data.fingerprint(), str(probe.encoder.identity), f"{settings.chunk_size}/{settings.chunk_overlap}", size=6
    )
    house = App(settings.model_copy(update={"working_dir": cache / made, "database_url": ""}))
    house.__dict__["encoder"] = probe.encoder
    if not _published(house):
        with house.pipeline(1) as pipeline:
            for done, _ in enumerate(pipeline.record_parsed(data.documents()), 1):
                progress("indexing", done, 0)
        house.curator.rebuild()
    return house


def _published(house: App) -> bool:
    try:
        return house.shelf.current() is not None
    except SnapshotCorrupt:  # of an older format, say: what is recorded is not encoded again
        return False


def evaluate(house: App, data: Beir, mode: Mode, progress: Progress) -> Scores:
    """Rank the corpus for each query and compare with the judgements."""
    names = {short_hash(p.ref.paper_id): p.ref.metadata.doi.removeprefix(DOI_PREFIX) for p in house.record.papers()}
    parts: list[tuple[float, float, float]] = []
    seconds: list[float] = []
    for done, (query_id, text) in enumerate(data.queries.items(), 1):
        question = Question(text, mode)
        began = time.perf_counter()
        house.retriever.retrieve(question, 10)
        seconds.append(time.perf_counter() - began)
        ranked, relevance = _ranked(house, question, names), data.relevance[query_id]
        parts.append(
            (ndcg(ranked, relevance, 10), recall(ranked, relevance, _DEPTH), reciprocal_rank(ranked, relevance))
        )
        progress("asking", done, len(data.queries))
    columns = np.array(parts).T if parts else np.empty((3, 0))
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000 if seconds else (0.0, 0.0)
    ndcg10, recall100, mrr = (estimate(column) for column in columns)
    return Scores(
        ndcg10,
        recall100,
        mrr,
        p50_ms=round(float(p50), 3),
        p99_ms=round(float(p99), 3),
        queries=len(parts),
        documents=len(names),
        mode=mode,
        split=data.split,
    )


def _ranked(house: App, question: Question, names: dict[int, str]) -> list[str]:
    """Documents by their best passage."""
    snapshot = house.snapshots.current()
    assert snapshot is not None
    ranking = house.retriever.ranking(snapshot, question)
    return list(dict.fromkeys(names[paper] for paper in snapshot.columns.rows["paper"][ranking.rows].tolist()))[:_DEPTH]
