"""Doubtful claims, and what a model of language inference says to them.

It is asked only where the heads are in doubt, because one pair costs it as much as encoding a sentence. What it says
is averaged with the heads in log-odds; how well that is calibrated has to be measured with the model at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from cmo.model.assessments import Support
from cmo.model.ports import Entailment

DOUBTFUL = (0.15, 0.85)
"""Between these probabilities of support a model is asked."""
PREMISE = 3
"""Sentences of the evidence that it reads: the nearest, the one before and the one after."""
_LEAST = 1e-4


def settled(
    found: Sequence[Support], evidence: Sequence[Sequence[str]], entailment: Entailment | None
) -> list[Support]:
    """The same, the doubtful ones as the model sees them as well."""
    doubtful = [
        n
        for n, support in enumerate(found)
        if support.best is not None and DOUBTFUL[0] < support.supported < DOUBTFUL[1]
    ]
    if entailment is None or not doubtful:
        return list(found)
    said = entailment.judge([(_premise(found[n], evidence[n]), found[n].claim) for n in doubtful])
    result = list(found)
    for n, (entails, contradicts) in zip(doubtful, said, strict=True):
        result[n] = _together(found[n], entails, contradicts)
    return result


def _premise(support: Support, evidence: Sequence[str]) -> str:
    assert support.best is not None
    first = max(0, support.best - 1)
    return " ".join(evidence[first : first + PREMISE])


def _together(support: Support, entails: float, contradicts: float) -> Support:
    supported = _average(support.supported, entails)
    return replace(
        support, supported=supported, contradicted=min(1 - supported, _average(support.contradicted, contradicts))
    )


def _average(one: float, other: float) -> float:
    z = (_log_odds(one) + _log_odds(other)) / 2
    return 1 / (1 + math.exp(-z))


def _log_odds(probability: float) -> float:
    p = min(1 - _LEAST, max(_LEAST, probability))
    return math.log(p / (1 - p))
