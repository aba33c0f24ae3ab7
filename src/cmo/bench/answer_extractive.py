"""Figures of answers in the papers' own words: how fast, beside one encoding of the question, and how exact the citations.

::

    question ──> encoded alone, then asked whole, in turns: the ratio is free of the machine's load
             ──> answer ──each quote looked up in the stored text──> verbatim?   (no judge takes part)
                    └────judged, each citation left out once──> precision, recall (ALCE)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cmo.app import App
from cmo.assess import reviewed
from cmo.bench.beir import DOI_PREFIX
from cmo.bench.figures import Row
from cmo.bench.generated import Asked
from cmo.bench.served import judged
from cmo.model.answers import Answer
from cmo.oracle import admit

WARM: Final = 15
_P50_MS, _P99_MS = 15.0, 60.0


@dataclass(frozen=True, slots=True)
class Quoted:
    """What came of one question."""

    asked: Asked
    answer: Answer
    encoding_ms: float
    whole_ms: float
    precision: float | None
    """Of citations; None of a refusal."""
    recall: float | None
    verbatim: tuple[bool, ...]
    """Of each piece of evidence: whether the stored text says it at that place."""


def measure(house: App, asked: Sequence[Asked], progress: Callable[[int], object] = lambda _: None) -> Iterator[Row]:
    """All figures of some questions."""
    texts: dict[tuple[str, int], str] = {}
    for one in asked[:WARM]:
        house.oracle.reply(admit(f"Tell me: {one.text}"))
    timed = []
    for n, one in enumerate(asked, 1):
        timed.append(_timed(house, one))
        progress(n)
    quoted = [_checked(house, one, texts) for one in timed]
    yield from rows(quoted)
    yield from judged(house, [one.text for one in asked])


def rows(quoted: Sequence[Quoted]) -> Iterator[Row]:
    """The figures, with 95 % intervals over questions where they are shares."""
    told = [q for q in quoted if q.answer.refusal is None]
    whole, encoding = np.array([q.whole_ms for q in quoted]), np.array([q.encoding_ms for q in quoted])
    yield Row("questions", len(quoted), "")
    yield Row("refused, the papers say too little", len(quoted) - len(told), "")
    yield Row.mean("cites the article asked about", [float(_finds(q)) for q in told])
    yield Row.at_most("question to cited answer, in process, p50", round(float(np.median(whole)), 2), "ms", _P50_MS)
    yield Row.at_most(
        "question to cited answer, in process, p99", round(float(np.quantile(whole, 0.99)), 2), "ms", _P99_MS
    )
    yield Row("one encoding of the question, p50", round(float(np.median(encoding)), 2), "ms")
    yield Row("answer over encoding, median of the ratios", round(float(np.median(whole / encoding)), 2), "×")
    yield Row.mean("citation precision (ALCE)", [q.precision for q in told if q.precision is not None], least=1.0)
    yield Row.mean("citation recall (ALCE)", [q.recall for q in told if q.recall is not None])
    exact = [float(one) for q in told for one in q.verbatim]
    yield Row.mean(f"quotes that stand in the stored text at the place cited ({len(exact)})", exact, least=1.0)


def _timed(house: App, asked: Asked) -> Quoted:
    question = admit(asked.text)
    began = time.perf_counter()
    house.encoder.encode_query(question.text)
    between = time.perf_counter()
    answer = house.oracle.reply(question).answer
    ended = time.perf_counter()
    return Quoted(asked, answer, (between - began) * 1000, (ended - between) * 1000, None, None, ())


def _checked(house: App, one: Quoted, texts: dict[tuple[str, int], str]) -> Quoted:
    """The same with its citations judged and its quotes looked up."""
    answer = one.answer
    if answer.refusal is not None:
        return one
    worth = house.assessor.assess(reviewed(answer))
    verbatim = []
    for evidence in answer.evidence:
        key = evidence.paper.paper_id, evidence.paper.version
        if key not in texts:
            texts[key] = house.record.text(evidence.paper)
        verbatim.append(texts[key][evidence.start : evidence.end] == evidence.text)
    exact = (*verbatim, *(s.text == " ".join(e.text for e in s.evidence) for s in answer.sentences))
    return Quoted(
        one.asked, answer, one.encoding_ms, one.whole_ms, worth.citation_precision, worth.citation_recall, exact
    )


def _finds(quoted: Quoted) -> bool:
    return any(c.paper.metadata.doi == f"{DOI_PREFIX}{quoted.asked.paper}" for c in quoted.answer.citations)
