"""Fits what an answer as a whole is judged by, on BioASQ's questions with their experts' answers and snippets.

No public set says which answers over given sources are acceptable, so one is made from what experts wrote:

=============  ==========  ===================================================================
kind           acceptable  what it is
=============  ==========  ===================================================================
expert         yes         the experts' answer, with the snippets that they gave for it
quoted         yes         two sentences of those snippets as they stand
other-answer   no          the answer and the snippets of another question: borne out, beside the point
off-source     no          the experts' answer with the snippets of another question
changed        no          the experts' answer with one sentence changed (`cmo.bench.corruptions`)
=============  ==========  ===================================================================
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.assess.answer import Assessor, Reviewed, Said, grounding, quality
from cmo.assess.heads import Head
from cmo.assess.sentences import Split, claims_of
from cmo.assess.words import Rarity, content, stem, terms
from cmo.bench.corruptions import denied, miscounted, misnamed, turned
from cmo.bench.grounding import auroc, reliability
from cmo.bench.logistic import Floats, fit, folds, probability
from cmo.kit.text import clean_line

_MOST_SNIPPETS, _MOST_LINES, _MOST_ANSWER = 6, 10, 4
_RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as experts answered it."""

    question: str
    answer: tuple[str, ...]
    lines: tuple[str, ...]
    """Sentences of the snippets."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer, and whether it may be shown."""

    reviewed: Reviewed
    acceptable: bool
    relevant: bool
    kind: str
    group: str


def bioasq(path: Path, split: Split, *, most: int) -> list[Asked]:
    """Questions that are not answered by yes or no, with answers of a few sentences."""
    found: list[Asked] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            facts = json.loads(line)
            answer = tuple(one.text for one in claims_of(str(facts["ideal_answer"][0]), split))
            snippets = [clean_line(s["text"]) for s in facts["snippets"][:_MOST_SNIPPETS]]
            said = tuple(dict.fromkeys(one.text for text in snippets for one in claims_of(text, split)))[:_MOST_LINES]
            if facts["type"] != "yesno" and 0 < len(answer) <= _MOST_ANSWER and len(said) > 1:
                found.append(Asked(clean_line(facts["body"]), answer, said))
    return found[:most]


def samples(asked: Sequence[Asked], seed: int = 0) -> Iterator[Sample]:
    """Five answers a question."""
    chance = np.random.default_rng(seed)
    near = _nearest(asked)
    for n, one in enumerate(asked):
        other, drawn = asked[near[n]], asked[int(chance.integers(len(asked)))]
        group = str(n)
        changed = _changed(one, other, chance)
        yield _sample(one.question, one.answer, one.lines, "expert", group)
        yield _sample(one.question, one.lines[:2], one.lines, "quoted", group)
        yield _sample(one.question, other.answer, other.lines, "other-answer", group)
        yield _sample(one.question, drawn.answer, drawn.lines, "other-answer", group)
        yield _sample(one.question, one.answer, other.lines, "off-source", group)
        if changed:
            yield _sample(one.question, changed, one.lines, "changed", group)


def fitted(
    given: Sequence[Sample], assessor: Assessor, progress: Callable[[int], object] = lambda _: None
) -> tuple[dict[str, Head], dict[str, Any]]:
    """The two heads, and how they do on questions that they have not seen."""
    bearing = [assessor.bearing(s.reviewed.question, [x.text for x in s.reviewed.sentences]) for s in given]
    groups = [sample.group for sample in given]
    relevant = np.array([sample.relevant for sample in given])
    acceptable = np.array([sample.acceptable for sample in given])
    relevance, told = _head(bearing, relevant, groups)
    parts, composite = [], []
    for n, (sample, said) in enumerate(zip(given, told.tolist(), strict=True)):
        found = assessor.assess(sample.reviewed)
        accuracy, factual = grounding(found.claims)
        parts.append(quality(said, accuracy, found.coverage, found.claims))
        composite.append(0.4 * said + 0.3 * accuracy + 0.3 * factual)
        progress(n + 1)
    head, stated = _head(parts, acceptable, groups)
    report = {
        "samples": len(given),
        "relevance": _report(relevant, told, groups),
        "acceptable": _report(acceptable, stated, groups),
        "by_kind": {
            kind: round(float(stated[[s.kind == kind for s in given]].mean()), 4)
            for kind in sorted({s.kind for s in given})
        },
        "composite_auroc": auroc(acceptable, np.array(composite), groups).value,
    }
    return {"relevance": relevance, "acceptable": head}, report


def _head(rows: Sequence[dict[str, float]], y: Any, groups: Sequence[str]) -> tuple[Head, Floats]:
    """A head fitted on all, and what heads say that were fitted without a row's group."""
    names = list(rows[0])
    x = np.array([[row[name] for name in names] for row in rows])
    ones, stated, fold = np.ones(len(x)), np.zeros(len(x)), folds(groups)
    for n in range(int(fold.max()) + 1):
        bias, weights = fit(x[fold != n], y[fold != n], ones[fold != n], ridge=_RIDGE)
        stated[fold == n] = probability(bias + x[fold == n] @ weights)
    bias, weights = fit(x, y, ones, ridge=_RIDGE)
    return Head(bias, dict(zip(names, weights.tolist(), strict=True))), stated


def _report(right: Any, stated: Floats, groups: Sequence[str]) -> dict[str, float]:
    told = auroc(right, stated, groups)
    return {
        "auroc": told.value,
        "low": told.low,
        "high": told.high,
        "calibration_error": reliability(right, stated)["error"],
    }


def _sample(question: str, answer: Sequence[str], lines: Sequence[str], kind: str, group: str) -> Sample:
    half = (len(lines) + 1) // 2
    sources = {"1": tuple(lines[:half]), "2": tuple(lines[half:])}
    reviewed = Reviewed(question, tuple(Said(text) for text in answer), sources)
    return Sample(reviewed, kind in {"expert", "quoted"}, kind != "other-answer", kind, group)


def _changed(one: Asked, other: Asked, chance: np.random.Generator) -> tuple[str, ...]:
    at = int(chance.integers(len(one.answer)))
    text = one.answer[at]
    ways = [denied(text), turned(text), miscounted(text, chance), misnamed(text, other.answer[0])]
    changed = [way for way in ways if way != text]
    return (*one.answer[:at], changed[int(chance.integers(len(changed)))], *one.answer[at + 1 :]) if changed else ()


def _nearest(asked: Sequence[Asked]) -> list[int]:
    rarity = Rarity.shipped()
    words = [frozenset(stem(word) for word in terms(one.question) if content(word)) for one in asked]
    shared = np.array([[sum(rarity.idf(s) for s in a & b) if a is not b else -1.0 for b in words] for a in words])
    return shared.argmax(axis=1).tolist()  # type: ignore[no-any-return]
