"""How likely it is that an answer bears on its question.

A logistic model over what the search and the best sentence look like, fitted on questions whose relevant papers are
known, some of them taken out of the base (`cmo eval confidence` fits and measures it). Its output is a probability:
of the answers given with .8, about 80 % are right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

from cmo.answer.candidates import Candidate
from cmo.answer.coverage import coverage
from cmo.model.evidence import Found


@dataclass(frozen=True, slots=True)
class Confidence:
    """A calibrated logistic model.

    Attributes:
        bias: intercept.
        weights: one a feature, by name.
        threshold: below this probability an answer is withheld.
    """

    bias: float
    weights: Mapping[str, float]
    threshold: float

    @classmethod
    def shipped(cls, name: str = "confidence") -> Self:
        """A model fitted on public questions: `confidence` judges sentences, `related` a table of relations."""
        facts = json.loads(files("cmo.answer").joinpath(f"{name}.json").read_text("utf-8"))
        return cls(facts["bias"], facts["weights"], facts["threshold"])

    def to_json(self, fitted_on: Sequence[str]) -> str:
        """As `shipped` reads it."""
        facts = {"bias": self.bias, "weights": dict(self.weights), "threshold": self.threshold}
        return json.dumps({**facts, "fitted_on": list(fitted_on)}, indent=2) + "\n"

    def probability(self, features: Mapping[str, float]) -> float:
        """P(the first sentence bears on the question)."""
        z = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))


def features(found: Found, best: Candidate) -> dict[str, float]:
    """What confidence is judged by, all about 0 to 1."""
    top = found.passages[0].signals
    rarity = sorted((t.idf for t in found.terms), reverse=True)
    attainable = sum(idf * idf for idf in rarity) / rarity[0] if rarity and rarity[0] > 0 else 1.0
    return {
        "dense": top["dense"],
        "sentence": best.cosine,
        "strongest": max(p.signals["sentence"] for p in found.passages),
        "coverage": best.coverage,
        "passage_coverage": float(coverage([found.passages[0].text], found.terms)[0]),
        "words": min(1.5, top["words"] / attainable),
        "length": math.log1p(len(found.terms)) / 3.0,
    }
