"""The two shapes that all our models have: a weight a column, and a weight a word beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cmo.relate.layout import Floats, Layout
from cmo.relate.meetings import Spans
from cmo.relate.words import Words

_STEEPEST = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """``P = 1 / (1 + exp(-(bias + x · weights)))``."""

    bias: float
    weights: Floats
    """(columns,)"""

    def log_odds(self, x: Floats) -> Floats:
        """(rows, columns) to (rows,)."""
        return np.asarray(self.bias + x @ self.weights, np.float64)

    @classmethod
    def named(cls, facts: Mapping[str, Any], columns: tuple[str, ...]) -> Self:
        """From weights by name; a name without a weight counts nothing."""
        weights = facts["weights"]
        return cls(facts["bias"], np.array([weights.get(name, 0.0) for name in columns], np.float64))

    def by_name(self, columns: tuple[str, ...]) -> dict[str, Any]:
        """The inverse of `named`."""
        rounded = {name: round(float(w), 5) for name, w in zip(columns, self.weights, strict=True)}
        return {"bias": round(self.bias, 5), "weights": {name: w for name, w in rounded.items() if w}}


@dataclass(frozen=True, slots=True, eq=False)
class MeetingModel:
    """Columns and words of a meeting to log-odds."""

    columns: Logistic
    words: Words

    def log_odds(self, layout: Layout, at: Spans, x: Floats) -> Floats:
        """(meetings, columns) to (meetings,)."""
        return self.columns.log_odds(x) + self.words.score(layout, at)

    @classmethod
    def named(cls, facts: Mapping[str, Any], columns: tuple[str, ...]) -> Self:
        """From weights by name."""
        return cls(Logistic.named(facts["columns"], columns), Words(facts["words"]))

    def by_name(self, columns: tuple[str, ...]) -> dict[str, Any]:
        """The inverse of `named`."""
        return {"columns": self.columns.by_name(columns), "words": self.words.weights}


def probability(log_odds: Floats) -> Floats:
    """Log-odds to probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -_STEEPEST, _STEEPEST))), np.float64)
