"""`cmo eval routing`: a router on labelled questions, beside majority, keywords and learned keywords (TF-IDF).

All systems answer the same questions; gains are paired. What a question was trained on, no test may hold: the report
counts those that are known to the head word for word.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cmo.bench.routing_scores import (
    BINS,
    Bootstrap,
    Guesses,
    brier,
    calibration_error,
    calibration_floor,
    coverage_at,
    per_class,
    per_slice,
    selective,
)
from cmo.model.ports import Embedder, Router
from cmo.model.routes import Conditions, Decider, Destination, Route
from cmo.route.head import Head
from cmo.route.labels import Labels
from cmo.route.learned import LearnedKeywords

COVERAGES = (0.85, 0.9)
ACCURATE = 0.95
CLEAR = 0.9
"""Share of clear questions on which the cascade says what the keywords say."""
REGRESSED = 0.02


@dataclass(frozen=True, slots=True)
class Systems:
    """Who answers."""

    router: Router
    keywords: Router
    learned: LearnedKeywords | None
    """The TF-IDF model fitted on the same labels; None where there is none."""
    commonest: Destination
    """Of the labels that the router was fitted on."""


def evaluate(labels: Labels, systems: Systems, conditions: Conditions) -> dict[str, Any]:
    """Everything that the report tells, as plain values."""
    rows = labels.rows
    questions = [row.query for row in rows]
    routes = systems.router.routes(questions, conditions)
    ours = Guesses.of(rows, routes)
    theirs = Guesses.of(rows, systems.keywords.routes(questions, conditions))
    boot = Bootstrap([row.cluster for row in rows])
    others = {"keywords": theirs, "majority": _majority(ours, systems.commonest)}
    if systems.learned is not None:
        others["tfidf"] = Guesses(rows, *systems.learned.guesses(questions))
    return {
        **_figures(ours, boot),
        "questions": len(rows),
        "clusters": boot.clusters,
        "coverage": _conformal(ours, routes),
        "false_neither": _false_neither(ours, routes),
        "decided_by": dict(Counter(route.decided_by.value for route in routes)),
        "llm_share": round(sum(r.decided_by is Decider.LLM for r in routes) / len(rows), 4),
        "by_slice": per_slice(ours, lambda row: row.slice),
        "by_destination": per_class(ours),
        "by_research": per_slice(ours, lambda row: row.research.value if row.research else "-"),
        "baselines": {name: _figures(guesses, boot) for name, guesses in others.items()},
        "gains": {name: _gains(ours, guesses, boot) for name, guesses in others.items()},
        "compatibility": _compatibility(ours, theirs),
        "bad_lines": [asdict(line) for line in labels.bad],
        "version": systems.router.version,
    }


def mistakes(labels: Labels, routes: Sequence[Route]) -> list[dict[str, Any]]:
    """The questions that went wrong, the surest first."""
    found = [
        {
            "query": row.query,
            "destination": row.destination.value,
            "routed": route.destination.value,
            "probability": route.probability,
            "slice": row.slice,
        }
        for row, route in zip(labels.rows, routes, strict=True)
        if not row.accepts(route.destination)
    ]
    return sorted(found, key=lambda entry: -entry["probability"])


def latency(router: Router, embedder: Embedder, questions: Sequence[str], conditions: Conditions) -> dict[str, float]:
    """Milliseconds of encoding alone and of routing, in turns, so that both meet the same noise of the machine."""
    for text in questions[:10]:
        embedder.encode_query(text)
        router.route(text, conditions)
    encode, route = [], []
    for text in questions:
        began = time.perf_counter()
        embedder.encode_query(text)
        between = time.perf_counter()
        router.route(text, conditions)
        encode.append(between - began)
        route.append(time.perf_counter() - between)
    p50, p99 = np.quantile(route, [0.5, 0.99]) * 1000
    alone = float(np.median(encode)) * 1000
    ratio = float(np.median(route) / np.median(encode))
    return {
        "p50": round(float(p50), 3),
        "p99": round(float(p99), 3),
        "encode_p50": round(alone, 3),
        "ratio": round(ratio, 3),
    }


def _figures(guesses: Guesses, boot: Bootstrap) -> dict[str, Any]:
    right, strictly, (works, told) = guesses.right, guesses.strictly, guesses.works
    stated = guesses.probabilities
    return {
        "accuracy": asdict(boot.share(right)),
        "strict_accuracy": asdict(boot.share(strictly)),
        "macro_f1": asdict(boot.f1([row.destination for row in guesses.labels], guesses.destinations)),
        "category_accuracy": asdict(boot.share(guesses.categories)),
        "research_accuracy": asdict(boot.share(works, told)),
        "ece": round(calibration_error(stated, right), 4),
        "ece_of_perfect": round(calibration_floor(stated), 4),
        "ece_bins": BINS,
        "brier": round(brier(stated, right), 4),
        **{f"selective_accuracy_{round(c * 100)}": round(selective(stated, right, c), 4) for c in COVERAGES},
        f"coverage_at_{round(ACCURATE * 100)}": round(coverage_at(stated, right, ACCURATE), 4),
    }


def _gains(ours: Guesses, theirs: Guesses, boot: Bootstrap) -> dict[str, Any]:
    (our_works, told), (their_works, _) = ours.works, theirs.works
    return {
        "accuracy": asdict(boot.gain(ours.right, theirs.right)),
        "accuracy_relative": asdict(boot.ratio(ours.right, theirs.right)),
        "strict_accuracy": asdict(boot.gain(ours.strictly, theirs.strictly)),
        "research_accuracy": asdict(boot.gain(our_works, their_works, told)),
    }


def _majority(ours: Guesses, commonest: Destination) -> Guesses:
    works = Counter(row.research for row in ours.labels if row.research is not None)
    work = works.most_common(1)[0][0] if works else ours.research[0]
    count = len(ours.labels)
    share = float(np.mean([row.accepts(commonest) for row in ours.labels]))
    return Guesses(ours.labels, (commonest,) * count, (work,) * count, np.full(count, share))


def _conformal(ours: Guesses, routes: Sequence[Route]) -> dict[str, float]:
    holds = [row.destination in route.possible for row, route in zip(ours.labels, routes, strict=True)]
    sizes = [len(route.possible) for route in routes]
    return {
        "holds_right": round(float(np.mean(holds)), 4),
        "mean_size": round(float(np.mean(sizes)), 3),
        "single": round(float(np.mean([size == 1 for size in sizes])), 4),
    }


def _false_neither(ours: Guesses, routes: Sequence[Route]) -> dict[str, Any]:
    """Questions of ours that were sent away: the dearest mistake, since the asker gets nothing."""
    asked = [
        (row, route) for row, route in zip(ours.labels, routes, strict=True) if not row.accepts(Destination.NEITHER)
    ]
    sent = [(row, route) for row, route in asked if route.destination is Destination.NEITHER]
    refused = [row.query for row, route in sent if route.refuses]
    return {
        "asked": len(asked),
        "sent_away": len(sent),
        "share": round(len(sent) / max(1, len(asked)), 4),
        "refused_unread": len(refused),
        "questions": [row.query for row, _ in sent],
        "costs": "Who is sent away gets no answer. Only what is surely unsafe is refused unread; whatever seems out of "
        "scope is still searched, and answered if the papers say enough.",
    }


def _compatibility(ours: Guesses, theirs: Guesses) -> dict[str, Any]:
    """On clear questions that the keywords get right: whether the cascade says the same, and where it errs."""
    clear = theirs.right & np.array([not row.also for row in ours.labels])
    same = np.array([a is b for a, b in zip(ours.destinations, theirs.destinations, strict=True)])
    count, regressed = int(clear.sum()), int((clear & ~ours.right).sum())
    agreement = float(same[clear].mean()) if count else 1.0
    return {
        "clear_questions": count,
        "agreement": round(agreement, 4),
        "agreement_wanted": CLEAR,
        "regressions": regressed,
        "regression_rate": round(regressed / max(1, count), 4),
        "regression_rate_wanted": REGRESSED,
        "regression_rate_at_most": round(_upper(regressed, count), 4),
        "compatible": agreement >= CLEAR and regressed <= REGRESSED * count,
    }


def _upper(hits: int, count: int, level: float = 0.975) -> float:
    """Upper Clopper-Pearson bound of a share, by bisection on the binomial tail."""
    if hits >= count:
        return 1.0
    low, high = hits / count, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _tail(hits, count, middle) > 1 - level:
            low = middle
        else:
            high = middle
    return high


def _tail(hits: int, count: int, chance: float) -> float:
    """P(at most so many hits)."""
    term = total = (1 - chance) ** count
    for k in range(hits):
        term *= (count - k) / (k + 1) * chance / (1 - chance)
        total += term
    return total


def commonest(head: Head) -> Destination:
    """Of the labels that a head was fitted on."""
    return Destination(head.about.get("commonest", Destination.LIGHTRAG))
