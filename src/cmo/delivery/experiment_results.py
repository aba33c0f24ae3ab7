"""What an experiment found so far, with intervals that hold at every look, and a verdict in words.

::

    sample ratio broken? --yes--> invalid
        '--no--> a guardrail fails? --yes--> harmful
                     '--no--> the interval of the metric that decides --> better · worse · no difference · too early

All of it follows from what was seen, so it can be worked out anew at any time, by anybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cmo.delivery import sample_ratio
from cmo.delivery.arms import COUNTS, Metric
from cmo.delivery.experiment import LOWER_IS_BETTER, Arm, Spec
from cmo.delivery.experiment_scores import Scores
from cmo.delivery.failures import RateRatio
from cmo.delivery.means import Moments, difference

LEAST_UNITS = 100
"""Users an arm before anything is called better or worse: the intervals are right for many, not for a handful."""
GUARD_ALPHA = 0.01
"""Chance to blame a harmless arm, over all guardrails and looks together."""
_MOST_PARTS = 12
_CUTS = 40


class Outcome(StrEnum):
    """What follows."""

    INVALID = "invalid"
    """The arms did not get the users that they should; no figure can be trusted."""
    HARMFUL = "harmful"
    """A guardrail fails."""
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no-difference"
    """None that matters, or none at the planned size."""
    TOO_EARLY = "too-early"


@dataclass(frozen=True, slots=True)
class Effect:
    """One arm against the control in one metric."""

    metric: Metric
    control: float
    new: float
    difference: float
    """New less control."""
    low: float
    high: float
    """At all looks at once; infinite where there is too little."""
    units: tuple[int, int]
    """Users of the control and of the new arm."""
    reduction: float = 0.0
    """Share of the variance that the covariate takes away."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What a guardrail says."""

    metric: Metric
    fails: bool
    evidence: float
    """Towards failing; at 1 it fails."""
    text: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the traffic."""

    name: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Compared:
    """One arm against the control."""

    arm: str
    outcome: Outcome
    text: str
    primary: Effect
    unadjusted: Effect
    """The same without the covariate."""
    others: tuple[Effect, ...]
    guards: tuple[Guard, ...]
    slices: tuple[Slice, ...]
    """Their intervals hold for all of them together."""


@dataclass(frozen=True, slots=True)
class Results:
    """All of it."""

    units: dict[str, int]
    """Users who were put into each arm."""
    sample_ratio: float
    """Evidence that the arms do not get their shares; at 1 it is certain."""
    valid: bool
    answers: int
    compared: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What was known at a time."""

    at: float
    effects: tuple[Effect, ...]
    """Of the metric that decides, one an arm."""


def results(spec: Spec, exposed: Sequence[int], scores: Scores) -> Results:
    """What was found.

    Args:
        spec: the experiment.
        exposed: users put into each arm, in the order of the arms.
        scores: what was seen of their answers.
    """
    log = sample_ratio.log_evidence(exposed, spec.shares) if sum(exposed) else 0.0
    valid = not (sum(exposed) and sample_ratio.mismatched(exposed, spec.shares))
    compared = tuple(_compared(spec, scores, number, valid=valid) for number in range(1, len(spec.arms)))
    return Results(
        {arm.name: n for arm, n in zip(spec.arms, exposed, strict=True)},
        max(0.0, log / -float(np.log(sample_ratio.ALPHA))),
        valid,
        len(scores.at),
        compared,
    )


def looks(spec: Spec, scores: Scores, cuts: int = _CUTS) -> list[Look]:
    """How the metric that decides came to stand where it does: at so many times, evenly spread over the answers."""
    if not len(scores.at):
        return []
    places = np.unique(np.linspace(0, len(scores.at) - 1, cuts + 1).astype(int)[1:])
    arms = range(1, len(spec.arms))
    found = []
    for at in scores.at[places]:
        moments = scores.until(at).moments(spec.primary)
        found.append(
            Look(float(at), tuple(_effect(spec.primary, moments, n, _alpha(spec), spec.planned) for n in arms))
        )
    return found


def _compared(spec: Spec, scores: Scores, number: int, *, valid: bool) -> Compared:
    alpha = _alpha(spec)
    moments, plain = scores.moments(spec.primary), scores.moments(spec.primary, adjusted=False)
    unadjusted = _effect(spec.primary, plain, number, alpha, spec.planned)
    primary = _effect(spec.primary, moments, number, alpha, spec.planned)
    primary = _with_reduction(primary, unadjusted)
    others = tuple(
        _effect(metric, scores.moments(metric, adjusted=False), number, alpha, spec.planned)
        for metric in Metric
        if metric is not spec.primary and not np.isnan(scores.values[metric]).all()
    )
    guards = tuple(_guard(spec, scores, number, metric) for metric in spec.guardrails)
    outcome = _outcome(spec, primary, guards, valid=valid)
    return Compared(
        spec.arms[number].name,
        outcome,
        _told(spec, spec.arms[number], outcome, primary, guards),
        primary,
        unadjusted,
        others,
        guards,
        _slices(spec, scores, number),
    )


def _effect(metric: Metric, moments: Sequence[Moments], number: int, alpha: float, planned: int) -> Effect:
    control, new = moments[0], moments[number]
    found = difference(new, control, alpha, planned=2 * planned)
    # Where nothing ever differs, as with errors that did not happen, an interval of no width would be a lie.
    known = found.high > found.low
    return Effect(
        metric,
        float(control.mean),
        float(new.mean),
        float(found.value),
        float(found.low) if known else -math.inf,
        float(found.high) if known else math.inf,
        (int(control.n), int(new.n)),
    )


def _with_reduction(adjusted: Effect, plain: Effect) -> Effect:
    widths = adjusted.high - adjusted.low, plain.high - plain.low
    reduction = 1 - (widths[0] / widths[1]) ** 2 if np.isfinite(widths[1]) and widths[1] > 0 else 0.0
    facts = {
        name: getattr(adjusted, name) for name in ("metric", "control", "new", "difference", "low", "high", "units")
    }
    return Effect(**facts, reduction=max(0.0, reduction))


def _guard(spec: Spec, scores: Scores, number: int, metric: Metric) -> Guard:
    """Counts by users to whom it happened: put into arms by chance, either arm is as likely to have the next one."""
    alpha = GUARD_ALPHA / max(1, len(spec.guardrails) * (len(spec.arms) - 1))
    if metric in COUNTS:
        struck, units = scores.struck(metric), scores.units()
        share = spec.shares[number] / (spec.shares[0] + spec.shares[number])
        test = RateRatio.worse().see(struck[number], struck[0], share)
        weight = max(0.0, float(test.log_e) / -float(np.log(alpha)))
        told = (
            f"{metric}: {struck[number]:,} of {units[number]:,} users of {spec.arms[number].name}, "
            f"{struck[0]:,} of {units[0]:,} of the control"
        )
        return Guard(metric, bool(test.rejects(alpha)), weight, told)
    found = _effect(metric, scores.moments(metric, adjusted=False), number, 2 * alpha, spec.planned)
    lost = found.difference if metric in LOWER_IS_BETTER else -found.difference
    radius = (found.high - found.low) / 2
    enough = min(found.units) >= LEAST_UNITS
    weight = max(0.0, lost / radius) if enough and np.isfinite(radius) and radius > 0 else 0.0
    return Guard(metric, weight >= 1, weight, f"{metric}: {found.new:.4g} against {found.control:.4g}")


def _slices(spec: Spec, scores: Scores, number: int) -> tuple[Slice, ...]:
    """Each part of the traffic that has users enough; intervals share the alpha."""
    sizes = np.bincount(scores.part, minlength=len(scores.parts))
    largest = [part for part in np.argsort(-sizes, kind="stable")[:_MOST_PARTS] if sizes[part]]
    if len(largest) < 2:  # noqa: PLR2004 - one part is all of it
        return ()
    alpha = _alpha(spec) / len(largest)
    return tuple(
        Slice(
            scores.parts[part] or "(none)",
            _effect(spec.primary, scores.where(scores.part == part).moments(spec.primary), number, alpha, spec.planned),
        )
        for part in largest
    )


def _outcome(spec: Spec, primary: Effect, guards: Sequence[Guard], *, valid: bool) -> Outcome:
    if not valid:
        return Outcome.INVALID
    if any(guard.fails for guard in guards):
        return Outcome.HARMFUL
    if min(primary.units) < LEAST_UNITS:
        return Outcome.TOO_EARLY
    if primary.low > 0 or primary.high < 0:
        return Outcome.BETTER if (primary.low > 0) == spec.higher_is_better else Outcome.WORSE
    if max(-primary.low, primary.high) < spec.least or min(primary.units) >= spec.planned:
        return Outcome.NO_DIFFERENCE
    return Outcome.TOO_EARLY


def _told(spec: Spec, arm: Arm, outcome: Outcome, primary: Effect, guards: Sequence[Guard]) -> str:
    figures = (
        f"{spec.primary} {primary.new:.4g} against {primary.control:.4g}, {primary.difference:+.4g} "
        f"[{primary.low:+.4g}, {primary.high:+.4g}], {primary.units[1]:,} and {primary.units[0]:,} users"
    )
    failing = "; ".join(guard.text for guard in guards if guard.fails)
    match outcome:
        case Outcome.INVALID:
            return "The arms did not get the users that they should: mend the assignment, then begin anew."
        case Outcome.HARMFUL:
            return f"Stop: {arm.name} does harm. {failing}."
        case Outcome.BETTER:
            return f"{arm.name} is better: {figures}. The guardrails hold."
        case Outcome.WORSE:
            return f"{arm.name} is worse: {figures}."
        case Outcome.NO_DIFFERENCE:
            return f"No difference that was planned for: {figures}. What is larger than the interval is ruled out."
        case Outcome.TOO_EARLY:
            left = max(0, spec.planned - min(primary.units))
            seen = f": {figures}" if np.isfinite(primary.low) else ""
            return f"Too early to say{seen}. {left:,} users an arm are still planned."


def _alpha(spec: Spec) -> float:
    """Shared by the arms that are compared with the control."""
    return spec.alpha / (len(spec.arms) - 1)
