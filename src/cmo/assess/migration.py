"""May one engine take the other's place? Answers of both to the same questions, and a decision that thin data cannot make.

The new one must not be worse by more than a margin: the lower end of a 95 % bootstrap interval of the mean difference,
question by question, stands above it. With too few questions the verdict is *unsure*, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

MARGIN = 0.05
"""How much worse, in P(acceptable), the new engine may be at most."""
LEAST_QUESTIONS = 20
FAILED_MARGIN = 0.02
"""How many more questions, as a share, it may leave without an acceptable answer where the other had one."""
_RESAMPLES = 2_000


class Advice(StrEnum):
    """What follows."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Compared:
    """One question, answered by both."""

    question: str
    old: float
    """P(acceptable) of the answer that is given now, 0 to 1."""
    new: float
    """The same of the engine that would take over."""

    @property
    def difference(self) -> float:
        """Above zero where the new one is better."""
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Migration:
    """What comparing says, with the figures behind it."""

    advice: Advice
    questions: int
    old: float
    new: float
    difference: float
    low: float
    high: float
    """95 % interval of the mean difference."""
    lost: int
    """Questions with an acceptable answer now and none then."""
    won: int
    issues: tuple[str, ...]


def decide(compared: Sequence[Compared], *, margin: float = MARGIN, least: int = LEAST_QUESTIONS) -> Migration:
    """Whether the new engine may take over."""
    if not compared:
        return Migration(Advice.UNSURE, 0, 0.0, 0.0, 0.0, -1.0, 1.0, 0, 0, ("No question was compared.",))
    differences = np.array([one.difference for one in compared])
    drawn = np.random.default_rng(0).integers(0, len(differences), (_RESAMPLES, len(differences)))
    low, high = (float(end) for end in np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975]))
    lost = sum(one.old >= 0.5 > one.new for one in compared)  # noqa: PLR2004 - likelier acceptable than not
    won = sum(one.new >= 0.5 > one.old for one in compared)  # noqa: PLR2004
    many_lost = (lost - won) / len(compared) > FAILED_MARGIN
    issues = []
    if high < -margin:
        issues.append(f"The new engine is worse by {-differences.mean():.3f} on average, at least {-high:.3f}.")
    if many_lost:
        issues.append(f"{lost} questions lose an acceptable answer and {won} win one.")
    if len(compared) < least:
        issues.append(f"{len(compared)} questions are too few to tell; {least} are needed.")
    elif low < -margin <= high:
        issues.append(
            f"The difference is {low:+.3f} to {high:+.3f}: that it is below {-margin:+.3f} cannot be ruled out."
        )
    advice = _advice(len(compared) >= least, worse=high < -margin or many_lost, held=low >= -margin)
    old, new = (float(np.mean([getattr(one, name) for one in compared])) for name in ("old", "new"))
    return Migration(advice, len(compared), old, new, float(differences.mean()), low, high, lost, won, tuple(issues))


def _advice(enough: bool, *, worse: bool, held: bool) -> Advice:
    if not enough:
        return Advice.UNSURE
    if worse:
        return Advice.FAIL
    return Advice.PASS if held else Advice.UNSURE
