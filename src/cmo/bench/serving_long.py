"""What watching costs, and what hours would show: memory and descriptors of a service that has much to do.

::

    service with metrics, stages, log | the same without --in turns--> processor time of an answer: the share that they take
    service at 70 % of its peak, for half an hour --a look every few seconds--> straight line through memory --> growth
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Final

import numpy as np

from cmo.bench.figures import Row
from cmo.bench.metrics import estimate
from cmo.bench.running import Running
from cmo.bench.serving import REFUSALS, Bench
from cmo.errors import NotFound

WATCHED_PERCENT, GROWTH_PERCENT, DESCRIPTORS = 3.0, 2.0, 8
"""Descriptors: a pool may open a connection to the database later than others; a leak would be one of each hundred questions."""
UNWATCHED: Final = {
    "METRICS_COLLECTION_ENABLED": "false",
    "ENABLE_PERFORMANCE_MONITORING": "false",
    "CMO_LOG_LEVEL": "ERROR",
}
ANEW: Final = "Cache-Control: no-cache\r\n"
"""Each answer is made, and kept in place of the one before: everything works, and nothing grows by design."""
_TURNS: Final = {"kept": 16, "made": 12}
"""Of each pair of services, of which there are two."""
_TURN_SECONDS: Final = {"kept": 1.5, "made": 3.0}
_LINES: Final = {"kept": 16, "made": 8}
_LOAD: Final = 0.7
_WARM: Final = 0.1
"""Share of the soak that comes before: memory settles, pools open what they open."""
_ANY: Final = 1_000_000
_LOOK_SECONDS, _TELL_SECONDS = 5.0, 30.0
_PEAK_SECONDS, _REST_SECONDS = 10.0, 7.0
"""uvicorn closes connections that rest for five seconds."""
_SOAKERS: Final = 64
_KEPT: Final = 60


def instruments(bench: Bench) -> Iterator[Row]:
    """What metrics, stages and the log cost of the throughput.

    The limit stands on processor time. A service that has all it can do is limited by its processors, so that its throughput
    is the inverse of the processor time that an answer takes: what watching takes of that is what it takes of the
    throughput. Answers a second say the same, but with all that the asker and the rest of the machine do in it; they stand beside.

    Both services begin in the same way, after the questions were sifted by a third one, and twice, each being the first
    once: where the memory of a process happens to lie makes some percent of a difference that stays until it ends.
    """
    assert bench.bodies  # asked of a service that ends with the next line
    bench.rest()
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in _TURNS}
    for first in (True, False):
        with ExitStack() as both:
            ways = ({}, UNWATCHED) if first else (UNWATCHED, {})
            one, other = [both.enter_context(bench.another(**way)) for way in ways]
            _in_turns(bench, *((one, other) if first else (other, one)), found)
    for kind, lost in found.items():
        by_time, by_rate = (estimate([100 * one for one in column]) for column in zip(*lost, strict=True))
        name, met = f"answers {kind}, {len(lost)} turns: throughput lost", by_time.value <= WATCHED_PERCENT
        limit = f"≤ {WATCHED_PERCENT:g}"
        yield Row(f"{name}, by processor time", by_time.value, "%", limit, met, by_time.low, by_time.high)
        yield Row(f"{name}, as seen by who asks", by_rate.value, "%", low=by_rate.low, high=by_rate.high)


def _in_turns(bench: Bench, watched: Running, blind: Running, found: dict[str, list[tuple[float, float]]]) -> None:
    """Shares that are lost, by processor time and by answers a second."""
    _differ(watched, blind)
    kept = bench.lasting(watched, _KEPT)
    bench.lasting(blind, _KEPT)
    for kind, turns in _TURNS.items():
        for turn in range(max(2, round(turns * bench.pace))):
            order = (watched, blind) if turn % 2 else (blind, watched)
            heard = {one.port: _rate(bench, one, kind, kept) for one in order}
            (rate, cpu), (rate_blind, cpu_blind) = heard[watched.port], heard[blind.port]
            found[kind].append((1 - cpu_blind / cpu, 1 - rate / rate_blind))


def soak(bench: Bench) -> Iterator[Row]:
    """Half an hour of work."""
    bench.rest()
    one = bench.service()
    lines = _LINES["made"]
    most = bench.ask(one, _PEAK_SECONDS, connections=lines, headers=ANEW, refusals=REFUSALS).rate
    seconds, rate = 60 * bench.minutes, _LOAD * most
    how = {"rate": rate, "connections": _SOAKERS, "headers": ANEW, "refusals": REFUSALS, "warm_seconds": 0.0}
    bench.ask(one, _WARM * seconds / bench.pace, **how, most_wrong=_ANY)
    time.sleep(_REST_SECONDS)
    before, looks = one.taken().descriptors, Looks(bench, one, (1 - _WARM) * seconds)
    heard = bench.ask(one, looks.seconds / bench.pace, **how, seed=1, meanwhile=looks.look, most_wrong=_ANY)
    time.sleep(_REST_SECONDS)
    more = one.taken().descriptors - before
    yield from _soaked(f"{rate:.0f} a second for {looks.seconds / 60:.3g} min", looks.found)
    yield Row.at_most("descriptors more at rest than before", more, "", DESCRIPTORS)
    yield Row.at_most(f"replies broken or wrong, of {sum(heard.statuses.values()):,}", heard.wrong, "", 0)
    yield Row("refused", round(heard.refused.count / max(1, sum(heard.statuses.values())), 5), "")
    yield Row("p50", heard.answered.p50, "ms")
    yield Row("p99", heard.answered.p99, "ms")


@dataclass
class Looks:
    """Looks at the memory of a service, now and then."""

    bench: Bench
    one: Running
    seconds: float
    """In all."""
    found: list[tuple[float, float]] = field(default_factory=list)
    """Seconds and MB."""
    told: float = 0.0

    def look(self, now: float) -> None:
        """Look, where it is time to."""
        if self.found and now - self.found[-1][0] < min(_LOOK_SECONDS, self.seconds / 60):
            return
        taken = self.one.taken()
        self.found.append((now, taken.memory))
        if now - self.told >= _TELL_SECONDS:
            self.told = now
            about = f"{taken.memory:.1f} MB, {taken.descriptors} descriptors"
            self.bench.say(f"soak: {now / 60:.1f} of {self.seconds / 60:.3g} min, {about}")


def growth(looks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """By how many percent something grew over a run: by a straight line through it, and last tenth over first.

    Args:
        looks: seconds and values, in order; at least two.
    """
    at, values = np.array(looks, np.float64).T
    slope, level = np.polyfit(at - at[0], values, 1)
    tenth = max(1, len(values) // 10)
    first, last = values[:tenth].mean(), values[-tenth:].mean()
    return 100 * float(slope * (at[-1] - at[0]) / level), 100 * float(last / first - 1)


def _soaked(name: str, looks: Sequence[tuple[float, float]]) -> Iterator[Row]:
    if len(looks) < 10:  # noqa: PLR2004 - a line through less says nothing
        raise NotFound(f"Memory was looked at {len(looks)} times, too few for a line. Soak for longer: --minutes.")
    by_line, by_tenths = growth(looks)
    yield Row.at_most(f"{name}: memory growth, by a line", round(by_line, 3), "%", GROWTH_PERCENT)
    yield Row.at_most(f"{name}: memory growth, last tenth over first", round(by_tenths, 3), "%", GROWTH_PERCENT)
    yield Row("memory of all processes at the end", round(looks[-1][1], 1), "MB")


def _rate(bench: Bench, one: Running, kind: str, kept: Sequence[str]) -> tuple[float, float]:
    """Answers a second, and processor time of each."""
    how = {"holds": ("cmo; hit",), "bodies": kept} if kind == "kept" else {"headers": ANEW}
    before = one.taken().cpu
    heard = bench.ask(
        one, _TURN_SECONDS[kind], connections=_LINES[kind], warm_seconds=0.3, refusals=REFUSALS, **how
    )  # fmt: skip
    return heard.rate, (one.taken().cpu - before) / heard.all


def _differ(watched: Running, blind: Running) -> None:
    """See to it that one counts and the other does not."""
    if _counts(watched) and not _counts(blind):
        return
    raise NotFound("One service should count its requests and the other should not; look at /metrics of both.")


def _counts(one: Running) -> bool:
    line = HTTPConnection("127.0.0.1", one.port, timeout=20)
    try:
        line.request("GET", "/metrics")
        return b"cmo_http_requests_total{" in line.getresponse().read()
    finally:
        line.close()
