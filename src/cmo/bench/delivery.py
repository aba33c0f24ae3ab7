r"""All figures of progressive delivery, in one run.

::

    scenario --World--> the same kind of windows --> our gates through `advance`
                                             \--> rules that others use, at a tenth of the traffic --> seconds until each calls
    users --> assignment: exact, nobody flips
    sums of answers --> the gates as the controller uses them (`delivery_live`)
    real services under load --> what releases cost, how soon they are gone (`delivery_served`)
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cmo.bench.delivery_live import live
from cmo.bench.delivery_served import served
from cmo.bench.figures import Row
from cmo.delivery.arms import Metric, Window
from cmo.delivery.assign import Ramp, assign, place
from cmo.delivery.rollout import plan
from cmo.delivery.simulate import SCENARIOS, Played, Scenario, World, play, summary

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_SHARE = 0.1
_WINDOW = 60.0
_USERS = 100_000
_FOLLOWED = 10_000
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
    "documents, > 5 % for 2 min": lambda runs: InARow(runs, 0.05, 2),
    "documents, > 10 % for 5 min": lambda runs: InARow(runs, 0.10, 5),
    "as Argo, > 2 % three times in a row": lambda runs: InARow(runs, 0.02, 3),
    "z-test each minute": RepeatedTest,
}


class Part(StrEnum):
    """What can be measured alone."""

    RULES = "rules"
    """Simulated releases: our gates beside the rules that others use."""
    ASSIGNMENT = "assignment"
    LIVE = "live"
    """The gates as the controller uses them, and what a decision costs."""
    SERVICE = "service"
    """Real services under load: overhead, and taking back."""


def measure(
    runs: int, seed: int, said: Callable[[str], None], parts: Collection[Part] = tuple(Part), papers: Path = Path()
) -> Iterator[Row]:
    """All figures of some parts.

    Args:
        runs: releases that are played of each kind.
        seed: of chance.
        said: hears what is being done.
        parts: what is measured.
        papers: a folder with some, for the services.

    Raises:
        NotFound: there are no papers, or a service does not begin.
    """
    if Part.RULES in parts:
        for name, what in SCENARIOS.items():
            said(f"{name}: {what.about}")
            yield from _scenario(name, what, runs, seed)
    if Part.ASSIGNMENT in parts:
        said("assignment")
        yield from _assignment()
    if Part.LIVE in parts:
        said("live gates")
        yield from live(seed)
    if Part.SERVICE in parts:
        yield from served(papers, said)


def _scenario(name: str, what: Scenario, runs: int, seed: int) -> Iterator[Row]:
    began = time.perf_counter()
    told = summary(name, played := play(plan("cmo"), what, runs, seed))
    took = time.perf_counter() - began
    yield from _ours(name, what, played, told.rolled_back, told.seconds)
    yield Row(f"ours, {runs} releases played in", took, "s", part=name)
    rules = [rule(runs) for rule in RIVALS.values()]
    for rival, back in zip(RIVALS, called(rules, what, runs, seed), strict=True):
        yield from _theirs(name, rival, what, back)


def called(rules: Sequence[Rule], what: Scenario, runs: int, seed: int) -> Floats:
    """(rules, runs) seconds until each takes a release back that a tenth of the users have; infinite where never."""
    world, back = World(what, runs, np.random.default_rng(seed)), np.full((len(rules), runs), np.inf)
    share = np.full(runs, _SHARE)
    for number in range(1, math.ceil(what.horizon / what.tick) + 1):
        now = number * what.tick
        ends = what.tick >= _WINDOW or now % _WINDOW < what.tick
        window = world.window(now, share)
        calls = np.array([rule.calls(window, ends) for rule in rules])
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
    yield _with(Row(f"ours: {label}", 0.0, "share", told if kind == "share" else "", met, part=name), share)
    if what.healthy:
        return
    if seconds is not None:
        met = seconds[0] <= limit if kind == "seconds" else None
        yield _with(
            Row("ours: median until then", 0.0, "s", told if kind == "seconds" else "", met, part=name), seconds
        )
    yield Row("ours: questions that met it, median", float(np.median(played.exposed)), "", part=name)


def _theirs(name: str, rival: str, what: Scenario, back: Floats) -> Iterator[Row]:
    label = "taken back though healthy" if what.healthy else "taken back"
    found = back[np.isfinite(back)]
    yield Row(f"{rival}: {label}", len(found) / len(back), "share", part=name)
    if len(found) and not what.healthy:
        yield Row(f"{rival}: median until then", float(np.median(found)), "s", part=name)


def _with(row: Row, told: tuple[float, float, float]) -> Row:
    """With an interval."""
    return replace(row, value=told[0], low=told[1], high=told[2])


def _assignment() -> Iterator[Row]:
    users = [f"user-{n}" for n in range(_USERS)]
    places = np.array([place("bench", user) for user in users])
    off = max(abs(100 * float(np.mean(places < share / 100)) - share) for share in range(0, 101, 5))
    what = f"share of {_USERS:,} users, from 0 to 100 %: furthest from the plan"
    yield Row(what, off, "points", f"<= {_POINTS:g}", off <= _POINTS, part="assignment")
    ramps = [Ramp("bench", percent) for percent in (*range(0, 101, 5), *range(95, -1, -5))]
    inside = np.array([[assign(ramp, user).exposed for user in users[:_FOLLOWED]] for ramp in ramps])
    steps = np.diff(inside.astype(np.int8), axis=0)
    flips = int((steps[:20] < 0).sum() + (steps[20:] > 0).sum())
    what = f"of {_FOLLOWED:,} users, who flip while a ramp goes from 0 to 100 and back"
    yield Row(what, flips, "", "0", flips == 0, part="assignment")
    tenth = Ramp("bench", 10)
    began = time.process_time()
    for user in users:
        assign(tenth, user)
    each = (time.process_time() - began) / _USERS * 1e6
    yield Row("one assignment", each, "us", f"<= {_MICROSECONDS}", each <= _MICROSECONDS, part="assignment")
