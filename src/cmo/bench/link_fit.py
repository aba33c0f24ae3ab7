"""Fits what the linker judges by: the tagger on all training texts, its confidence on texts that it has not seen.

A fifth of the texts is held out; a tagger fitted on the rest links them, and a logistic model learns from what was
right. Then the tagger is fitted on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmo.bench import tagging
from cmo.bench.annotated import KINDS, TYPES, Annotated, Gold
from cmo.bench.overlap import unlike
from cmo.errors import BadData
from cmo.vocabulary.candidates import Source
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.confidence import LinkConfidence, features
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.meanings import Linked
from cmo.vocabulary.tagger import Tagger, Weights

Marked = tuple[Annotated, frozenset[str]]
"""A text, and the types that its corpus marks."""
_BLOCK, _PARTS = 10, 5
_RIDGE = 1.0
_ROUNDS = 30
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `fit` makes."""

    tagger: Weights
    confidence: LinkConfidence
    calibration_error: float
    """Expected calibration error on the held-out texts (15 bins of equal mass), cross-validated."""

    def write(self, folder: Path, fitted_on: Sequence[str]) -> None:
        """Write ``tagger.npz`` and ``confidence.json`` as the package ships them."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tagger.npz").write_bytes(self.tagger.to_bytes())
        (folder / "confidence.json").write_text(self.confidence.to_json(fitted_on), "utf-8")


def marked(texts: Sequence[Annotated]) -> list[Marked]:
    """Texts of one corpus with the types that it marks."""
    types = frozenset(t for t in TYPES if any(g.type == t for text in texts for g in text.gold))
    return [(text, types) for text in texts]


def fit(
    corpora: Sequence[Sequence[Annotated]],
    unseen: Sequence[Annotated],
    vocabulary: CompiledVocabulary,
    progress: Callable[[str, int, float], None],
) -> Fitted:
    """Fit both on the texts of several corpora, but on none that is also among the `unseen`, kept for measuring."""
    texts = [pair for corpus in corpora for pair in marked(corpus)]
    new = unlike([text for text, _ in texts], unseen)
    texts = [pair for pair, ok in zip(texts, new, strict=True) if ok]
    held = [n // _BLOCK % _PARTS == _PARTS - 1 for n in range(len(texts))]
    rest = [pair for pair, out in zip(texts, held, strict=True) if not out]
    new = unlike([text for text, _ in rest], [text for (text, _), out in zip(texts, held, strict=True) if out])
    rest = [pair for pair, ok in zip(rest, new, strict=True) if ok]
    if not rest or not any(text.gold for text, _ in rest):
        raise BadData("There is nothing to fit on: too few texts, or all of them are among the unseen ones.")
    first = tagging.fit(tagging.prepare(rest, vocabulary), lambda step, value: progress("held out", step, value))
    linker = DictionaryLinker(vocabulary, Tagger(first))
    trials = [t for pair, out in zip(texts, held, strict=True) if out for t in _trials(linker, pair)]
    whole = tagging.fit(tagging.prepare(texts, vocabulary), lambda step, value: progress("all", step, value))
    return Fitted(whole, _logistic(trials), _calibration_error(trials))


def _trials(linker: DictionaryLinker, pair: Marked) -> Iterator[tuple[dict[str, float], bool]]:
    text, types = pair
    gold = {(g.start, g.end): g for g in text.gold}
    for one in linker.names(text.text):
        found = one.candidate
        silent = found.source is Source.DICTIONARY and not any(a < found.end and found.start < b for a, b in gold)
        if KINDS.get(found.kind) in types and not silent:
            yield features(found, one.best), _right(linker, one, gold.get((found.start, found.end)))


def _right(linker: DictionaryLinker, one: Linked, gold: Gold | None) -> bool:
    """Whether people marked the same span with the same type, and, as far as one can tell, the same concept."""
    if not gold or gold.type != KINDS[one.candidate.kind]:
        return False
    known = {c.id for i in gold.concepts if (c := linker.concept(i))}
    return not known or one.best is None or linker.id_of(one) in known


def _logistic(trials: Sequence[tuple[dict[str, float], bool]]) -> LinkConfidence:
    """Maximum a posteriori by Newton's method."""
    names = sorted({name for found, _ in trials for name in found})
    rows = np.array([[1.0, *(found.get(name, 0.0) for name in names)] for found, _ in trials])
    right = np.array([ok for _, ok in trials], np.float64)
    weights = np.zeros(rows.shape[1])
    prior = np.diag([1e-6, *([_RIDGE] * len(names))])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (p - right) + prior @ weights
        weights -= np.linalg.solve((rows * (p * (1 - p))[:, None]).T @ rows + prior, gradient)
    values = [round(float(w), _DIGITS) for w in weights]
    return LinkConfidence(values[0], dict(zip(names, values[1:], strict=True)))


def _calibration_error(trials: Sequence[tuple[dict[str, float], bool]], bins: int = 15) -> float:
    pairs = []
    for part in range(_PARTS):
        train = [t for n, t in enumerate(trials) if n % _PARTS != part]
        model = _logistic(train)
        pairs += [(model.judged(found), ok) for n, (found, ok) in enumerate(trials) if n % _PARTS == part]
    ordered = np.array(sorted(pairs), np.float64)
    parts = np.array_split(ordered, bins)
    return float(sum(abs(p[:, 0].mean() - p[:, 1].mean()) * len(p) for p in parts if len(p)) / max(1, len(ordered)))
