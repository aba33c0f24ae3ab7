"""A router of one's own: labels to a model in a folder, in two steps on different questions.

::

    labels --train--> head.npz, learned.npz
    other labels --calibrate--> calibration.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmo.errors import LabelsUnusable, SettingsError
from cmo.kit.hashing import hex_hash
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder
from cmo.model.routes import Destination
from cmo.route import calibrate as fitting
from cmo.route import decide, kept, labels, learned, train
from cmo.route.calibrate import Calibration, VennAbers
from cmo.route.head import NEEDS, WORKS, Head, softmax
from cmo.route.labels import BadLine, Labelled
from cmo.route.rules import shipped
from cmo.route.train import Recipe, Rows

EXTRA_WEIGHT = 0.6
"""Of labels by other hands."""
ACCURATE = 0.95
"""The surest questions, as many as have this accuracy, need no second opinion."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was fitted, on what."""

    questions: int
    bad: tuple[BadLine, ...]
    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the command prints it."""
        return {"questions": self.questions, "bad_lines": len(self.bad), **self.facts}


def fit(paths: Sequence[Path], extra: Sequence[Path], out: Path, embedder: Embedder, year: int) -> Done:
    """Fit a head and write it.

    Raises:
        LabelsUnusable: the labels cannot be read, or are too few.
        SettingsError: scikit-learn is not installed.
    """
    recipe = Recipe()
    own = labels.read(paths)
    others = labels.read(extra) if extra else labels.Labels((), ())
    weights = [1.0] * len(own.rows) + [EXTRA_WEIGHT] * len(others.rows)
    rows = train.rows_of([*own.rows, *others.rows], weights, shipped(), embedder, year)
    commonest = Counter(label.destination for label in own.rows).most_common(1)[0][0]
    about = {
        "commonest": commonest.value,
        "digest": digest(own.rows),
        "known": sorted(_marks(rows.labels)),
        "year": year,
    }
    head = train.fit(rows, recipe, str(embedder.identity), about)
    kept.keep_head(out, head, learned.fit([*own.rows, *others.rows]))
    return Done(len(own.rows), own.bad + others.bad, {"with_others": len(rows.labels), "version": head.version})


def calibrate(paths: Sequence[Path], folder: Path, embedder: Embedder, year: int) -> Done:
    """Fit what a head's scores mean, and write it beside it.

    Raises:
        LabelsUnusable: the labels cannot be read, or are those that the head was fitted on.
        ModelMissing: there is no head.
        SettingsError: the head belongs to another embedder.
    """
    head = kept.open_head(folder)
    if head.model != str(embedder.identity):
        raise SettingsError(
            f"The head in {folder} was fitted with {head.model}, but the model in use is {embedder.identity}. "
            "Train it anew with `cmo route train`, or set EMBED_MODEL back."
        )
    found = labels.read(paths)
    if head.about.get("digest") == digest(found.rows):
        raise LabelsUnusable("The head was fitted on these very questions; calibrate it on others.")
    if known := _marks(found.rows) & set(head.about.get("known", ())):
        raise LabelsUnusable(
            f"The head was fitted on {len(known)} of these {len(found.rows)} questions; calibrate it on others, else it takes itself for "
            "surer than it is."
        )
    rows = train.rows_of(found.rows, [1.0] * len(found.rows), shipped(), embedder, year)
    calibration = calibrated(head, rows)
    kept.keep_calibration(folder, calibration)
    return Done(len(found.rows), found.bad, dict(calibration.about))


def calibrated(head: Head, rows: Rows) -> Calibration:
    """A calibration from questions that the head has not seen."""
    meanings = [head.meaning(pooled) for pooled in rows.pools]
    scores = [head.scores(m, f, g) for m, f, g in zip(meanings, rows.flags, rows.grams, strict=True)]
    needs = np.array([s.needs for s in scores])
    gold = [NEEDS.index(train.need_of(label)) for label in rows.labels]
    heat = fitting.temperature(needs, gold)
    told = [n for n, label in enumerate(rows.labels) if label.research is not None]
    works = np.array([scores[n].works for n in told])
    work_gold = [WORKS.index(rows.labels[n].research) for n in told]
    chances = destinations(softmax(needs, heat))
    best = chances.argmax(axis=1)
    stated = chances.max(axis=1)
    names = list(Destination)
    right = [label.accepts(names[b]) for label, b in zip(rows.labels, best, strict=True)]
    quantile, own = fitting.conformal(chances, names, [names.index(label.destination) for label in rows.labels])
    return Calibration(
        temperature=heat,
        work_temperature=fitting.temperature(works, work_gold) if told else 1.0,
        right=VennAbers.fit(stated.tolist(), right),
        quantile=quantile,
        quantiles=own,
        likenesses=fitting.quantiles([s.nearest for s in scores]),
        uncertain=_uncertain(stated, np.array(right)),
        about={
            "questions": len(rows.labels),
            "accuracy": round(float(np.mean(right)), 4),
            "digest": digest(rows.labels),
            "head": head.version,
        },
    )


def destinations(needs: FloatArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Probabilities of needs (questions, needs) to those of destinations."""
    rows = [decide.destinations(dict(zip(NEEDS, row, strict=True))) for row in needs.astype(np.float64).tolist()]
    return np.array([[row[name] for name in Destination] for row in rows])


def digest(rows: Sequence[Labelled]) -> str:
    """Of the questions, in any order."""
    return hex_hash(*sorted(label.query for label in rows), size=8)


def _marks(rows: Sequence[Labelled]) -> set[str]:
    """By which questions are known again, whatever their case."""
    return {hex_hash(label.query.casefold(), size=6) for label in rows}


def _uncertain(stated: np.ndarray[Any, np.dtype[np.float64]], right: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """The probability above which the choice is accurate enough on average."""
    order = np.argsort(-stated, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= ACCURATE)
    return round(float(stated[order][enough[-1]]), 4) if len(enough) else 1.0
