"""What the gates of a rollout have seen, and what they say of it: pure, and stored between steps.

::

    sums by stretch and arm --windows--> each gate's standing --judge--> findings --enough fresh data?--> one verdict

Shares are taken from the answers that were really given in each stretch: then a heavy user or a cold cache moves nothing.
What slow and dear mean is found from the control and then stands still; answers before that are not asked about it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from cmo.delivery.arms import COUNTS, Metric
from cmo.delivery.failures import Detector
from cmo.delivery.flags import CONTROL, NEW
from cmo.delivery.gates import Finding, Gate, Judged, Standing, Verdict
from cmo.delivery.sample_ratio import mismatched
from cmo.delivery.windows import added, p95, summed, window
from cmo.errors import ReleaseRefused
from cmo.model.delivery import Facts, Observation

ALPHA: Final = 0.008
"""Chance to take a healthy release back by what was seen from its beginning, over all gates and looks together."""
_LATE: Final = 0.25
"""So much more for what was seen since a stage began, over all stages together."""
FRESH: Final = 100
"""Answers that a release must have given in a stage before it goes on."""
_TO_FIX: Final = 200
"""Answers of the control from which it is found what slow and dear mean."""
_FASTEST_SLOW: Final = 0.005
_ALARM: Final = 1e5
"""Looks, on average, between false alarms where nobody runs beside."""
_LEAST_RATE: Final = 0.005
_WELL: Final = 0.02
"""Share of failures up to which a service is well enough for a first user."""
_NEGLIGIBLE: Final = 0.01
"""A rate below which a release passes, however little is left to compare."""
_ALL = 100.0
USUAL: Final = ("errors", "slow", "refusals", "citations", "cost")
"""Metrics that are watched where nobody says otherwise."""
DEARER: Final = 0.25
"""Part of the control's cost by which an answer may cost more."""
_DEAR: Final = 0.10
"""Dollars above which the mean answer is too dear whatever the control's is: of the documents."""
_CHEAPEST: Final = 1e-4
"""Dollars: what costs less is as good as free, and nothing is measured by it."""
_SAID: Final = frozenset({"least", "fresh", "metrics", "dearer"})


@dataclass(frozen=True, slots=True)
class Watch:
    """The gates of a rollout. Which metrics are watched can be chosen; each has its part of the false alarms."""

    gates: tuple[Gate, ...]
    fresh: int = FRESH

    @classmethod
    def of(cls, facts: Facts) -> Watch:
        """As a plan says: `fresh`, `least`, `metrics` that are watched, and how much `dearer` an answer may be.

        Raises:
            ReleaseRefused: one of them cannot be used.
        """
        least, fresh = facts.get("least", 500), facts.get("fresh", FRESH)
        wanted = tuple(facts.get("metrics", USUAL))
        dearer = facts.get("dearer", DEARER)
        number = isinstance(dearer, int | float) and not isinstance(dearer, bool) and 0 < dearer < math.inf
        known = {str(gate.metric): gate for gate in _gates(ALPHA, dearer if number else DEARER)}
        whole = number and all(type(n) is int and n > 0 for n in (least, fresh))
        if not whole or "errors" not in wanted or set(wanted) - set(known) or set(facts) - _SAID:
            raise ReleaseRefused(
                f"These are no gates: {dict(facts)}. Give `least` and `fresh` as whole numbers above 0, `dearer` as a part "
                f"above 0 (.25: a quarter more), and `metrics` with errors among {', '.join(known)}."
            )
        return cls(tuple(replace(known[name], least=least) for name in known if name in wanted), fresh)


def _gates(alpha: float, dearer: float) -> tuple[Gate, ...]:
    return (
        Gate(Metric.ERRORS, 0.70 * alpha, margin=1.5, backstop=0.1),
        Gate(Metric.SLOW, 0.07 * alpha, margin=1.25),
        Gate(Metric.REFUSALS, 0.06 * alpha, margin=1.25),
        Gate(Metric.CITATIONS, 0.06 * alpha, margin=0.03, backstop=0.7),
        Gate(Metric.SUPPORT, 0.06 * alpha, margin=0.03, backstop=0.7),
        Gate(Metric.COST, 0.05 * alpha, margin=dearer, higher_is_better=False, tolerated=0.8 * dearer),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """All that the gates have seen of a rollout."""

    standings: tuple[Standing, ...]
    late: tuple[Standing, ...] = ()
    """The same since this stage began: trouble that comes late must not have to outweigh all that went well before."""
    starts: int = 0
    """Stages that were seen."""
    slow: float = 0.0
    """Seconds from which an answer is slow; 0 until it is found."""
    control: Mapping[str, int] = field(default_factory=dict)
    """Latencies of the control until then."""
    price: float = 0.0
    """Dollars of an answer of the control, in which costs are told; 0 until it is found."""
    spent: tuple[int, float] = (0, 0.0)
    """Answers of the control until then, and their dollars."""
    alone: Detector | None = None
    """Of errors at 100 %, where nobody runs beside."""
    fresh: tuple[int, int] = (0, 0)
    """Answers of the new arm and of the control in this stage."""
    well: tuple[int, int] = (0, 0)
    """Failures of the two in this stage."""
    stage: int = -1
    """The step that `fresh` is of."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "standings": [standing.as_json() for standing in self.standings],
            "late": [standing.as_json() for standing in self.late],
            "starts": self.starts,
            "slow": self.slow,
            "control": dict(self.control),
            "price": self.price,
            "spent": list(self.spent),
            "alone": self.alone and [self.alone.rate, [max(v, -1e300) for v in self.alone.logs.tolist()]],
            "fresh": list(self.fresh),
            "well": list(self.well),
            "stage": self.stage,
        }


def resumed(watch: Watch, facts: Facts) -> Seen:
    """What was stored; nothing seen, where it is of other gates: then evidence is gathered anew."""
    empty = _started(watch)
    try:
        alone = facts["alone"]
        return Seen(
            tuple(s.resumed(known) for s, known in zip(empty.standings, facts["standings"], strict=True)),
            tuple(s.resumed(known) for s, known in zip(empty.late, facts["late"], strict=True)),
            int(facts["starts"]),
            float(facts["slow"]),
            {str(k): int(v) for k, v in facts["control"].items()},
            float(facts["price"]),
            (int(facts["spent"][0]), float(facts["spent"][1])),
            Detector(float(alone[0]), np.array(alone[1])) if alone else None,
            (int(facts["fresh"][0]), int(facts["fresh"][1])),
            (int(facts["well"][0]), int(facts["well"][1])),
            int(facts["stage"]),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        return empty


def see(watch: Watch, seen: Seen, observations: Sequence[Observation], step: int, percent: float) -> Seen:
    """After more observations.

    Args:
        watch: the gates.
        seen: what they have seen.
        observations: not counted before.
        step: the present one.
        percent: of the users that the release gets now.
    """
    if seen.stage != step:
        late, starts = _started(watch).late, seen.starts + 1
        seen = replace(seen, late=late, starts=starts, fresh=(0, 0), well=(0, 0), stage=step)
    for stretch in sorted({o.step for o in observations}):
        arms = {arm: added([o.sums for o in observations if o.step == stretch and o.arm == arm]) for arm in _ARMS}
        seen = _stretch(watch, seen, arms[NEW], arms[CONTROL])
        if stretch == step:  # what comes late, and conversations that go on, tell of the release and not of this stage
            seen = _fresh(seen, arms[NEW], arms[CONTROL])
        if percent >= _ALL and stretch == step:
            seen = _alone(seen, arms[NEW])
    return seen


def judge(watch: Watch, seen: Seen, percent: float, exposed: Mapping[str, int]) -> tuple[Judged, Verdict]:
    """What each gate says, and the verdict on the release at its present share."""
    both = zip((_priced(gate, seen.price) for gate in watch.gates), seen.standings, seen.late, strict=True)
    judged = Judged(tuple(_sooner(gate, whole, late, seen.starts) for gate, whole, late in both))
    extra = (*_risen(seen, percent), *_assigned(exposed, percent), *_young(watch, seen, percent))
    findings = Judged((*judged.findings, *extra))
    if percent <= 0:  # nobody has it: what can be seen is whether the service is well
        failed, given = seen.well[1], seen.fresh[1]
        well = given >= watch.fresh and failed <= _WELL * given
        return findings, Verdict.PASS if well else Verdict.UNSURE
    return findings, findings.verdict


_ARMS = (NEW, CONTROL)


def _started(watch: Watch) -> Seen:
    nothing_seen = tuple(gate.start() for gate in watch.gates)
    return Seen(nothing_seen, nothing_seen)


def _sooner(gate: Gate, whole: Standing, late: Standing, starts: int) -> Finding:
    """What a gate says of all that was seen; or of this stage alone, where that fails.

    The stages share the chance of a false alarm: 1/2, 1/6, 1/12 ... of it, which is 1 of however many.
    """
    found = _found(gate, whole)
    part = _LATE / (max(1, starts) * (max(1, starts) + 1))
    since = replace(gate, alpha=part * gate.alpha).judge(late)
    if since.verdict is not Verdict.FAIL or found.verdict is Verdict.FAIL:
        return found
    return replace(since, text=f"{since.text} in this stage")


def _found(gate: Gate, standing: Standing) -> Finding:
    """What a gate says; where next to nothing fails there is nothing to compare, and that is enough."""
    found = gate.judge(standing)
    requests, events = float(standing.requests), float(standing.events)
    if found.verdict is not Verdict.UNSURE or gate.metric not in COUNTS or requests < gate.least:
        return found
    if not _next_to_none(requests, events):
        return found
    return replace(found, verdict=Verdict.PASS, text=found.text.rpartition(";")[0] + "; next to none")


def _next_to_none(requests: float, events: float) -> bool:
    """Whether a rate is below `_NEGLIGIBLE`, at any look at once: likelihood ratios against it, averaged."""
    logs = [
        events * math.log(part) + (requests - events) * math.log((1 - part * _NEGLIGIBLE) / (1 - _NEGLIGIBLE))
        for part in (0.1, 0.4)
    ]
    return max(logs) - math.log(2) >= -math.log(0.05)


def _priced(gate: Gate, price: float) -> Gate:
    """A gate on costs, once it is known what an answer costs."""
    return replace(gate, unit=price, backstop=_DEAR / price) if gate.metric is Metric.COST and price else gate


def _stretch(watch: Watch, seen: Seen, new: dict[str, Any], control: dict[str, Any]) -> Seen:
    windows = [window(gate.metric, new, control, seen.slow, seen.price) for gate in watch.gates]
    standings, late = (
        tuple(gate.see(s, window) for gate, s, window in zip(watch.gates, before, windows, strict=True))
        for before in (seen.standings, seen.late)
    )
    seen = _price_found(replace(seen, standings=standings, late=late), control)
    if seen.slow:
        return seen
    latencies = summed([seen.control, control["latency"]])
    if sum(latencies.values()) < _TO_FIX:
        return replace(seen, control=latencies)
    return replace(seen, control={}, slow=max(_FASTEST_SLOW, p95(latencies)))


def _fresh(seen: Seen, new: dict[str, Any], control: dict[str, Any]) -> Seen:
    fresh = (seen.fresh[0] + new["requests"], seen.fresh[1] + control["requests"])
    return replace(seen, fresh=fresh, well=(seen.well[0] + new["errors"], seen.well[1] + control["errors"]))


def _price_found(seen: Seen, control: dict[str, Any]) -> Seen:
    if seen.price:
        return seen
    n, dollars, _ = control["scores"].get(Metric.COST, (0, 0.0, 0.0))
    n, dollars = seen.spent[0] + int(n), seen.spent[1] + float(dollars)
    if n < _TO_FIX:
        return replace(seen, spent=(n, dollars))
    return replace(seen, spent=(0, 0.0), price=max(_CHEAPEST, dollars / n))


def _alone(seen: Seen, new: dict[str, Any]) -> Seen:
    standing = seen.standings[0]
    promised = max(_LEAST_RATE, float(standing.control_events) / max(1.0, float(standing.control_requests)))
    detector = seen.alone or Detector.of(promised)
    return replace(seen, alone=detector.see(new["requests"], new["errors"]))


def _risen(seen: Seen, percent: float) -> tuple[Finding, ...]:
    if seen.alone is None or percent < _ALL:
        return ()
    evidence = max(0.0, float(seen.alone.log_e) / float(np.log(_ALARM)))
    risen = bool(seen.alone.alarms(_ALARM))
    text = f"errors at 100 %, of which {100 * seen.alone.rate:.2f} % were promised: {'risen' if risen else 'not risen'}"
    return (Finding("errors alone", Verdict.FAIL if risen else Verdict.PASS, text, evidence),)


def _assigned(exposed: Mapping[str, int], percent: float) -> tuple[Finding, ...]:
    """A broken assignment makes all other figures wrong: it holds the release."""
    counts = [exposed.get(NEW, 0), exposed.get(CONTROL, 0)]
    if not 0 < percent < _ALL or not sum(counts):
        return ()
    wrong = mismatched(counts, (percent / _ALL, 1 - percent / _ALL))
    text = f"assignment: {counts[0]:,} new and {counts[1]:,} control at {percent:g} %; {'broken' if wrong else 'as it should be'}"
    return (Finding("assignment", Verdict.UNSURE if wrong else Verdict.PASS, text, 1.0 if wrong else 0.0),)


def _young(watch: Watch, seen: Seen, percent: float) -> tuple[Finding, ...]:
    """What passed before does not carry a stage in which nothing was seen."""
    wanted = [watch.fresh, watch.fresh if percent < _ALL else 0]
    if percent <= 0 or all(n >= least for n, least in zip(seen.fresh, wanted, strict=True)):
        return ()
    text = (
        f"fresh data: {seen.fresh[0]:,} new and {seen.fresh[1]:,} control in this stage; at least {watch.fresh:,} each"
    )
    return (Finding("fresh data", Verdict.UNSURE, text, 0.0),)
