"""Quality: which documents are found, by all systems, over the same vectors of the same texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import corpora
import numpy as np
import peers
from rows import Row

from cmo.app import App
from cmo.bench.beir import DOI_PREFIX, Beir
from cmo.bench.metrics import estimate, ndcg, recall, reciprocal_rank
from cmo.bench.retrieval import index_corpus
from cmo.model.questions import Mode, Question

DEPTH = 100
OURS = "CMO hybrid"
SETS = {"SciFact": "scifact_beir", "BioASQ": "bioasq_snippets", "PubMedQA": "pubmedqa_knownitem"}
_PEERS = {"bm25s, stemmed": "words", "plain MiniLM": "vectors", "LightRAG naive": "lightrag_naive"}
_MEASURES = ("nDCG@10", "R@100", "MRR")
Ranked = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder with judgements, and our base of it."""

    name: str
    data: Beir
    house: App
    queries: dict[str, str]


def opened(name: str, most: int | None) -> Corpus:
    """A corpus by its short name, with at most so many of its questions, evenly taken."""
    data = corpora.beir(SETS[name])
    house = index_corpus(corpora.settings(corpora.CACHE), data, corpora.CACHE / "eval", _shown)
    step = max(1, len(data.queries) // most) if most else 1
    return Corpus(name, data, house, dict(list(data.queries.items())[::step]))


def measure(*, quick: bool, names: Sequence[str] = tuple(SETS)) -> Iterator[Row]:
    """Each system on each corpus, then what parts ours from each other one."""
    for name in names[:1] if quick else names:
        corpus = opened(name, 60 if quick else None)
        try:
            yield from _compared(corpus)
        finally:
            corpus.house.close()


def _compared(corpus: Corpus) -> Iterator[Row]:
    systems = {OURS: _ours(corpus, Mode.HYBRID), "CMO naive": _ours(corpus, Mode.NAIVE)}
    work = corpora.CACHE / "peers" / corpus.house.folder.name
    job = peers.prepare(work, corpus.house, corpus.data, corpus.queries) | {"depth": DEPTH}
    for label, peer in _PEERS.items():
        systems[label] = peers.run(peer, job, work)["ranked"]
    scores = {label: _scores(ranked, corpus) for label, ranked in systems.items()}
    for label, (values, *rest) in scores.items():
        mean = estimate(values)
        more = {m: asdict(estimate(v)) for m, v in zip(_MEASURES[1:], rest, strict=True)}
        others = ", ".join(f"{m} {np.mean(v):.3f}" for m, v in zip(_MEASURES[1:], rest, strict=True))
        yield Row(
            "quality", f"{corpus.name}, nDCG@10: {label}", mean.value, "", None, mean.low, mean.high, others, more
        )
    for label, (values, *_) in scores.items():
        if label != OURS:
            gap = estimate(scores[OURS][0] - values)
            yield Row("quality", f"{corpus.name}, nDCG@10: {OURS} less {label}", gap.value, "", None, gap.low, gap.high)


def _ours(corpus: Corpus, mode: Mode) -> Ranked:
    ranked = {}
    for query, text in corpus.queries.items():
        found = corpus.house.retriever.retrieve(Question(text, mode), DEPTH)
        papers = [paper for p in found.passages for paper in (p.paper, *p.duplicates)]
        ranked[query] = list(dict.fromkeys(p.metadata.doi.removeprefix(DOI_PREFIX) for p in papers))[:DEPTH]
    return ranked


def _scores(ranked: Ranked, corpus: Corpus) -> list[np.ndarray]:
    parts = []
    for query in corpus.queries:
        found, wanted = ranked[query], corpus.data.relevance[query]
        parts.append((ndcg(found, wanted, 10), recall(found, wanted, DEPTH), reciprocal_rank(found, wanted)))
    return list(np.array(parts).T)


def _shown(step: str, done: int, _: int) -> None:
    if done % 500 == 0:
        print(f"\r{step}: {done:,}", end="", flush=True)
