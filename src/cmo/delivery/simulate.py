"""Thousands of releases in seconds, through the real gates and the real `advance`, on a clock of their own.

::

    scenario --chance--> window of every run --gates--> verdicts --advance, where something can change--> statuses

All runs live in one array per quantity. What a scenario does not say stays healthy: both arms alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cmo.delivery.arms import Metric, Tally, Window
from cmo.delivery.gates import Gate, Verdict
from cmo.delivery.means import Moments
from cmo.delivery.rollout import Phase, Plan, Status, advance
from cmo.errors import NotFound

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
DAY = 86_400.0
_CONTROL, _NEW = 0, 1
"""Places in the pairs of a scenario."""
_BOTS_FAIL = 0.3
ALPHA = 0.01
"""Chance to take a healthy release back, over all gates and looks together."""


def gates(alpha: float = ALPHA) -> tuple[Gate, ...]:
    """The gates of a release, which share the chance of a false alarm; backstops as the documents set them."""
    return (
        # Errors get most of it: the other gates see their harm in seconds all the same.
        Gate(Metric.ERRORS, 0.8 * alpha, margin=1.5, backstop=0.1, least=500),
        Gate(Metric.SLOW, 0.07 * alpha, margin=1.25, least=500),
        Gate(Metric.REFUSALS, 0.06 * alpha, margin=1.25, least=500),
        Gate(Metric.SUPPORT, 0.07 * alpha, margin=0.03, backstop=0.7, least=500),
    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a simulated release is like. Pairs are (control, new)."""

    about: str
    rate: float = 50.0
    """Questions a second."""
    horizon: float = 3_600.0
    """Seconds that are simulated."""
    tick: float = 1.0
    """Seconds between looks."""
    errors: tuple[float, float] = (0.005, 0.005)
    slow: tuple[float, float] = (0.05, 0.05)
    refusals: tuple[float, float] = (0.1, 0.1)
    support: tuple[float, float] = (0.85, 0.85)
    spread: float = 0.18
    """Standard deviation of an answer's support."""
    tide: float = 0.0
    """How far traffic and errors swing over a day, 0 to 1."""
    drift: float = 0.0
    """How many times the new one's errors grow over the horizon."""
    bursts: float = 0.0
    """Share of the looks at which bots ask twenty times as much, and fail."""
    users: int = 0
    """Where set, so many users with failures of very different frequency, each counted once."""

    @property
    def healthy(self) -> bool:
        """Whether the new one is as good as the old one."""
        pairs = (self.errors, self.slow, self.refusals, self.support)
        return all(old == new for old, new in pairs) and not self.drift


SCENARIOS: Mapping[str, Scenario] = {
    "healthy": Scenario("both alike, 50 questions a second, one hour"),
    "sparse": Scenario("both alike, one question a minute, one week", rate=1 / 60, horizon=7 * DAY, tick=600),
    "diurnal": Scenario("both alike, traffic and errors swing by 80 % over a day", tide=0.8, horizon=2 * DAY, tick=60),
    "bot-burst": Scenario("both alike; now and then bots ask twenty times as much, and fail", bursts=0.02),
    "heterogeneous": Scenario(
        "both alike; a few users cause most failures", users=1_000, horizon=DAY, tick=300, errors=(0.01, 0.01)
    ),
    "error-jump": Scenario("errors .5 to 5 %", errors=(0.005, 0.05)),
    "error-small": Scenario("errors .5 to 2 %", errors=(0.005, 0.02)),
    "error-slight": Scenario("errors .5 to 1 %", errors=(0.005, 0.01)),
    "error-drift": Scenario("errors grow to six times within the hour", drift=5.0),
    "quality-drop": Scenario("support .85 to .80", support=(0.85, 0.80)),
    "slower": Scenario("p95 up by 30 %: slow answers 5 to 9.7 %", slow=(0.05, 0.097)),
    "evasive": Scenario("refusals 10 to 15 %", refusals=(0.10, 0.15)),
}


def scenario(name: str) -> Scenario:
    """A scenario by name.

    Raises:
        NotFound: there is none.
    """
    if name not in SCENARIOS:
        raise NotFound(f"There is no scenario {name!r}. The scenarios are: {', '.join(SCENARIOS)}.")
    return SCENARIOS[name]


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What became of the runs; arrays (runs,)."""

    back: Floats
    """Seconds until the release was taken back; infinite where it never was."""
    percent: Floats
    """Share at the end."""
    exposed: Floats
    """Questions that the new one answered."""
    blamed: tuple[str, ...]
    """The gate that failed, per run; empty where none did."""


def play(
    plan: Plan,
    what: Scenario,
    runs: int,
    seed: int,
    *,
    watch: Sequence[Gate] | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Played:
    """Play releases.

    Args:
        plan: whose stages they follow.
        what: how they behave.
        runs: how many.
        seed: of chance.
        watch: the gates; the usual ones by default.
        progress: told the share that is done.
    """
    watch = gates() if watch is None else watch
    fleet, world = _Fleet(plan, runs, watch), World(what, runs, np.random.default_rng(seed))
    ticks = math.ceil(what.horizon / what.tick)
    for number in range(1, ticks + 1):
        fleet.look(world.window(number * what.tick, fleet.percent / 100 * fleet.live), number * what.tick)
        progress(number / ticks)
        if not fleet.live.any():
            break
    return Played(fleet.back, fleet.percent, fleet.exposed, tuple(fleet.blamed))


class _Fleet:
    """Many rollouts of one plan, side by side."""

    def __init__(self, plan: Plan, runs: int, watch: Sequence[Gate]) -> None:
        self._plan, self._watch = plan, watch
        self._statuses = [Status.begin(plan, 0.0) for _ in range(runs)]
        self._standings = [gate.start((runs,)) for gate in watch]
        self._since = np.zeros(runs)
        self.percent = np.full(runs, plan.stages[0])
        self.live = np.ones(runs, np.bool_)
        self.exposed = np.zeros(runs)
        self.back = np.full(runs, np.inf)
        self.blamed = [""] * runs

    def look(self, window: Window, now: float) -> None:
        """All gates see a window; `advance` is asked of those runs in which something can change."""
        self.exposed += window.new.requests
        self._standings = [g.see(s, window) for g, s in zip(self._watch, self._standings, strict=True)]
        told = [g.verdicts(s) for g, s in zip(self._watch, self._standings, strict=True)]
        fails, passes = np.array([f for f, _ in told]), np.array([p for _, p in told])
        failing, passing = self.live & np.any(fails, axis=0), np.logical_and.reduce(passes)
        waited = now - self._since
        ripe = self.live & (waited >= self._plan.bake)
        ripe &= passing | (waited >= self._plan.bake + self._plan.patience)
        for run in np.flatnonzero(failing | ripe).tolist():
            verdict = Verdict.FAIL if failing[run] else Verdict.PASS if passing[run] else Verdict.UNSURE
            before = self._statuses[run]
            after = advance(self._plan, before, verdict, now)
            if after.percent < before.percent and not np.isfinite(self.back[run]):
                self.back[run], self.blamed[run] = now, self._watch[int(np.argmax(fails[:, run]))].name
            self._statuses[run], self.percent[run], self._since[run] = after, after.percent, after.since
            self.live[run] = after.phase is not Phase.BACK


class World:
    """Draws what both arms do."""

    def __init__(self, what: Scenario, runs: int, chance: np.random.Generator) -> None:
        self._what, self._runs, self._chance = what, runs, chance
        if what.users:
            spread = chance.gamma(0.3, 1 / 0.3, (runs, what.users))
            self._prone = what.errors[0] * spread / spread.mean(axis=1, keepdims=True)
            self._places = chance.random((runs, what.users))
            self._fresh = np.ones((runs, what.users), np.bool_)

    def window(self, now: float, share: Floats) -> Window:
        """What both arms do in one tick that ends now."""
        what, chance = self._what, self._chance
        swing = 1 + what.tide * math.sin(2 * math.pi * now / DAY)
        asked = chance.poisson(what.rate * what.tick * swing, self._runs)
        bots = np.where(chance.random(self._runs) < what.bursts, 20 * asked, 0)
        mine, theirs = chance.binomial(asked, share), chance.binomial(bots, share)
        failed = self._failures(share) if what.users else (None, None)
        rates = [rate * swing for rate in what.errors]
        rates[_NEW] *= 1 + what.drift * now / what.horizon
        return Window(
            share,
            self._tally(_NEW, mine, theirs, rates[_NEW], failed[0]),
            self._tally(_CONTROL, asked - mine, bots - theirs, rates[_CONTROL], failed[1]),
        )

    def _tally(self, arm: int, asked: Counts, bots: Counts, rate: float, failed: Floats | None) -> Tally:
        """What one arm does, given its questions and those of bots."""
        what, chance = self._what, self._chance
        errors = chance.binomial(asked, min(0.99, rate)) + chance.binomial(bots, _BOTS_FAIL)
        events = {
            Metric.ERRORS: errors.astype(np.float64) if failed is None else failed,
            Metric.SLOW: chance.binomial(asked, what.slow[arm]).astype(np.float64),
            Metric.REFUSALS: chance.binomial(asked, what.refusals[arm]).astype(np.float64),
        }
        scores = {Metric.SUPPORT: self._scores(asked, what.support[arm])}
        return Tally((asked + bots).astype(np.float64), events, scores)

    def _scores(self, n: NDArray[np.int64], mean: float) -> Moments:
        """Sums of n scores each, as the central limit has them."""
        spread, zero = self._what.spread, np.zeros(self._runs)
        y = n * mean + np.sqrt(n) * spread * self._chance.standard_normal(self._runs)
        yy = np.where(n > 0, y * y / np.maximum(n, 1) + spread**2 * np.maximum(n - 1, 0), 0)
        return Moments(n.astype(np.float64), y, yy, zero, zero, zero)

    def _failures(self, share: Floats) -> tuple[Floats, Floats]:
        """Users who fail for the first time, of the new arm and of the control."""
        what = self._what
        each = what.rate * what.tick / what.users
        fails = self._fresh & (self._chance.random(self._prone.shape) < -np.expm1(-self._prone * each))
        self._fresh &= ~fails
        new = self._places < share[:, None]
        return (fails & new).sum(axis=1).astype(np.float64), (fails & ~new).sum(axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a scenario came to, with 95 % intervals."""

    scenario: str
    runs: int
    rolled_back: tuple[float, float, float]
    """Share of the runs, with bounds."""
    seconds: tuple[float, float, float] | None
    """Median until the release was taken back, with bounds; None where it never was."""
    exposed: float
    """Questions that the new one answered, median."""
    promoted: float
    """Share of the runs that ended at all users."""
    blamed: Mapping[str, int]
    """How often each gate failed."""


def summary(name: str, played: Played) -> Summary:
    """Put the runs of a scenario together."""
    found = np.sort(played.back[np.isfinite(played.back)])
    runs = len(played.back)
    return Summary(
        name,
        runs,
        (len(found) / runs, *_wilson(len(found), runs)),
        _median(found),
        float(np.median(played.exposed)),
        float((played.percent >= 100).mean()),  # noqa: PLR2004 - percent
        {gate: played.blamed.count(gate) for gate in sorted(set(played.blamed) - {""})},
    )


def _median(found: Floats) -> tuple[float, float, float] | None:
    """With bounds from order statistics (binomial, normal approximation)."""
    if not len(found):
        return None
    wide = 0.98 * math.sqrt(len(found))
    places = (len(found) / 2 - wide, len(found) / 2 + wide)
    low, high = (float(found[min(max(0, round(p)), len(found) - 1)]) for p in places)
    return float(np.median(found)), low, high


def _wilson(count: int, runs: int) -> tuple[float, float]:
    z2, share = 1.96**2, count / runs
    centre, radius = share + z2 / (2 * runs), 1.96 * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs**2))
    return max(0.0, (centre - radius) / (1 + z2 / runs)), min(1.0, (centre + radius) / (1 + z2 / runs))


def shortened(what: Scenario, share: float) -> Scenario:
    """The same for a part of its time, for a quick look."""
    return replace(what, horizon=max(what.tick, what.horizon * share))
