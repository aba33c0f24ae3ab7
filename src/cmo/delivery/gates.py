"""May a release go on? One gate a metric, each pass, fail or unsure, with its evidence in words.

::

    window --Gate.see--> Standing (sums and e-values, can be stored) --Gate.judge--> Finding

A gate compares with the control that runs beside; an absolute backstop stands behind it, where the documents set one.
Thin data is unsure. Nothing here reads a clock: restarts and jumps of time change no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np

from cmo.delivery.arms import COUNTS, Metric, Window
from cmo.delivery.failures import RateRatio
from cmo.delivery.means import Moments, difference

_FEW = 50
"""Scores an arm below which no difference of means is believed."""
_NOTHING = 0.1
"""Part of the margin that may be lost without failing: less is no harm, however sure it is."""


class Verdict(StrEnum):
    """What a gate says. Unsure holds a release: it neither promotes nor rolls back."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with what it rests on."""

    gate: str
    verdict: Verdict
    text: str
    evidence: float
    """Towards failing, 0 to 1 and more: at 1 the gate fails."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold of one metric.

    Args:
        metric: what is looked at.
        alpha: chance to fail a release that is no worse, over all looks together.
        margin: what may be lost: for counts the ratio of rates above which a release does not pass, for means the
            difference in the metric's own unit.
        least: requests (counts) or scores (means) an arm before the gate passes.
        backstop: fails at this absolute rate or mean, once `least` is there; None where no document sets one.
        higher_is_better: of means.
        tolerated: of means, what may be lost for sure without failing.
        unit: what the scores of this gate are told in, such as dollars.
    """

    metric: Metric
    alpha: float = 0.01
    margin: float = 1.25
    least: int = 200
    backstop: float | None = None
    higher_is_better: bool = True
    tolerated: float = 0.0
    unit: float = 1.0

    @property
    def name(self) -> str:
        """As operators read it."""
        return str(self.metric)

    def start(self, shape: tuple[int, ...] = ()) -> Standing:
        """Nothing seen."""
        return Standing(
            RateRatio.worse(shape=shape), RateRatio.as_good(self.margin, shape) if self._counts else None,
            np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), Moments.none(shape), Moments.none(shape),
        )  # fmt: skip

    def see(self, standing: Standing, window: Window) -> Standing:
        """After another window."""
        seen = replace(
            standing,
            requests=standing.requests + window.new.requests,
            control_requests=standing.control_requests + window.control.requests,
        )
        if not self._counts:
            return replace(
                seen,
                new=standing.new + window.new.moments(self.metric),
                control=standing.control + window.control.moments(self.metric),
            )
        new, control = window.new.count(self.metric), window.control.count(self.metric)
        seen = replace(seen, events=standing.events + new, control_events=standing.control_events + control)
        assert standing.as_good is not None
        share = np.asarray(window.share, np.float64)
        beside = (share > 0) & (share < 1)  # where nobody runs beside, only the backstop sees them
        new, control, share = new * beside, control * beside, np.where(beside, share, 0.5)
        return replace(
            seen, worse=standing.worse.see(new, control, share), as_good=standing.as_good.see(new, control, share)
        )

    def verdicts(self, standing: Standing) -> tuple[np.ndarray, np.ndarray]:
        """(...) whether it fails, and whether it passes; neither is unsure."""
        fails, passes = self._compared(standing)
        enough = self._seen(standing) >= self.least
        if self.backstop is not None:
            fails = fails | self._beyond(standing)
        return fails, passes & enough & ~fails

    def judge(self, standing: Standing) -> Finding:
        """In words, of one release."""
        fails, passes = (bool(v) for v in self.verdicts(standing))
        verdict = Verdict.FAIL if fails else Verdict.PASS if passes else Verdict.UNSURE
        return Finding(self.name, verdict, self._told(standing, verdict), self._weight(standing))

    @property
    def _counts(self) -> bool:
        return self.metric in COUNTS

    def _seen(self, standing: Standing) -> np.ndarray:
        return standing.requests if self._counts else standing.new.n

    def _compared(self, standing: Standing) -> tuple[np.ndarray, np.ndarray]:
        if self._counts:
            assert standing.as_good is not None
            return standing.worse.rejects(self.alpha), standing.as_good.rejects(0.05)
        lost = self._lost(standing)
        # An interval from few scores, or from scores that are all alike, is narrower than what is known.
        many = np.minimum(standing.new.n, standing.control.n) >= _FEW
        least = max(self.tolerated, _NOTHING * self.margin)
        return many & (lost.low > self.tolerated) & (lost.value > least), lost.high < self.margin

    def _lost(self, standing: Standing) -> Any:
        """How much worse the new arm is, with its interval."""
        if self.higher_is_better:
            return difference(standing.control, standing.new, 2 * self.alpha)
        return difference(standing.new, standing.control, 2 * self.alpha)

    def _beyond(self, standing: Standing) -> np.ndarray:
        """Whether the new arm is beyond the backstop and the control far from it.

        What breaks both arms, such as bots or a dead dependency, is not the release's, and taking it back helps nobody.
        """
        if self._counts:
            new, control = (
                standing.events / _some(standing.requests),
                standing.control_events / _some(standing.control_requests),
            )
        else:
            new, control = standing.new.mean, standing.control.mean
        assert self.backstop is not None
        beside = standing.control_requests if self._counts else standing.control.n
        if self._counts or not self.higher_is_better:
            out, near = new > self.backstop, 2 * control > self.backstop
        else:
            out, near = new < self.backstop, control < self.backstop + self.margin
        found: np.ndarray = (self._seen(standing) >= self.least) & out & ~(near & (beside >= self.least))
        return found

    def _weight(self, standing: Standing) -> float:
        if self._counts:
            return max(0.0, float(standing.worse.log_e) / -float(np.log(self.alpha)))
        lost = self._lost(standing)
        if not np.isfinite(lost.low):
            return 0.0
        radius = float(lost.value - lost.low)
        return max(0.0, float(lost.value) / radius) if radius > 0 else 0.0

    def _told(self, standing: Standing, verdict: Verdict) -> str:
        if self._counts:
            rates = [
                f"{100 * float(n) / max(1.0, float(of)):.2f} % of {int(of):,}"
                for n, of in (
                    (standing.events, standing.requests),
                    (standing.control_events, standing.control_requests),
                )
            ]
            told = f"{self.name}: {rates[0]} new, {rates[1]} control"
        else:
            means = (f"{self.unit * float(m.mean):.3g} over {int(m.n):,}" for m in (standing.new, standing.control))
            told = "{}: {} new, {} control".format(self.name, *means)
        return f"{told}; {_WORDS[verdict]}"


def _some(n: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.maximum(n, 1)
    return found


_WORDS = {
    Verdict.PASS: "as good within the margin",
    Verdict.FAIL: "worse",
    Verdict.UNSURE: "too little to say",
}


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What a gate has seen so far; numbers alone, so that it can be stored and resumed."""

    worse: RateRatio
    as_good: RateRatio | None
    requests: np.ndarray
    control_requests: np.ndarray
    events: np.ndarray
    control_events: np.ndarray
    new: Moments
    control: Moments

    def as_json(self) -> dict[str, Any]:
        """Of one release, as plain numbers."""
        return {
            "worse": self.worse.logs.tolist(),
            "as_good": None if self.as_good is None else self.as_good.logs.tolist(),
            "counts": [float(n) for n in (self.requests, self.control_requests, self.events, self.control_events)],
            "new": _sums(self.new),
            "control": _sums(self.control),
        }

    def resumed(self, facts: dict[str, Any]) -> Self:
        """This empty standing with what `as_json` gave.

        Raises:
            ValueError: they are of another gate.
        """
        if (facts["as_good"] is None) != (self.as_good is None) or len(facts["worse"]) != len(self.worse.alternatives):
            message = "the stored evidence is of another gate"
            raise ValueError(message)
        return replace(
            self,
            worse=replace(self.worse, logs=np.array(facts["worse"])),
            as_good=self.as_good and replace(self.as_good, logs=np.array(facts["as_good"])),
            **dict(
                zip(
                    ("requests", "control_requests", "events", "control_events"),
                    map(np.asarray, facts["counts"]),
                    strict=True,
                )
            ),
            new=Moments(*map(np.asarray, facts["new"])),
            control=Moments(*map(np.asarray, facts["control"])),
        )


def _sums(moments: Moments) -> list[float]:
    return [float(v) for v in (moments.n, moments.y, moments.yy, moments.x, moments.xx, moments.xy)]


@dataclass(frozen=True, slots=True)
class Judged:
    """All gates of a release together."""

    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def verdict(self) -> Verdict:
        """Fails with any gate, passes with all."""
        said = {finding.verdict for finding in self.findings}
        if Verdict.FAIL in said:
            return Verdict.FAIL
        return Verdict.PASS if said == {Verdict.PASS} else Verdict.UNSURE
