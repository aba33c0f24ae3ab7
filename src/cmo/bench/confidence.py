"""`cmo eval confidence`: is the confidence of an answer the share of such answers that are right?

Each judged query is asked twice: of the whole corpus, where the first sentence is right when its document is judged
relevant, and of the corpus without its relevant documents, where every answer is wrong. That is how often a team's
own base lacks the answer, made measurable. Queries that belong to no corpus at all may be added as a third kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.answer.candidates import candidates
from cmo.answer.confidence import Confidence, features
from cmo.app import App
from cmo.bench.beir import DOI_PREFIX, Beir
from cmo.engines import PASSAGES
from cmo.model.questions import Filters, Question

_BINS = 10
_FOLDS = 5
_RIDGE = 1e-2
Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One question asked of a base that may hold its answer or not."""

    query: str
    features: dict[str, float]
    right: bool


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far stated confidence and truth agree."""

    error: float
    """Expected calibration error over ten bins of equal size."""
    brier: float
    auroc: float
    """Chance that a right answer has more confidence than a wrong one."""
    answered: float
    """Share of answerable questions that are answered."""
    wrongly_answered: float
    """Share of unanswerable questions that are answered all the same."""
    precision: float
    """Share of given answers that are right."""


def trials(house: App, data: Beir, progress: Progress) -> list[Trial]:
    """Ask every judged query of the base with and without its relevant documents."""
    papers = {p.ref.metadata.doi.removeprefix(DOI_PREFIX): p.ref.paper_id for p in house.record.papers()}
    found: list[Trial] = []
    for done, (query, text) in enumerate(data.queries.items(), 1):
        relevant = frozenset(papers[d] for d, grade in data.relevance[query].items() if grade > 0 and d in papers)
        for filters in (Filters(), Filters(without=relevant)):
            trial = _trial(house, Question(text, filters=filters), query, relevant)
            if trial:
                found.append(trial)
        progress("asking", done, len(data.queries))
    return found


def foreign_trials(house: App, questions: Sequence[str]) -> list[Trial]:
    """Questions that no paper answers."""
    asked = (_trial(house, Question(text), text, frozenset()) for text in questions)
    return [trial for trial in asked if trial]


def fit(samples: Sequence[Trial], threshold: float) -> Confidence:
    """Logistic regression by Newton's method, lightly damped."""
    names = list(samples[0].features)
    x = np.array([[1.0, *(t.features[n] for n in names)] for t in samples])
    y = np.array([t.right for t in samples], np.float64)
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + _RIDGE * weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-8:  # noqa: PLR2004
            break
    return Confidence(
        round(float(weights[0]), 4), {n: round(float(w), 4) for n, w in zip(names, weights[1:], strict=True)}, threshold
    )


def reliability(model: Confidence, samples: Sequence[Trial]) -> Reliability:
    """Compare a model's confidence with what was right."""
    p = np.array([model.probability(t.features) for t in samples])
    return _reliability(p, np.array([t.right for t in samples], np.float64), model.threshold)


def cross_validated(samples: Sequence[Trial], threshold: float) -> Reliability:
    """Reliability where each fold is judged by a model fitted on the others; both trials of a query share a fold."""
    queries = sorted({t.query for t in samples})
    fold = {q: n % _FOLDS for n, q in enumerate(np.random.default_rng(0).permutation(np.array(queries)).tolist())}
    p, y = np.empty(len(samples)), np.array([t.right for t in samples], np.float64)
    for held in range(_FOLDS):
        model = fit([t for t in samples if fold[t.query] != held], threshold)
        for n, t in enumerate(samples):
            if fold[t.query] == held:
                p[n] = model.probability(t.features)
    return _reliability(p, y, threshold)


def as_json(value: Reliability, samples: Sequence[Trial]) -> dict[str, Any]:
    """The shape that `cmo eval` prints."""
    return {
        "calibration_error": round(value.error, 4),
        "brier": round(value.brier, 4),
        "auroc": round(value.auroc, 4),
        "answered_when_answerable": round(value.answered, 4),
        "answered_when_not": round(value.wrongly_answered, 4),
        "precision": round(value.precision, 4),
        "base_rate": round(float(np.mean([t.right for t in samples])), 4),
        "trials": len(samples),
    }


def _trial(house: App, question: Question, query: str, relevant: frozenset[str]) -> Trial | None:
    found = house.retriever.retrieve(question, PASSAGES)
    ranked = candidates(found)
    if not ranked:
        return None
    right = ranked[0].passage.paper.paper_id in relevant
    return Trial(query, features(found, ranked[0]), right)


def _reliability(p: Floats, y: Floats, threshold: float) -> Reliability:
    bins = np.array_split(np.argsort(p), _BINS)
    error = sum(len(b) * abs(float(p[b].mean() - y[b].mean())) for b in bins if len(b)) / len(p)
    given = p >= threshold
    return Reliability(
        error=float(error),
        brier=float(np.mean((p - y) ** 2)),
        auroc=_auroc(p, y),
        answered=float(given[y == 1].mean()) if (y == 1).any() else 0.0,
        wrongly_answered=float(given[y == 0].mean()) if (y == 0).any() else 0.0,
        precision=float(y[given].mean()) if given.any() else 0.0,
    )


def _auroc(p: Floats, y: Floats) -> float:
    ranks = np.empty(len(p))
    ranks[np.argsort(p, kind="stable")] = np.arange(1, len(p) + 1)
    positives = float(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return float("nan")
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))
