"""Latency: from a question to its cited answer, beside the time that encoding the question takes.

In each round each question is encoded alone, once as questions are (in 8 bits) and once as passages are (in 32), and
then answered whole, so that all meet the same noise of the machine; the peer's rounds stand between ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import corpora
import numpy as np
import peers
import quality
from rows import Row, least, most

from cmo.app import App
from cmo.oracle import admit

_ROUNDS = 3
_WARM = 20


def measure(*, quick: bool) -> Iterator[Row]:
    """On the abstracts beside the peer, then on the large base."""
    questions = 60 if quick else 200
    corpus = quality.opened("SciFact", questions)
    texts = list(corpus.queries.values())
    work = corpora.CACHE / "peers" / corpus.house.folder.name
    job = peers.prepare(work, corpus.house, corpus.data, corpus.queries)
    rounds, theirs = [], []
    for _ in range(1 if quick else _ROUNDS):
        rounds.append(_asked(corpus.house, texts))
        theirs.append(peers.run("lightrag_naive", job, work)["ms"])
    yield from _rows("5,183 abstracts", rounds, 2.0)
    ours, other = (float(np.median([np.median(r) for r in kind])) for kind in ([r[-1] for r in rounds], theirs))
    quantiles = _quantiles(theirs)
    yield Row("latency", "LightRAG naive, retrieval alone, 5,183 abstracts, p50", other, "ms", more=quantiles)
    yield Row("latency", "LightRAG naive, p50 over CMO's whole answer, 5,183 abstracts", other / ours, "×", least(3))
    corpus.house.close()
    house = corpora.large_base()
    yield from _rows("100,000 passages", [_asked(house, texts) for _ in range(1 if quick else _ROUNDS)], 3.0)
    house.close()


def _asked(house: App, texts: Sequence[str]) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of encoding, of encoding in 32 bits and of answering, a question each."""
    for text in texts[:_WARM]:
        house.oracle.reply(admit(text))
    ways = (
        house.encoder.encode_query,
        lambda text: house.encoder.encode_passages([text], [()]),
        lambda text: house.oracle.reply(admit(text)),
    )
    spent: tuple[list[float], list[float], list[float]] = ([], [], [])
    for text in texts:
        for way, mine in zip(ways, spent, strict=True):
            began = time.perf_counter()
            way(text)
            mine.append((time.perf_counter() - began) * 1000)
    return spent


def _rows(where: str, rounds: Sequence[tuple[list[float], list[float], list[float]]], limit: float) -> Iterator[Row]:
    encode, whole, reply = (_quantiles([r[n] for r in rounds]) for n in range(3))
    ratio, to_whole = (float(np.median([np.median(r[2]) / np.median(r[n]) for r in rounds])) for n in range(2))
    yield Row("latency", f"encoding the question alone, {where}, p50", encode["p50"], "ms", more=encode)
    yield Row("latency", f"encoding it in 32 bits, as passages are, {where}, p50", whole["p50"], "ms", more=whole)
    yield Row("latency", f"question to cited answer, {where}, p50", reply["p50"], "ms", more=reply)
    yield Row("latency", f"question to cited answer, {where}, p95", reply["p95"], "ms")
    yield Row("latency", f"question to cited answer, {where}, p99", reply["p99"], "ms", most(40))
    yield Row("latency", f"answer over encoding alone, {where}, p50", ratio, "×", most(limit))
    yield Row("latency", f"answer over encoding in 32 bits, {where}, p50", to_whole, "×", most(limit))


def _quantiles(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """Medians over the rounds of each quantile, and the fastest question of all."""
    found = {f"p{q}": float(np.median([np.quantile(r, q / 100) for r in rounds])) for q in (10, 50, 95, 99)}
    return {**found, "fastest": min(map(min, rounds))}
