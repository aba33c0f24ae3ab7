r"""How often rules take back a healthy release, and how soon a broken one: ours beside three that others use.

::

    scenario --World--> the same kind of windows --> our gates through `advance`
                                             \--> rivals, at a tenth of the traffic --> seconds until each calls
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cmo.bench.delivery_live import live
from cmo.bench.delivery_row import Row
from cmo.delivery.arms import Metric, Window
from cmo.delivery.assign import Ramp, assign
from cmo.delivery.rollout import plan
from cmo.delivery.simulate import SCENARIOS, Played, Scenario, World, play, summary

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_SHARE = 0.1
_WINDOW = 60.0
_USERS = 100_000
_POINTS, _MICROSECONDS = 0.3, 15
_GOALS: Mapping[str, tuple[str, float]] = {
    "healthy": ("share", 0.01),
    "sparse": ("share", 0.01),
    "error-jump": ("seconds", 20.0),
    "error-small": ("seconds", 120.0),
    "error-slight": ("seconds", 600.0),
    "quality-drop": ("seconds", 300.0),  # 1,500 answers at five a second
    "slower": ("seconds", 180.0),
}


class Rule(Protocol):
    """When somebody else takes a release back."""

    def calls(self, window: Window, ends: bool) -> Bools:
        """(runs,) whether it does now; `ends` says that a minute is over."""
        ...


class _Minutes(ABC):
    """Counts of the errors of whole minutes."""

    def __init__(self, runs: int) -> None:
        self._shape = runs
        self._sums = np.zeros((4, runs))

    def calls(self, window: Window, ends: bool) -> Bools:
        """Looks at the end of each minute alone."""
        self._sums += [
            window.new.count(Metric.ERRORS), window.new.requests,
            window.control.count(Metric.ERRORS), window.control.requests,
        ]  # fmt: skip
        if not ends:
            return np.zeros(self._shape, np.bool_)
        sums, self._sums = self._sums, np.zeros((4, self._shape))
        return self._minute(*sums)

    @abstractmethod
    def _minute(self, new: Floats, asked: Floats, control: Floats, asked_control: Floats) -> Bools:
        """(runs,) whether it calls after a minute with these errors and requests."""


class InARow(_Minutes):
    """So many minutes in a row above a rate: the documents' rule, and Argo's consecutive failures."""

    def __init__(self, runs: int, rate: float, minutes: int) -> None:
        super().__init__(runs)
        self._rate, self._minutes, self._above = rate, minutes, np.zeros(runs)

    def _minute(self, new: Floats, asked: Floats, control: Floats, asked_control: Floats) -> Bools:  # noqa: ARG002
        self._above = np.where(new / np.maximum(asked, 1) > self._rate, self._above + 1, 0)
        called: Bools = self._above >= self._minutes
        return called


class RepeatedTest(_Minutes):
    """A one-sided z-test of two proportions on all data so far, at every minute: 1 % each time."""

    _Z = 2.326

    def __init__(self, runs: int) -> None:
        super().__init__(runs)
        self._all = np.zeros((4, runs))

    def _minute(self, new: Floats, asked: Floats, control: Floats, asked_control: Floats) -> Bools:
        self._all += [new, asked, control, asked_control]
        x, n, y, m = self._all
        n, m = np.maximum(n, 1), np.maximum(m, 1)
        pooled = (x + y) / (n + m)
        error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), 1e-12))
        called: Bools = (x / n - y / m) / error > self._Z
        return called


RIVALS: Mapping[str, Callable[[int], Rule]] = {
    "> 5 % for 2 min (documents)": lambda runs: InARow(runs, 0.05, 2),
    "> 2 % in 3 windows": lambda runs: InARow(runs, 0.02, 3),
    "z-test each minute": RepeatedTest,
}


def measure(runs: int, seed: int, said: Callable[[str], None]) -> Iterator[Row]:
    """Every scenario, ours and the rivals; then assignment, and the gates as the controller uses them."""
    for name, what in SCENARIOS.items():
        said(name)
        began = time.perf_counter()
        told = summary(name, played := play(plan("cmo"), what, runs, seed))
        took = time.perf_counter() - began
        yield from _ours(name, what, played, told.rolled_back, told.seconds)
        yield Row(name, f"ours, {runs} releases played in", took, "s")
        for rival, rule in RIVALS.items():
            yield from _theirs(name, rival, what, called(rule(runs), what, runs, seed))
    yield from _assignment()
    said("live gates")
    yield from live(seed)


def called(rule: Rule, what: Scenario, runs: int, seed: int) -> Floats:
    """(runs,) seconds until a rule takes a release back that a tenth of the users have; infinite where never."""
    world, back = World(what, runs, np.random.default_rng(seed)), np.full(runs, np.inf)
    share = np.full(runs, _SHARE)
    for number in range(1, math.ceil(what.horizon / what.tick) + 1):
        now = number * what.tick
        ends = what.tick >= _WINDOW or now % _WINDOW < what.tick
        calls = rule.calls(world.window(now, share), ends)
        back = np.where(calls & ~np.isfinite(back), now, back)
        if np.isfinite(back).all():
            break
    return back


def _ours(
    name: str,
    what: Scenario,
    played: Played,
    share: tuple[float, float, float],
    seconds: tuple[float, float, float] | None,
) -> Iterator[Row]:
    kind, limit = _GOALS.get(name, ("", 0.0))
    told = f"<= {limit:g}" if kind else ""
    label = "taken back though healthy" if what.healthy else "taken back"
    met = share[0] <= limit if kind == "share" else None
    yield Row(name, f"ours: {label}", *_with(share, "share"), told if kind == "share" else "", met)
    if what.healthy:
        return
    if seconds is not None:
        met = seconds[0] <= limit if kind == "seconds" else None
        yield Row(name, "ours: median until then", *_with(seconds, "s"), told if kind == "seconds" else "", met)
    yield Row(name, "ours: questions that met it, median", float(np.median(played.exposed)), "")


def _theirs(name: str, rival: str, what: Scenario, back: Floats) -> Iterator[Row]:
    label = "taken back though healthy" if what.healthy else "taken back"
    found = back[np.isfinite(back)]
    yield Row(name, f"{rival}: {label}", len(found) / len(back), "share")
    if len(found) and not what.healthy:
        yield Row(name, f"{rival}: median until then", float(np.median(found)), "s")


def _with(told: tuple[float, float, float], unit: str) -> tuple[float, str, float, float]:
    value, low, high = told
    return value, unit, low, high


def _assignment() -> Iterator[Row]:
    ramps = [Ramp("bench", percent) for percent in (*range(0, 101, 5), *range(95, -1, -5))]
    users = [f"user-{n}" for n in range(_USERS)]
    inside = np.array([[assign(ramp, user).exposed for user in users[:2_000]] for ramp in ramps])
    steps = np.diff(inside.astype(np.int8), axis=0)
    flips = int((steps[:20] < 0).sum() + (steps[20:] > 0).sum())
    yield Row("assignment", "users who flip while a ramp goes up and down", flips, "", goal="0", met=flips == 0)
    tenth = Ramp("bench", 10)
    began = time.perf_counter()
    share = 100 * float(np.mean([assign(tenth, user).exposed for user in users]))
    each = (time.perf_counter() - began) / _USERS * 1e6
    met = abs(share - 10) <= _POINTS
    yield Row("assignment", f"share of {_USERS:,} users at 10 %", share, "%", goal="10 +- .3", met=met)
    yield Row("assignment", "one decision", each, "us", goal="<= 15", met=each <= _MICROSECONDS)
