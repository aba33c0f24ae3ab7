"""Fits a head on labelled questions. Needs scikit-learn and its SciPy (extra `train`); serving does not.

::

    labels --rules, hashing, embedder--> rows --likeness of all rows with all--> least squares --> Head

Likeness to every known question is worth two points of accuracy over weights a column alone. With it, least squares do
as well as logistic regression and need no iterations; probabilities are made of their scores by `cmo.route.calibrate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmo.errors import LabelsUnusable, SettingsError
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder
from cmo.model.routes import Destination, Scope
from cmo.route.features import BUCKETS, POOLS, WORD_BUCKETS, Grams, flag_row, flags, grams, pools, spans
from cmo.route.head import NEEDS, WIDTH, WORKS, Head, Need, meanings, placed, weigh
from cmo.route.labels import Labelled
from cmo.route.rules import Rules

LEAST = 20
"""Questions below which nothing is fitted."""
_ALSO = 0.3
"""What a class that is as good is to score: at .3 six in a thousand more were right than at what other classes score."""
_BLOCK = 512
_STEEPNESS = 4.0
"""Brings scores to about the size of log-odds; calibration does the rest."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is fitted. The weights did best on questions of topics that were left out (ADR 12)."""

    whole: float = 3.0
    """Weight of the vector of the whole question."""
    pools: float = 2.8
    """Of the other three pools together."""
    likeness: float = 6.3
    """Of the likeness to known questions."""
    flags: float = 1.0
    words: float = 1.4
    letters: float = 2.8
    directions: int = 256
    """In which likeness is measured."""
    ridge: float = 2.0
    balance: float = 0.3
    """How far rare classes are made up for: 0 not at all, 1 until all weigh the same."""


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
    origin: FloatArray
    directions: FloatArray
    known: NDArray[np.int8]


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
    """A head that tells needs and works: regularised least squares in the space that all columns and likenesses span.

    Raises:
        LabelsUnusable: there are too few questions, or of one kind only.
        SettingsError: scikit-learn is not installed.
    """
    check(rows)
    shape = _shape(rows, recipe)
    columns, words = _columns(rows, shape, recipe), word_rows(rows, shape.rarity, recipe)
    likenesses = _likenesses(meanings(rows.pools, shape.centre), shape)
    whole = columns @ columns.T + words_alike(words) + recipe.likeness**2 * likenesses
    gold = [need_of(label) for label in rows.labels]
    needs = solved(whole, targets(gold, NEEDS), balanced(gold, rows.weights, recipe) / recipe.ridge)
    told = np.array([n for n, label in enumerate(rows.labels) if label.research is not None], np.int64)
    works = np.zeros((len(rows.labels), len(WORKS)), np.float32)
    if len(told):
        named = [rows.labels[n].research for n in told.tolist()]
        weights = balanced(named, rows.weights[told], recipe) / recipe.ridge
        also = [rows.labels[n].also_research for n in told.tolist()]
        works[told] = solved(whole[np.ix_(told, told)], targets(named, WORKS, also), weights)
    alpha = np.concatenate([needs, works], axis=1)
    facts = {"questions": len(rows.labels), "recipe": asdict(recipe), **(about or {})}
    return _head(shape, recipe, alpha, columns=columns, words=words, model=model, about=facts)


def check(rows: Rows) -> None:
    """Whether there is anything to learn from.

    Raises:
        LabelsUnusable: there is not.
        SettingsError: scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Training needs scikit-learn. Install it: pip install 'clinical-metabolomics-oracle[train]'."
        ) from error
    if len(rows.labels) < LEAST:
        raise LabelsUnusable(f"{len(rows.labels)} questions are too few to learn from; give {LEAST} or more.")
    if len({need_of(label) for label in rows.labels}) < 2:  # noqa: PLR2004
        raise LabelsUnusable("All questions have the same label; there is nothing to tell apart.")


def balanced(gold: Sequence[Any], weights: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """Weights under which rare classes are made up for, as far as the recipe says."""
    counts: Counter[Any] = Counter()
    for name, weight in zip(gold, weights.tolist(), strict=True):
        counts[name] += weight
    mean = sum(counts.values()) / len(counts)
    return np.array([w * (mean / counts[g]) ** recipe.balance for g, w in zip(gold, weights.tolist(), strict=True)])


def word_rows(rows: Rows, rarity: FloatArray, recipe: Recipe) -> Any:
    """Grams as a sparse matrix (questions, `BUCKETS`)."""
    from scipy import sparse  # noqa: PLC0415 - comes with scikit-learn

    kinds = _kinds(recipe)
    starts = np.cumsum([0, *(len(g.buckets) for g in rows.grams)])
    values = np.concatenate([weigh(g, rarity) * kinds[g.buckets] for g in rows.grams])
    buckets = np.concatenate([g.buckets for g in rows.grams])
    return sparse.csr_matrix((values, buckets, starts), shape=(len(rows.grams), BUCKETS), dtype=np.float32)


def words_alike(words: Any) -> FloatArray:
    """Products of all rows with all, a block at a time: whole, they would not fit into memory as sparse ones."""
    blocks = [(words[n : n + _BLOCK] @ words.T).toarray() for n in range(0, words.shape[0], _BLOCK)]
    return np.asarray(np.concatenate(blocks), np.float32)


def targets(gold: Sequence[Any], classes: Sequence[Any], also: Sequence[Collection[Any]] | None = None) -> FloatArray:
    """1 for the class, as much below nought for the others together, and `_ALSO` for those that are as good."""
    found = np.full((len(gold), len(classes)), -1.0 / (len(classes) - 1), np.float32)
    for row, names in enumerate(also or ()):
        found[row, [classes.index(name) for name in names]] = _ALSO
    found[np.arange(len(gold)), [classes.index(name) for name in gold]] = 1.0
    return found


def solved(whole: FloatArray, wanted: FloatArray, weights: NDArray[np.float64]) -> FloatArray:
    """Weights of the known questions themselves (questions, classes)."""
    from scipy.linalg import cho_factor, cho_solve  # noqa: PLC0415

    ridged = whole.copy()
    ridged[np.diag_indices_from(ridged)] += (1.0 / weights).astype(np.float32)
    return np.asarray(_STEEPNESS * cho_solve(cho_factor(ridged, lower=True, overwrite_a=True), wanted), np.float32)


def rarity_of(counted: Sequence[Grams]) -> FloatArray:
    """ln((1 + n) / (1 + documents)) + 1, a bucket each."""
    documents = np.zeros(BUCKETS)
    for found in counted:
        documents[found.buckets] += 1
    return np.asarray(np.log((1 + len(counted)) / (1 + documents)) + 1, np.float32)


def _shape(rows: Rows, recipe: Recipe) -> Shape:
    centre = np.asarray(rows.pools[:, 1:].mean(axis=0), np.float32)
    meant = meanings(rows.pools, centre)
    origin = np.asarray(meant.mean(axis=0), np.float32)
    apart = meant - origin
    _, axes = np.linalg.eigh((apart.T @ apart).astype(np.float64))
    directions = np.asarray(axes[:, -recipe.directions :], np.float16).astype(np.float32)  # as a head keeps them
    known = np.clip(np.round(apart @ directions * 127), -127, 127).astype(np.int8)
    names = tuple(sorted({name for found in rows.flags for name in found}))
    return Shape(names, rarity_of(rows.grams), centre, origin, directions, known)


def _columns(rows: Rows, shape: Shape, recipe: Recipe) -> FloatArray:
    """Meaning and flags, each times its weight."""
    meant, width = meanings(rows.pools, shape.centre), rows.pools.shape[2]
    flag_rows = np.array([flag_row(found, shape.flags) for found in rows.flags])
    parts = [meant[:, :width] * recipe.whole, meant[:, width:] * recipe.pools, flag_rows * recipe.flags]
    return np.asarray(np.concatenate(parts, axis=1), np.float32)


def _likenesses(meant: FloatArray, shape: Shape) -> FloatArray:
    """(questions, questions), made symmetric again after rounding."""
    here, there = (meant - shape.origin) @ shape.directions, placed(shape.known)
    squares = (here**2).sum(axis=1)[:, None] + (there**2).sum(axis=1) - 2 * here @ there.T
    found = np.exp(-WIDTH * squares)
    return np.asarray((found + found.T) / 2, np.float32)


def _head(
    shape: Shape,
    recipe: Recipe,
    alpha: FloatArray,
    *,
    columns: FloatArray,
    words: Any,
    model: str,
    about: dict[str, Any],
) -> Head:
    """Weights of the known questions as weights of the columns; likeness keeps them as they are."""
    width = shape.centre.shape[1]
    scales = np.repeat([recipe.whole, recipe.pools, recipe.flags], [width, (POOLS - 1) * width, len(shape.flags)])
    dense = (columns.T @ alpha) * scales[:, None]
    return Head(
        model=model,
        flags=shape.flags,
        bias=np.zeros(alpha.shape[1], np.float32),
        centre=shape.centre,
        of_meaning=np.asarray(dense[: POOLS * width], np.float32),
        origin=shape.origin,
        directions=shape.directions,
        known=shape.known,
        of_known=np.asarray(alpha * recipe.likeness**2, np.float32),
        of_flags=np.asarray(dense[POOLS * width :], np.float32),
        of_grams=np.asarray((words.T @ alpha) * _kinds(recipe)[:, None], np.float16),
        rarity=shape.rarity,
        about=about,
    )


def _kinds(recipe: Recipe) -> FloatArray:
    """The weight of each bucket."""
    return np.where(np.arange(BUCKETS) < WORD_BUCKETS, recipe.words, recipe.letters).astype(np.float32)
