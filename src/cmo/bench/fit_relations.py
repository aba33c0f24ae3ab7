"""Fit the models of `cmo.relate` on texts in which people marked what is related.

The model of pairs is fitted on what the model of meetings says of texts that it was not fitted on; otherwise it would
learn to trust scores that are too good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cmo.bench.related import Related
from cmo.errors import BadData
from cmo.relate.cues import Cues
from cmo.relate.evidence import pair_features
from cmo.relate.judge import Judged, PairJudge
from cmo.relate.layout import Floats, Ints, Layout, Window, lay_out
from cmo.relate.logistic import Logistic, MeetingModel
from cmo.relate.meetings import Spans, meeting_features, spans
from cmo.relate.pairs import Pairs, pairs
from cmo.relate.patterns import Phrases
from cmo.relate.signs import SignJudge, sign_columns, sign_features
from cmo.relate.statements import Teller
from cmo.relate.words import AFTER, BEFORE, BETWEEN, POSITIONS, TWO, WHOLE, Words, couples, phrases

S = TypeVar("S")
M = TypeVar("M")
R = TypeVar("R")
FOLDS = 5
LEAST_TEXTS = 40
"""Of fewer, some fold would have nothing to learn from."""
_RELATION_RIDGE, _SIGN_RIDGE, _WORDS_RIDGE, _PAIRS_RIDGE, _PAIR_SIGN_RIDGE = 30.0, 100.0, 12.0, 30.0, 10.0
_SELDOM = 4
"""Words in fewer documents than this get no weight."""
_LEAST_SIGN, _CERTAIN_SIGN = 0.35, 0.75
"""Signs that are less likely, or less certain to be the right one, are not told; see `SignJudge`."""
_STEPS, _MEMORY = 150, 10


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One text: its pairs, and what people marked of them."""

    layout: Layout
    pairs: Pairs
    related: Floats
    """(pairs,): 1 or 0."""
    sign: Floats
    """(pairs,): 1, -1, or 0 where there is none."""
    at: Spans
    columns: Floats
    """(meetings, columns)"""
    words: list[list[tuple[str, str]]]
    """The position and word of every feature of each meeting."""


Text = tuple[Sample, Judged, Floats]
"""A sample, how its pairs were judged, and the columns of its meetings (meetings, columns)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sparse:
    row: Ints
    column: Ints
    width: int


def sample(window: Window, marked: Mapping[frozenset[str], int], cues: Cues) -> Sample:
    """Lay out a text and look up which of its pairs are marked as related, with what sign."""
    layout = lay_out(window, cues)
    found = pairs(layout)
    at = spans(layout, found)
    ids = layout.concepts
    signs = [marked.get(frozenset((ids[a], ids[b]))) for a, b in zip(found.i.tolist(), found.j.tolist(), strict=True)]
    related = np.array([sign is not None for sign in signs], np.float64)
    sign = np.array([sign or 0 for sign in signs], np.float64)
    return Sample(layout, found, related, sign, at, meeting_features(layout, found, at), list(_words(layout, at)))


def write(teller: Teller, folder: Path, fitted_on: str) -> None:
    """Write ``pairs.json`` and ``signs.json``, as the package ships them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.json").write_text(teller.pairs.to_json(fitted_on), "utf-8")
    (folder / "signs.json").write_text(teller.signs.to_json(fitted_on), "utf-8")


def fitted(texts: Sequence[Related], phrases: Phrases) -> Teller:
    """All models, fitted on marked texts; it takes minutes.

    Pairs are told from half the best F1 that is reached on unseen texts: for calibrated probabilities no other
    threshold does better (Lipton et al., ECML 2014).

    Raises:
        BadData: there are fewer than `LEAST_TEXTS`.
    """
    if len(texts) < LEAST_TEXTS:
        raise BadData(f"There are {len(texts)} texts to fit on; give at least {LEAST_TEXTS}.")
    cues = Cues.shipped()
    samples = [sample(text.window(), text.relations, cues) for text in texts]
    judged = _unseen(samples, lambda some: fit(some, cues, 0.5), lambda model, s: model.judge(s.layout))
    probability = np.concatenate([j.probability for j in judged])
    threshold = round(_best_f1(probability, np.concatenate([s.related for s in samples])) / 2, 2)
    return Teller(cues, fit(samples, cues, threshold), fit_signs(samples, judged, cues), phrases)


def unseen(texts: Sequence[Related], phrases: Phrases) -> Iterator[tuple[Teller, list[Related]]]:
    """Models fitted on four fifths of the texts, and the fifth to measure them on, five times."""
    fold = np.random.default_rng(0).permutation(len(texts)) % FOLDS
    for held in range(FOLDS):
        inside = [text for text, f in zip(texts, fold, strict=True) if f != held]
        yield fitted(inside, phrases), [text for text, f in zip(texts, fold, strict=True) if f == held]


def fit(samples: Sequence[Sample], cues: Cues, threshold: float) -> PairJudge:
    """Both models of whether a pair is related."""
    meetings = _fit_relation(samples)
    scores = _unseen(samples, _fit_relation, lambda model, s: model.log_odds(s.layout, s.at, s.columns))
    x = [pair_features(s.layout, s.pairs, z) for s, z in zip(samples, scores, strict=True)]
    second = logistic(np.concatenate(x), np.concatenate([s.related for s in samples]), _PAIRS_RIDGE)
    return PairJudge(cues, meetings, second, threshold)


def fit_signs(samples: Sequence[Sample], judged: Sequence[Judged], cues: Cues) -> SignJudge:
    """The four models of signs; `judged` comes from models that have not seen the text."""
    texts = [(s, j, sign_columns(j, cues)) for s, j in zip(samples, judged, strict=True)]
    signed, positive = _fit_signed(texts), _fit_positive(texts)

    def odds(model: MeetingModel, text: Text) -> Floats:
        return model.log_odds(text[0].layout, text[0].at, text[2])

    features = [
        sign_features(j, a, b)
        for j, a, b in zip(judged, _unseen(texts, _fit_signed, odds), _unseen(texts, _fit_positive, odds), strict=True)
    ]
    x, sign = np.concatenate(features), np.concatenate([s.sign for s in samples])
    related = np.concatenate([s.related for s in samples]) > 0
    return SignJudge(
        cues=cues,
        meeting_signed=signed,
        meeting_positive=positive,
        pair_signed=logistic(x[related], np.abs(sign[related]), _PAIR_SIGN_RIDGE),
        pair_positive=logistic(x[sign != 0], (sign[sign != 0] + 1) / 2, _PAIR_SIGN_RIDGE),
        threshold=_LEAST_SIGN,
        certainty=_CERTAIN_SIGN,
    )


def logistic(x: Floats, y: Floats, ridge: float) -> Logistic:
    """Ridge logistic regression on standardised columns; the weights are those of the columns as they came."""
    return _logistic(x, y, ridge, _Sparse(np.zeros(0, np.int64), np.zeros(0, np.int64), 0), 0.0)[0]


def _best_f1(probability: Floats, true: Floats) -> float:
    right = np.cumsum(true[np.argsort(-probability, kind="stable")])
    return float((2 * right / (np.arange(1, len(true) + 1) + true.sum())).max())


def _unseen(texts: Sequence[S], fitted: Callable[[Sequence[S]], M], judge: Callable[[M, S], R]) -> list[R]:
    """What models say of the texts that they were not fitted on."""
    fold = np.random.default_rng(1).permutation(len(texts)) % FOLDS
    found: dict[int, R] = {}
    for held in range(FOLDS):
        model = fitted([text for text, f in zip(texts, fold, strict=True) if f != held])
        found |= {n: judge(model, text) for n, (text, f) in enumerate(zip(texts, fold, strict=True)) if f == held}
    return [found[n] for n in range(len(texts))]


def _fit_relation(samples: Sequence[Sample]) -> MeetingModel:
    """A meeting counts as right when people marked its pair, though they may have meant another sentence."""
    return _fit_meetings(
        ((s, s.columns, s.related[s.pairs.pair], np.ones(len(s.pairs.pair), np.bool_)) for s in samples),
        _RELATION_RIDGE,
    )


def _fit_signed(texts: Sequence[Text]) -> MeetingModel:
    return _fit_meetings(
        ((s, x, np.abs(s.sign[s.pairs.pair]), s.related[s.pairs.pair] > 0) for s, _, x in texts), _SIGN_RIDGE
    )


def _fit_positive(texts: Sequence[Text]) -> MeetingModel:
    return _fit_meetings(
        ((s, x, (s.sign[s.pairs.pair] + 1) / 2, s.sign[s.pairs.pair] != 0) for s, _, x in texts), _SIGN_RIDGE
    )


def _fit_meetings(texts: Iterable[tuple[Sample, Floats, Floats, NDArray[np.bool_]]], ridge: float) -> MeetingModel:
    """From columns (meetings, columns), truths (meetings,) and which meetings to learn from (meetings,)."""
    rows, xs, ys = list[list[tuple[str, str]]](), [], []
    seen: Counter[tuple[str, str]] = Counter()
    for s, x, y, kept in texts:
        mine = [row for row, keep in zip(s.words, kept.tolist(), strict=True) if keep]
        seen.update({word for row in mine for word in row})
        rows += mine
        xs.append(x[kept])
        ys.append(y[kept])
    vocabulary = {word: n for n, word in enumerate(sorted(w for w, count in seen.items() if count >= _SELDOM))}
    hits = [(n, vocabulary[word]) for n, row in enumerate(rows) for word in row if word in vocabulary]
    row, column = np.array(hits, np.int64).reshape(-1, 2).T
    sparse = _Sparse(row, column, len(vocabulary))
    model, weights = _logistic(np.concatenate(xs), np.concatenate(ys), ridge, sparse, _WORDS_RIDGE)
    by_position: dict[str, dict[str, float]] = {position: {} for position in POSITIONS}
    for (position, word), n in vocabulary.items():
        if weight := round(float(weights[n]), 3):
            by_position[position][word] = weight
    return MeetingModel(model, Words(by_position))


def _words(layout: Layout, at: Spans) -> Iterator[list[tuple[str, str]]]:
    terms, two, whole = layout.terms, couples(layout.terms), phrases(layout.terms, at)
    ranges = zip(at.before, at.left, at.between, at.right, at.after, at.stop, whole, strict=True)
    for before, left, between, right, after, stop, phrase in ranges:
        yield [
            *((BEFORE, term) for term in terms[before:left]),
            *((BETWEEN, term) for term in terms[between:right]),
            *((TWO, couple) for couple in two[between : max(between, right - 1)]),
            *((AFTER, term) for term in terms[after:stop]),
            *([(WHOLE, phrase)] if phrase else []),
        ]


def _logistic(x: Floats, y: Floats, ridge: float, words: _Sparse, words_ridge: float) -> tuple[Logistic, Floats]:
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation < 1e-6] = 1.0  # noqa: PLR2004 - a column that never changes
    z = (x - mean) / deviation
    rows, columns = z.shape

    def loss(w: Floats) -> tuple[float, Floats]:
        odds = z @ w[:columns] + w[columns]
        if words.width:
            odds += np.bincount(words.row, w[columns + 1 :][words.column], minlength=rows)
        off = 1 / (1 + np.exp(-odds)) - y
        shrunk = np.concatenate([ridge * w[:columns], [0.0], words_ridge * w[columns + 1 :]])
        pull = np.bincount(words.column, off[words.row], minlength=words.width) if words.width else np.zeros(0)
        gradient = np.concatenate([z.T @ off, [off.sum()], pull]) + shrunk
        return float((np.logaddexp(0, odds) - y * odds).sum() + shrunk @ w / 2), gradient

    w = _minimum(loss, np.zeros(columns + 1 + words.width))
    weights = w[:columns] / deviation
    return Logistic(float(w[columns] - mean @ weights), weights), w[columns + 1 :]


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], w: Floats) -> Floats:
    """L-BFGS (Nocedal & Wright, algorithm 7.5) with backtracking."""
    steps: list[Floats] = []
    bends: list[Floats] = []
    value, gradient = loss(w)
    for _ in range(_STEPS):
        direction = -_newton(gradient, steps, bends)
        slope, length = float(gradient @ direction), 1.0
        new, bent = loss(w + direction)
        while new > value + 1e-4 * length * slope and length > 1e-6:  # noqa: PLR2004 - Armijo's rule
            length /= 2
            new, bent = loss(w + length * direction)
        step, bend = length * direction, bent - gradient
        if step @ bend > 1e-10:  # noqa: PLR2004 - curvature must be positive
            steps, bends = [*steps[1 - _MEMORY :], step], [*bends[1 - _MEMORY :], bend]
        w, done = w + step, abs(value - new) < 1e-8 * abs(value)
        value, gradient = new, bent
        if done:
            break
    return w


def _newton(gradient: Floats, steps: Sequence[Floats], bends: Sequence[Floats]) -> Floats:
    if not steps:
        return gradient / max(1.0, float(np.linalg.norm(gradient)))
    q, kept = gradient.copy(), []
    for s, y in zip(reversed(steps), reversed(bends), strict=True):
        a = (s @ q) / (y @ s)
        kept.append(a)
        q -= a * y
    q *= (steps[-1] @ bends[-1]) / (bends[-1] @ bends[-1])
    for s, y, a in zip(steps, bends, reversed(kept), strict=True):
        q += (a - (y @ q) / (y @ s)) * s
    return q
