"""Fits a head on labelled questions. Needs scikit-learn (extra `train`); serving does not.

::

    labels --worn copies--> questions --rules, hashing, embedder--> rows --two logistic regressions--> Head

A worn copy is a question as people type it in haste: letters swapped or lost, no capitals, no question mark. Copies
weigh less than what was written, and go with it wherever it goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.errors import LabelsUnusable, SettingsError
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder
from cmo.model.routes import Destination, Scope
from cmo.route.features import BUCKETS, POOLS, WORD_BUCKETS, Grams, flag_row, flags, grams, pools, spans
from cmo.route.head import NEEDS, WORKS, Head, Need, likeness, marks, meanings, weigh
from cmo.route.labels import Labelled
from cmo.route.rules import Rules

LEAST = 20
"""Questions below which nothing is fitted."""
_FLAT = 1e-3
"""Directions of likeness that vary less than this share of the widest are left out: they are noise."""
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is fitted. The weights are those that did best on questions of topics that were left out (ADR 8)."""

    whole: float = 3.0
    """Weight of the vector of the whole question."""
    pools: float = 2.8
    """Of the other three pools together."""
    likeness: float = 6.3
    """Of the likeness to landmarks."""
    flags: float = 1.0
    words: float = 1.4
    letters: float = 2.8
    landmarks: int = 512
    needs_c: float = 1.0
    """Inverse of the ridge, of the regression for needs."""
    works_c: float = 0.5
    copies: int = 1
    """Worn copies of each question."""
    copy_weight: float = 0.3
    balance: float = 0.3
    """How far rare classes are made up for: 0 not at all, 1 until all weigh the same."""
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Questions as numbers, with what is known of them."""

    labels: tuple[Labelled, ...]
    weights: NDArray[np.float64]
    pools: FloatArray
    """(questions, `POOLS`, dimension)"""
    flags: tuple[dict[str, float], ...]
    grams: tuple[Grams, ...]

    def only(self, places: Sequence[int]) -> Rows:
        """Some of them."""
        return Rows(
            tuple(self.labels[n] for n in places),
            self.weights[list(places)],
            self.pools[list(places)],
            tuple(self.flags[n] for n in places),
            tuple(self.grams[n] for n in places),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What is settled before weights are fitted."""

    flags: tuple[str, ...]
    rarity: FloatArray
    centre: FloatArray
    landmarks: NDArray[np.int8]
    whitening: FloatArray
    """(landmarks, directions): from likenesses to directions of unit variance."""


def need_of(label: Labelled) -> Need:
    """A label as the head tells it."""
    if label.destination is not Destination.NEITHER:
        return Need(label.destination.value)
    return Need.UNSAFE if label.scope is Scope.UNSAFE else Need.OUT


def rows_of(labels: Sequence[Labelled], weights: Sequence[float], rules: Rules, embedder: Embedder, year: int) -> Rows:
    """Labelled questions to rows, encoded together."""
    readings = [rules.read(label.query, year) for label in labels]
    encoded = embedder.encode_passages([r.asked for r in readings], [spans(r) for r in readings])
    return Rows(
        tuple(labels),
        np.asarray(weights, np.float64),
        np.array([pools(one) for one in encoded], np.float32),
        tuple(flags(reading, year) for reading in readings),
        tuple(grams(reading.words) for reading in readings),
    )


def fit(rows: Rows, recipe: Recipe, model: str, about: dict[str, Any] | None = None) -> Head:
    """A head that tells needs and works.

    Raises:
        LabelsUnusable: there are too few questions, or of one kind only.
        SettingsError: scikit-learn is not installed.
    """
    if len(rows.labels) < LEAST:
        raise LabelsUnusable(f"{len(rows.labels)} questions are too few to learn from; give {LEAST} or more.")
    regression = _regression()
    shape = _shape(rows, recipe)
    matrix = _matrix(rows, shape, recipe)
    gold = [need_of(label) for label in rows.labels]
    told = [n for n, label in enumerate(rows.labels) if label.research is not None]
    works = [rows.labels[n].research for n in told]
    needs_w, needs_b = regression(matrix, gold, NEEDS, weights=_balanced(gold, rows.weights, recipe), c=recipe.needs_c)
    works_w, works_b = regression(
        matrix[told], works, WORKS, weights=_balanced(works, rows.weights[told], recipe), c=recipe.works_c
    )
    return _head(
        shape,
        recipe,
        np.concatenate([needs_w, works_w], axis=1),
        bias=np.concatenate([needs_b, works_b]),
        model=model,
        about={"questions": int((rows.weights >= 1.0).sum()), "recipe": asdict(recipe), **(about or {})},
    )


def _shape(rows: Rows, recipe: Recipe) -> Shape:
    own = [n for n, weight in enumerate(rows.weights) if weight >= 1.0] or list(range(len(rows.labels)))
    centre = rows.pools[own, 1:].mean(axis=0)
    chosen = _spread(meanings(rows.pools[own], centre), recipe)
    landmarks = np.round(chosen * 127).astype(np.int8)
    own_likeness = likeness(marks(landmarks), marks(landmarks)).astype(np.float64)
    values, directions = np.linalg.eigh(own_likeness)
    kept = values > _FLAT * values.max() if len(values) else values > 0
    whitening = directions[:, kept] / np.sqrt(values[kept])
    names = tuple(sorted({name for found in rows.flags for name in found}))
    return Shape(names, _rarity(rows.grams), centre, landmarks, whitening.astype(np.float32))


def _spread(rows: FloatArray, recipe: Recipe) -> FloatArray:
    """Questions that stand for all: each in the middle of others like it."""
    if not rows.shape[1]:
        return np.empty((0, 0), np.float32)
    if len(rows) <= recipe.landmarks:
        return rows
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - an extra

    middles = MiniBatchKMeans(recipe.landmarks, random_state=recipe.seed, n_init=1, batch_size=2048).fit(rows)
    nearest = np.unique(
        np.argmin((middles.cluster_centers_**2).sum(axis=1)[:, None] - 2 * middles.cluster_centers_ @ rows.T, axis=1)
    )
    chosen: FloatArray = rows[nearest]
    return chosen


def _matrix(rows: Rows, shape: Shape, recipe: Recipe) -> Any:
    from scipy import sparse  # noqa: PLC0415 - comes with scikit-learn

    flag_rows = np.array([flag_row(found, shape.flags) for found in rows.flags])
    meaning = meanings(rows.pools, shape.centre)
    width = rows.pools.shape[2]
    bumps = likeness(meaning, marks(shape.landmarks)) @ shape.whitening
    dense = np.concatenate(
        [
            meaning[:, :width] * recipe.whole,
            meaning[:, width:] * recipe.pools,
            bumps * recipe.likeness,
            flag_rows * recipe.flags,
        ],
        axis=1,
    )
    starts = np.cumsum([0, *(len(g.buckets) for g in rows.grams)])
    values = np.concatenate([weigh(g, shape.rarity) * _kind(g, recipe) for g in rows.grams])
    buckets = np.concatenate([g.buckets for g in rows.grams])
    words = sparse.csr_matrix((values, buckets, starts), shape=(len(rows.grams), BUCKETS))
    return sparse.hstack([sparse.csr_matrix(dense), words]).tocsr()


def _kind(found: Grams, recipe: Recipe) -> FloatArray:
    return np.where(found.buckets < WORD_BUCKETS, recipe.words, recipe.letters).astype(np.float32)


def _head(
    shape: Shape, recipe: Recipe, weights: FloatArray, *, bias: FloatArray, model: str, about: dict[str, Any]
) -> Head:
    """Weights of scaled and whitened columns as weights of the columns themselves."""
    width, bumps = shape.centre.shape[1], shape.whitening.shape[1]
    edges = np.cumsum([width, (POOLS - 1) * width, bumps, len(shape.flags)])
    whole, others, like, flag_weights, gram_weights = np.split(weights, edges)
    kinds = np.where(np.arange(BUCKETS) < WORD_BUCKETS, recipe.words, recipe.letters)[:, None]
    return Head(
        model=model,
        flags=shape.flags,
        bias=bias.astype(np.float32),
        centre=shape.centre,
        of_meaning=np.concatenate([whole * recipe.whole, others * recipe.pools]).astype(np.float32),
        landmarks=shape.landmarks,
        of_landmarks=(shape.whitening @ like * recipe.likeness).astype(np.float32),
        of_flags=(flag_weights * recipe.flags).astype(np.float32),
        of_grams=(gram_weights * kinds).astype(np.float16),
        rarity=shape.rarity,
        about=about,
    )


def _balanced(gold: Sequence[Any], weights: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    counts: Counter[Any] = Counter()
    for name, weight in zip(gold, weights.tolist(), strict=True):
        counts[name] += weight
    if len(counts) < 2:  # noqa: PLR2004
        raise LabelsUnusable("All questions have the same label; there is nothing to tell apart.")
    mean = sum(counts.values()) / len(counts)
    return np.array([w * (mean / counts[g]) ** recipe.balance for g, w in zip(gold, weights.tolist(), strict=True)])


def _rarity(counted: Sequence[Grams]) -> FloatArray:
    """ln((1 + n) / (1 + documents)) + 1, a bucket each."""
    documents = np.zeros(BUCKETS)
    for found in counted:
        documents[found.buckets] += 1
    return np.asarray(np.log((1 + len(counted)) / (1 + documents)) + 1, np.float32)


def _regression() -> Callable[..., tuple[FloatArray, FloatArray]]:
    """Multinomial logistic regression: weights (features, classes), biases (classes,); what never occurs is unlikely."""
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Training needs scikit-learn. Install it: pip install 'clinical-metabolomics-oracle[train]'."
        ) from error

    def fitted(
        matrix: Any, gold: Sequence[Any], classes: Sequence[Any], *, weights: NDArray[np.float64], c: float
    ) -> tuple[FloatArray, FloatArray]:
        model = LogisticRegression(C=c, max_iter=2000, tol=_TOLERANCE)
        model.fit(matrix, [classes.index(name) for name in gold], sample_weight=weights)
        rows, biases = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # noqa: PLR2004 - then scikit-learn keeps one row
            rows, biases = np.concatenate([-rows, rows]) / 2, np.concatenate([-biases, biases]) / 2
        found = np.zeros((matrix.shape[1], len(classes)), np.float32)
        every = np.full(len(classes), float(biases.min()) - 5.0, np.float32)
        found[:, model.classes_], every[model.classes_] = rows.T, biases
        return found, every

    return fitted


def worn(text: str, dice: np.random.Generator) -> str:
    """A question as somebody types it in haste."""
    if dice.random() < 0.5:  # noqa: PLR2004 - half of all people
        text = text.lower()
    if dice.random() < 0.5:  # noqa: PLR2004
        text = text.rstrip("?？ ")
    letters = list(text)
    for _ in range(int(dice.integers(0, 1 + max(1, len(letters) // 30)))):
        _slip(letters, dice)
    return "".join(letters)


def _slip(letters: list[str], dice: np.random.Generator) -> None:
    """Swap, lose or double one letter inside a word."""
    places = [
        n
        for n in range(1, len(letters) - 2)
        if letters[n].isalpha() and letters[n + 1].isalpha() and letters[n - 1].isalpha()
    ]
    if not places:
        return
    place = places[int(dice.integers(len(places)))]
    match int(dice.integers(3)):
        case 0:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        case 1:
            letters[place] = ""
        case _:
            letters[place] *= 2


def with_copies(labels: Sequence[Labelled], recipe: Recipe) -> tuple[list[Labelled], list[float], list[int]]:
    """Questions and their worn copies, the weight of each, and from which question each comes."""
    from dataclasses import replace  # noqa: PLC0415

    dice = np.random.default_rng(recipe.seed)
    rows, weights, origins = list(labels), [1.0] * len(labels), list(range(len(labels)))
    for n, label in enumerate(labels):
        for _ in range(recipe.copies):
            text = worn(label.query, dice)
            if any(c.isalnum() for c in text) and text != label.query:
                rows.append(replace(label, query=text))
                weights.append(recipe.copy_weight)
                origins.append(n)
    return rows, weights, origins
