"""How often the guard of the semantic cache takes different questions for the same one, on labelled pairs.

A hit is a pair that the guard calls the same; a wrong hit is one whose questions are not. Beside it stand plain cosine
thresholds, as caches use that go by vectors alone.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.bench.exact import Share, share
from cmo.cache.semantic import Asked, Sameness, SemanticGuard
from cmo.errors import NotFound
from cmo.kit.text import clean_line
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder

COSINES = {"cosine >= .80 (GPTCache's default)": 0.80, "cosine >= .90": 0.90, "cosine >= .95": 0.95}
_LONGEST_QUESTION = 4_000
_LABELS = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}
_MOST_BAD_NAMED = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether people say that they are the same."""

    a: str
    b: str
    same: bool
    kind: str = ""
    """In what they differ."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no pair."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair and what the guard said."""

    pair: Pair
    sameness: Sameness
    cosine: float
    seconds: float
    """Of the comparison alone, both questions read and encoded."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one way of telling the same question reaches."""

    hit_rate: Share
    """Hits of all pairs."""
    recall: Share
    """Hits of the pairs that are the same."""
    false_hit_rate: Share
    """Wrong ones of the hits."""


def read(path: Path) -> tuple[list[Pair], list[BadRow]]:
    """Pairs of a JSONL file, and the lines that are none.

    Raises:
        NotFound: there is no such file, or no pair in it.
    """
    if not path.is_file():
        raise NotFound(f'There is no file {path}. Give JSONL: one {{"a", "b", "same"}} a line.')
    pairs: list[Pair] = []
    bad: list[BadRow] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    pairs.append(_pair(line, number))
                except ValueError as error:
                    bad.append(BadRow(number, str(error)))
    if not pairs:
        raise NotFound(f'{path} holds no pair. Give JSONL: one {{"a", "b", "same"}} a line.')
    return pairs, bad


def _pair(line: str, number: int) -> Pair:
    try:
        facts = dict(json.loads(line))
    except (TypeError, ValueError) as error:
        raise ValueError("no JSON object") from error
    for name in ("a", "b"):
        text = facts.get(name)
        if not (isinstance(text, str) and clean_line(text)):
            raise ValueError(f"{name!r} is no text")
        if len(text) > _LONGEST_QUESTION:
            raise ValueError(f"{name!r} is longer than {_LONGEST_QUESTION} characters")
    label = _LABELS.get(str(facts.get("same")).strip().lower())
    if label is None:
        raise ValueError("'same' is neither true nor false")
    return Pair(facts["a"], facts["b"], label, str(facts.get("kind") or ""), number)


def judge(
    guard: SemanticGuard, embedder: Embedder, pairs: Sequence[Pair], progress: Callable[[int], None] = lambda _: None
) -> Iterator[Judged]:
    """What the guard says of each pair."""
    for number, pair in enumerate(pairs, 1):
        a, b, cosine = prepared(guard, embedder, pair)
        begun = time.perf_counter()
        sameness = guard.judge(a, b, cosine)
        yield Judged(pair, sameness, cosine, time.perf_counter() - begun)
        progress(number)


def prepared(guard: SemanticGuard, embedder: Embedder, pair: Pair) -> tuple[Asked, Asked, float]:
    """Both questions, read, and the cosine of their vectors."""
    vectors: list[FloatArray] = [embedder.encode_query(clean_line(text)) for text in (pair.a, pair.b)]
    return guard.read(pair.a), guard.read(pair.b), float(np.dot(*vectors))


def rates(hits: Sequence[bool], same: Sequence[bool]) -> Rates:
    """Rates with their exact 95 % intervals."""
    right = sum(h and s for h, s in zip(hits, same, strict=True))
    found = sum(hits)
    return Rates(share(found, len(hits)), share(right, sum(same)), share(found - right, found))


def report(judged: Sequence[Judged], bad: Sequence[BadRow]) -> dict[str, Any]:
    """Everything as plain values: ``hit_rate``, ``recall`` and ``false_hit_rate`` at the top."""
    same = [j.pair.same for j in judged]
    facts: dict[str, Any] = asdict(rates([bool(j.sameness) for j in judged], same))
    kinds = sorted({j.pair.kind for j in judged})
    spent = np.array([j.seconds for j in judged]) * 1e3
    return {
        **facts,
        "pairs": len(judged),
        "same": sum(same),
        "by_kind": {kind: _of_kind([j for j in judged if j.pair.kind == kind]) for kind in kinds},
        "by_reason": dict(Counter(j.sameness.reasons[0].split(":")[0] for j in judged if j.sameness)),
        "refused_by": dict(
            Counter(j.sameness.reasons[0].split(":")[0] for j in judged if not j.sameness).most_common()
        ),
        "baselines": {n: asdict(rates([j.cosine >= c for j in judged], same)) for n, c in COSINES.items()},
        "compare_ms": {"p50": round(float(np.median(spent)), 3), "p99": round(float(np.quantile(spent, 0.99)), 3)},
        "bad_rows": len(bad),
        "bad": [asdict(row) for row in bad[:_MOST_BAD_NAMED]],
        "wrong_hits": [_told(j) for j in judged if j.sameness and not j.pair.same],
        "missed": [_told(j) for j in judged if j.pair.same and not j.sameness],
    }


def _of_kind(judged: Sequence[Judged]) -> dict[str, int]:
    hits = [j for j in judged if j.sameness]
    return {
        "pairs": len(judged),
        "same": sum(j.pair.same for j in judged),
        "hits": len(hits),
        "wrong": sum(not j.pair.same for j in hits),
    }


def _told(judged: Judged) -> dict[str, Any]:
    pair = judged.pair
    return {
        "line": pair.line,
        "kind": pair.kind,
        "a": pair.a,
        "b": pair.b,
        "cosine": round(judged.cosine, 4),
        "probability": round(judged.sameness.probability, 4),
        "verdict": judged.sameness.value.value,
        "reasons": list(judged.sameness.reasons),
    }
