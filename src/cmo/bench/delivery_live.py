"""The gates as the controller uses them: sums of answers, stretch by stretch, with their evidence stored in between.

::

    answers of both arms --chance--> observations --see, judge, stored and resumed--> back, or on to the next stage
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from cmo.bench.figures import Row
from cmo.delivery.flags import CONTROL, NEW
from cmo.delivery.gates import Verdict
from cmo.delivery.observed import Observer, nothing
from cmo.delivery.releases import release
from cmo.delivery.state import LastKnown
from cmo.delivery.traffic import Asker, Direct, Traffic
from cmo.delivery.watch import Watch, judge, resumed, see
from cmo.kit.clock import SystemClock
from cmo.model.delivery import Current, Exposure, Observation, StoredRollout, Talk

_STAGES: Final = (10, 25, 50)
_WINDOWS: Final = 30
"""In each stage."""
_QUESTIONS: Final = 1_000
"""In each window."""
_PART: Final = "live gates"
_RUNS: Final = 200
_DECISIONS: Final = 20_000
_PER_SECOND: Final = 50
_BUCKETS: Final = np.arange(20, 50)
_MIDDLE, _SPREAD = 32.0, 15.0
"""Steps of latency: four are a doubling, and an answer takes about 250 ms."""
KINDS: Final[Mapping[str, dict[str, float]]] = {
    "healthy": {},
    "30 % slower": {"slower": 1.3},
    "twice as slow": {"slower": 2.0},
    "one citation of ten dropped": {"citations": 0.9},
    "abstains twice as often": {"refusals": 0.2},
    "errors 1 to 5 %": {"errors": 0.05},
    "three times as dear": {"dollars": 0.003},
}


def live(seed: int) -> Iterator[Row]:
    """Releases through the live gates, in the stages of a plan; then what a decision costs."""
    chance = np.random.default_rng(seed)
    for name, worse in KINDS.items():
        played = [_release(chance, worse) for _ in range(_RUNS if name == "healthy" else _RUNS // 4)]
        back = [questions for questions, failed in played if failed]
        share = len(back) / len(played)
        if name == "healthy":
            yield Row("healthy: taken back", share, "share", "<= .02", share <= 0.02, part=_PART)  # noqa: PLR2004
            continue
        yield Row(f"{name}: taken back", share, "share", "1", share == 1, part=_PART)
        if back:
            yield Row(f"{name}: median until then", float(np.median(back)) / _PER_SECOND, "s", part=_PART)
    yield from _decisions()


def _release(chance: np.random.Generator, worse: Mapping[str, float]) -> tuple[int, bool]:
    """Questions until it is taken back or has all stages behind it, and whether it was taken back."""
    watch, asked = Watch.of({}), 0
    seen = resumed(watch, {})
    for step, percent in enumerate(_STAGES):
        for _ in range(_WINDOWS):
            mine = _QUESTIONS * percent // 100
            asked += _QUESTIONS
            arms = ((NEW, _sums(chance, mine, worse)), (CONTROL, _sums(chance, _QUESTIONS - mine, {})))
            told = [Observation("", "r", step, arm, 0.0, sums) for arm, sums in arms]
            seen = resumed(watch, see(watch, seen, told, step, percent).as_json())
            if judge(watch, seen, percent, {})[1] is Verdict.FAIL:
                return asked, True
    return asked, False


def _sums(chance: np.random.Generator, n: int, worse: Mapping[str, float]) -> dict[str, Any]:
    """What one arm does."""
    middle = _MIDDLE + 4 * np.log2(worse.get("slower", 1.0))
    parts = np.exp(-((_BUCKETS - middle) ** 2) / (2 * _SPREAD))
    counts = chance.multinomial(n, parts / parts.sum())
    cited = float(chance.binomial(10 * n, worse.get("citations", 0.99))) / 10
    return nothing() | {
        "requests": n,
        "made": n,
        "errors": int(chance.binomial(n, worse.get("errors", 0.01))),
        "refusals": int(chance.binomial(n, worse.get("refusals", 0.1))),
        "latency": {str(bucket): int(count) for bucket, count in zip(_BUCKETS, counts, strict=True) if count},
        "scores": {"citations": (n, cited, cited * cited / n + 0.001 * (n - 1)), "cost": _costs(chance, n, worse)},
    }


def _costs(chance: np.random.Generator, n: int, worse: Mapping[str, float]) -> tuple[int, float, float]:
    """A few answers cost much more than most."""
    each = worse.get("dollars", 0.001) * chance.lognormal(-0.5, 1.0, n)
    return n, float(each.sum()), float((each * each).sum())


@dataclass(slots=True)
class _Kept:
    """A store that holds one rollout."""

    state: Current
    seen: list[object] = field(default_factory=list)

    def current(self) -> Current:
        return self.state

    def mark(self) -> object:
        return 0

    def talks(self, _since: float) -> Sequence[Talk]:
        return ()

    def observe(
        self, observations: Sequence[Observation], exposures: Sequence[Exposure], talks: Sequence[Talk] = ()
    ) -> None:
        self.seen += [observations, exposures, talks]


def _decisions() -> Iterator[Row]:
    """From an asker to a bundle, everything in between."""
    spec, status = {"salt": "bench"}, {"percent": 10.0, "steps": 0, "phase": "running"}
    one = release("mix", {"mode": "mix"})
    store, clock = _Kept(Current(StoredRollout("r", "mix", "", spec, status), {"mix": one})), SystemClock()
    state = LastKnown(store, clock)
    state.refresh()
    traffic = Traffic(state, Direct(state.now), Observer(store, clock), clock)
    askers = [Asker(f"user-{n}", f"session-{n}") for n in range(_DECISIONS)]
    for what in ("for a new conversation", "in one that goes on"):
        began = time.process_time()
        for asker in askers:
            traffic.decide(asker)
        each = (time.process_time() - began) / _DECISIONS * 1e6
        yield Row(f"one decision {what}, from asker to bundle", each, "us", "<= 15", each <= 15, part=_PART)  # noqa: PLR2004
