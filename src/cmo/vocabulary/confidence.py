"""How likely it is that a name means what it was linked to.

A logistic model over how the name was found, fitted on held-out parts of the training splits of public corpora
(`cmo eval linking --fit`); see ``confidence.json`` for its weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

from cmo.model.concepts import Kind
from cmo.vocabulary.candidates import Candidate, Source
from cmo.vocabulary.compiled import Named

_CERTAIN = 30.0


@dataclass(frozen=True, slots=True)
class LinkConfidence:
    """A calibrated logistic model."""

    bias: float
    weights: Mapping[str, float]

    @classmethod
    def shipped(cls) -> Self:
        """The model that comes with this package."""
        facts = json.loads(files("cmo.vocabulary").joinpath("confidence.json").read_text("utf-8"))
        return cls(facts["bias"], facts["weights"])

    def to_json(self, fitted_on: Sequence[str]) -> str:
        """As `shipped` reads it."""
        facts = {"bias": self.bias, "weights": dict(self.weights), "fitted_on": list(fitted_on)}
        return json.dumps(facts, indent=2) + "\n"

    def probability(self, candidate: Candidate, best: Named | None) -> float:
        """P(the candidate is a name, and names this concept)."""
        return self.judged(features(candidate, best))

    def judged(self, found: Mapping[str, float]) -> float:
        """The same by features."""
        z = self.bias + sum(self.weights.get(name, 0.0) * value for name, value in found.items())
        return 1 / (1 + math.exp(-max(-_CERTAIN, min(_CERTAIN, z))))


def features(candidate: Candidate, best: Named | None) -> dict[str, float]:
    """What confidence is judged by, all about 0 to 1."""
    asked = candidate.source is not Source.DICTIONARY  # the tagger has no say in what a known name means
    tagged = min(max(candidate.tagged, 1e-3), 1 - 1e-3)
    found = {
        "tagged": math.log(tagged / (1 - tagged)) / 7 * asked,
        "length": min(len(candidate.form), 20) / 20,
        "known": float(best is not None),
        "preferred": float(best is not None and best.preferred),
        "ambiguous": math.log(max(1, len(candidate.named))),
        f"source {candidate.source.name.lower()}": 1.0,
    }
    kind = candidate.kind if candidate.kind in {Kind.DISEASE, Kind.GENE, Kind.ORGANISM} else Kind.METABOLITE
    if candidate.source is not Source.SHORTHAND:
        found[f"kind {kind}"] = 1.0
    return found
