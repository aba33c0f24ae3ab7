"""How likely it is that a text states a relation between two concepts that it names.

::

    meeting of two names --logistic, with words--> log-odds --all meetings of a pair, its rivals--> logistic --> P

Two logistic models, the second fitted on what the first says of documents that it has not seen. Fitted on BioRED
(`cmo eval relations --fit`); the probability is calibrated: of the pairs given .8, about 80 % are marked as related.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

from cmo.relate.cues import Cues
from cmo.relate.evidence import NAMES, best_of, pair_features
from cmo.relate.layout import Floats, Ints, Layout
from cmo.relate.logistic import Logistic, MeetingModel, probability
from cmo.relate.meetings import Spans, meeting_features, names, spans
from cmo.relate.pairs import Pairs, pairs


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The pairs of a window with their probabilities."""

    layout: Layout
    pairs: Pairs
    probability: Floats
    """(pairs,)"""
    meeting: Ints
    """(pairs,): the meeting that speaks most for it, -1 where the two never meet in a sentence."""
    score: Floats
    """(meetings,): log-odds of each meeting by itself."""
    at: Spans
    columns: Floats
    """(meetings, columns): as `meeting_features` gives them."""


@dataclass(frozen=True, slots=True, eq=False)
class PairJudge:
    """The two models."""

    cues: Cues
    meetings: MeetingModel
    pairs: Logistic
    threshold: float
    """Pairs below this probability are not told."""

    @classmethod
    def shipped(cls) -> Self:
        """The model in `pairs.json`, which says on what it was fitted."""
        facts = json.loads(source())
        cues = Cues.shipped()
        meetings = MeetingModel.named(facts["meetings"], names(cues))
        return cls(cues, meetings, Logistic.named(facts["pairs"], NAMES), facts["threshold"])

    def to_json(self, fitted_on: str) -> str:
        """As `shipped` reads it."""
        facts = {
            "fitted_on": fitted_on,
            "threshold": self.threshold,
            "pairs": self.pairs.by_name(NAMES),
            "meetings": self.meetings.by_name(names(self.cues)),
        }
        return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"

    def judge(self, layout: Layout) -> Judged:
        """Weigh all pairs of a window."""
        found = pairs(layout)
        at = spans(layout, found)
        columns = meeting_features(layout, found, at)
        score = self.meetings.log_odds(layout, at, columns)
        chance = probability(self.pairs.log_odds(pair_features(layout, found, score)))
        return Judged(layout, found, chance, best_of(found, score), score, at, columns)


def source() -> str:
    """The text of `pairs.json`, for a digest."""
    return files("cmo.relate").joinpath("pairs.json").read_text("utf-8")
