"""The models that weigh a comparison: three logistic heads, and their product.

::

    about   is this what the evidence speaks of?
    stance  if so, does it say so or the opposite?
    intact  is no name or figure exchanged in what is otherwise the same?

    P(supported)    = about · stance · intact
    P(contradicted) = about · (1 - stance) + about · stance · (1 - intact) where a figure of the same unit differs

Weights were fitted by `cmo.bench.grounding_fit`; `support.json` says on what.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Self

_STEEPEST = 30.0


@dataclass(frozen=True, slots=True)
class Head:
    """``P = 1 / (1 + exp(-(bias + sum weight · value)))``; a value without a weight counts nothing."""

    bias: float
    weights: Mapping[str, float]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From JSON."""
        return cls(float(facts["bias"]), {name: float(weight) for name, weight in facts["weights"].items()})

    def probability(self, values: Mapping[str, float]) -> float:
        """Of one set of values."""
        z = self.bias + sum(weight * values.get(name, 0.0) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, z))))

    def as_json(self) -> dict[str, Any]:
        """The inverse of `of`."""
        rounded = {name: round(weight, 5) for name, weight in self.weights.items()}
        return {"bias": round(self.bias, 5), "weights": rounded}


@dataclass(frozen=True, slots=True)
class Heads:
    """The three together."""

    about: Head
    stance: Head
    intact: Head

    @classmethod
    def shipped(cls) -> Self:
        """Those of `support.json`."""
        facts = data("support")
        return cls(*(Head.of(facts[name]) for name in ("about", "stance", "intact")))

    def weigh(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Probabilities that it is supported, and that it is contradicted."""
        about, stance, intact = (head.probability(values) for head in (self.about, self.stance, self.intact))
        exchanged = about * stance * (1 - intact) if values["figures_other"] else 0.0
        return about * stance * intact, about * (1 - stance) + exchanged


def shipped(name: str) -> Head:
    """One head of `answer.json`."""
    return Head.of(data("answer")[name])


@cache
def data(name: str) -> Mapping[str, Any]:
    """A model that ships with this part."""
    facts: Mapping[str, Any] = json.loads(files("cmo.assess").joinpath(f"{name}.json").read_text("utf-8"))
    return facts


def mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean; 0 of nothing."""
    total = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else 0.0
