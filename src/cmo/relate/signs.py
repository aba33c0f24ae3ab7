"""Whether one concept raises another or lowers it, as far as the text decides it.

::

    meeting --logistic--> is there a sign? which? --all meetings of a pair, its neighbours--> logistic --> P(+), P(-)

A sign is told only when it is likely enough; otherwise the two are just associated. In BioRED's terms, + is a positive
correlation (raises, causes, is higher in) and - a negative one (lowers, treats, is lower in).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Self

import numpy as np

from cmo.relate.cues import Cues
from cmo.relate.judge import Judged
from cmo.relate.layout import Floats, Ints
from cmo.relate.logistic import Logistic, MeetingModel, probability
from cmo.relate.meetings import SHAPE, names
from cmo.relate.pairs import PAIRED

_DOUBT = 0.3
PAIR_NAMES: Final = (
    "direction", "best direction", "signed", "best signed", "relation",
    "direction here", "direction of i", "direction of j",
    *(f"kind {k}" for k in range(len(PAIRED))), *(f"direction of kind {k}" for k in range(len(PAIRED))),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """The chance of either sign, given that the pair is related; (pairs,) each."""

    positive: Floats
    negative: Floats

    def decided(self, least: float, certain: float) -> Ints:
        """(pairs,): 1 or -1 where a sign is at least so likely and its direction so certain, else 0."""
        likely = np.maximum(self.positive, self.negative)
        enough = (likely >= least) & (likely >= certain * (self.positive + self.negative))
        return np.where(enough, np.where(self.positive > self.negative, 1, -1), 0)


@dataclass(frozen=True, slots=True, eq=False)
class SignJudge:
    """Four logistic models: of meetings and of pairs, whether there is a sign, and whether it is +."""

    cues: Cues
    meeting_signed: MeetingModel
    meeting_positive: MeetingModel
    pair_signed: Logistic
    pair_positive: Logistic
    threshold: float
    """A sign less likely than this is not told,"""
    certainty: float
    """nor one that is less likely than this to be the right one, if there is any."""

    @classmethod
    def shipped(cls) -> Self:
        """The model in `signs.json`, which says on what it was fitted."""
        facts = json.loads(source())
        cues = Cues.shipped()
        columns = sign_names(cues)
        return cls(
            cues=cues,
            meeting_signed=MeetingModel.named(facts["meeting_signed"], columns),
            meeting_positive=MeetingModel.named(facts["meeting_positive"], columns),
            pair_signed=Logistic.named(facts["pair_signed"], PAIR_NAMES),
            pair_positive=Logistic.named(facts["pair_positive"], PAIR_NAMES),
            threshold=facts["threshold"],
            certainty=facts["certainty"],
        )

    def to_json(self, fitted_on: str) -> str:
        """As `shipped` reads it."""
        columns = sign_names(self.cues)
        facts = {
            "fitted_on": fitted_on,
            "threshold": self.threshold,
            "certainty": self.certainty,
            "pair_signed": self.pair_signed.by_name(PAIR_NAMES),
            "pair_positive": self.pair_positive.by_name(PAIR_NAMES),
            "meeting_signed": self.meeting_signed.by_name(columns),
            "meeting_positive": self.meeting_positive.by_name(columns),
        }
        return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"

    def judge(self, judged: Judged) -> Signs:
        """How likely either sign is for all pairs of a window."""
        x = sign_columns(judged, self.cues)
        signed = self.meeting_signed.log_odds(judged.layout, judged.at, x)
        positive = self.meeting_positive.log_odds(judged.layout, judged.at, x)
        pairs = sign_features(judged, signed, positive)
        there = probability(self.pair_signed.log_odds(pairs))
        up = probability(self.pair_positive.log_odds(pairs))
        return Signs(there * up, there * (1 - up))


def sign_names(cues: Cues) -> tuple[str, ...]:
    """What the columns of `sign_columns` are."""
    return (*names(cues), *(f"{group} between, kind {k}" for k in range(len(PAIRED)) for group in cues.groups))


def sign_columns(judged: Judged, cues: Cues) -> Floats:
    """Those of a meeting, and the cues between by kind: ``induced`` harms a person but raises a protein.

    (meetings, columns)
    """
    groups = len(cues.groups)
    between = judged.columns[:, len(SHAPE) : len(SHAPE) + groups]
    kind = np.eye(len(PAIRED))[judged.pairs.kind[judged.pairs.pair]]
    return np.column_stack(
        [judged.columns, (kind[:, :, None] * between[:, None, :]).reshape(len(kind), len(PAIRED) * groups)]
    )


def sign_features(judged: Judged, signed: Floats, positive: Floats) -> Floats:
    """(pairs, columns): see `PAIR_NAMES`; `signed` and `positive` (meetings,) are the log-odds of the meetings."""
    found, size = judged.pairs, len(judged.pairs.i)
    if not size:
        return np.zeros((0, len(PAIR_NAMES)))
    weight = probability(judged.score)
    total = np.maximum(np.bincount(found.pair, weight, minlength=size), 1e-9)
    direction = np.bincount(found.pair, weight * positive, minlength=size) / total
    there = np.bincount(found.pair, weight * signed, minlength=size) / total
    met = judged.meeting >= 0
    best = np.where(met, judged.meeting, 0)
    best_positive = np.where(met, positive[best], 0.0) if len(positive) else np.zeros(size)
    best_signed = np.where(met, signed[best], 0.0) if len(signed) else np.zeros(size)
    kind = np.eye(len(PAIRED))[found.kind]
    return np.column_stack(
        [direction, best_positive, there, best_signed, judged.probability, *_neighbours(judged, direction),
         kind, kind * direction[:, None]]
    )  # fmt: skip


def _neighbours(judged: Judged, direction: Floats) -> tuple[Floats, Floats, Floats]:
    """The mean direction of the window's other pairs of this kind: all, those with `i`, those with `j`.

    What harms in one way harms in several, and a text about a treatment treats several complaints.
    """
    found, weight = judged.pairs, judged.probability
    concepts = len(judged.layout.concepts)
    groups = (found.kind, found.kind * concepts + found.i, found.kind * concepts + found.j)
    here, of_i, of_j = (_mean_of_others(group, weight, direction) for group in groups)
    return here, of_i, of_j


def _mean_of_others(group: Ints, weight: Floats, values: Floats) -> Floats:
    """The weighted mean of a group without the one that asks, drawn to 0 where little is known."""
    weighted = weight * values
    return (np.bincount(group, weighted)[group] - weighted) / (np.bincount(group, weight)[group] - weight + _DOUBT)


def source() -> str:
    """The text of `signs.json`, for a digest."""
    return files("cmo.relate").joinpath("signs.json").read_text("utf-8")
