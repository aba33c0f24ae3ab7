"""How fast a service answers at most, how long people wait at half of that, and what becomes of them at twice of it.

::

    closed loop --> the peak --half of it, when people come as they come--> how long they wait
                       '-----twice of it, for a minute--> the peak again --> answers in time, refusals at once

A shared machine is half as fast again from one quarter of an hour to the next: each part measures the peak that it goes by,
and the overload what it is after as well as before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from cmo.bench.asking import cores
from cmo.bench.figures import Row
from cmo.bench.job import Heard
from cmo.bench.running import Running
from cmo.bench.serving import REFUSALS, WARM, Bench

KEPT, MADE = 1_500.0, 120.0
"""Answers a second, wished for."""
HALF_MS, OVER_MS, AT_ONCE_MS = 60.0, 250.0, 100.0
GOODPUT: Final = 0.9
USERS, USERS_MEAN_MS, USERS_P95_MS, USERS_RATE, USERS_SUCCESS = 50, 200.0, 300.0, 500.0, 0.995
"""Document 002: 50 users, 2 s on average, 3 s for 95 %, 50 a second, 85 to 95 % asked before; ten times to spare."""
_REPEATED: Final = 0.9
_USERS_ASK: Final = 5_000
_SECONDS, _MINUTE = 10.0, 60.0
_KEPT_LINES, _MADE_LINES, _MOST_LINES = 16, 8, 2_000
_KEPT_QUESTIONS: Final = 200
PLAIN: Final = {"CMO_CACHE": "false"}
_PATIENT: Final = {**PLAIN, "CMO_TURN_SECONDS": "10"}
"""Who asks in a closed loop has come to wait: one that is refused leaves a core idle, and the peak would be none."""


def kept(bench: Bench) -> Iterator[Row]:
    """Answers that were made before."""
    one = bench.service()
    lines, bodies = _KEPT_LINES, bench.lasting(one, _KEPT_QUESTIONS)
    bench.ask(one, 2, bodies=bodies, connections=lines)  # each worker has each of them in memory
    before, heard = one.taken().cpu, bench.ask(one, _SECONDS, bodies=bodies, connections=lines, holds=("cmo; hit",))
    name = f"answers kept, {lines} connections"
    yield Row.at_least(f"{name}: a second", heard.rate, "/s", KEPT)
    yield from _about(name, heard, one.taken().cpu - before)


def uncached(bench: Bench) -> Iterator[Row]:
    """Answers that are made."""
    one = bench.service(**_PATIENT)
    before, heard = one.taken().cpu, _peak(bench, one)
    name = f"answers made, {_MADE_LINES} connections"
    yield Row.at_least(f"{name}: a second", heard.rate, "/s", MADE)
    yield from _about(name, heard, one.taken().cpu - before)


def half(bench: Bench) -> Iterator[Row]:
    """How long people wait who come as they come, half as many as there could be."""
    rate = _peak(bench, bench.service(**_PATIENT)).rate / 2
    one = bench.service(**PLAIN)
    come = {"rate": rate, "connections": _MOST_LINES, "seed": 1}
    before, heard = one.taken().cpu, bench.ask(one, 1.5 * _SECONDS, strangers=True, **come)
    bench.results.draw("half", f"answers made, half load ({rate:.0f}/s): ms", heard, HALF_MS / 1000)
    name = f"answers made, {rate:.0f} a second asked"
    yield Row.at_most(f"{name}: p99", heard.answered.p99, "ms", HALF_MS)
    yield from _about(name, heard, one.taken().cpu - before)
    stay = bench.ask(one, 1.5 * _SECONDS, **come, refusals=REFUSALS)
    yield Row(f"{name}, by connections that stay: p99", stay.answered.p99, "ms")


def overload(bench: Bench) -> Iterator[Row]:
    """Twice as many as there could be, for a minute."""
    with bench.another(**_PATIENT) as patient:
        most = _peak(bench, patient).rate
        one = bench.service(**PLAIN)
        heard = bench.ask(
            one, _MINUTE, rate=2 * most, connections=_MOST_LINES, refusals=REFUSALS, seed=2, strangers=True
        )
        after = _peak(bench, patient).rate
    bench.results.draw("overload", f"answers made, twice the load ({2 * most:.0f}/s): ms", heard, OVER_MS / 1000)
    name = f"{2 * most:.0f} a second asked for {heard.seconds:.0f} s"
    yield Row.at_least(
        f"{name}: answers a second over the peak", round(2 * heard.rate / (most + after), 3), "", GOODPUT
    )
    yield Row(
        f"{name}: peak before and after it",
        round((most + after) / 2, 1),
        "/s",
        low=min(most, after),
        high=max(most, after),
    )
    yield Row.at_most(f"{name}: p99 of answers", heard.answered.p99, "ms", OVER_MS)
    yield Row.at_most(f"{name}: p99 of refusals ({heard.refused.count:,})", heard.refused.p99, "ms", AT_ONCE_MS)
    yield Row(f"{name}: refused", round(heard.refused.count / sum(heard.statuses.values()), 3), "")
    yield Row(f"{name}: median of answers", heard.answered.p50, "ms")
    yield from _asker(name, heard)


def users(bench: Bench) -> Iterator[Row]:
    """Fifty users who ask as often as in the documents, and ten times as often; nine of ten questions were asked before."""
    heard = _users(bench, USERS, rate=USERS_RATE)
    name = f"{USERS} users, {USERS_RATE:.0f} a second asked, {1 - _REPEATED:.0%} of them new"
    yield Row.at_most(f"{name}: mean", heard.answered.mean, "ms", USERS_MEAN_MS)
    yield Row.at_most(f"{name}: p95", heard.answered.p95, "ms", USERS_P95_MS)
    yield Row.at_least(f"{name}: answered", _share(heard), "", USERS_SUCCESS)
    yield from _asker(name, heard)
    heard = _users(bench, USERS)
    name = f"{USERS} users without pauses"
    yield Row(f"{name}: mean", heard.answered.mean, "ms")
    yield Row(f"{name}: a second", heard.rate, "/s")
    yield Row(f"{name}: answered", _share(heard), "")


def _users(bench: Bench, lines: int, rate: float = 0.0) -> Heard:
    """What they hear of a service that was asked `WARM` questions, and none of theirs."""
    bench.rest()
    one = bench.service()
    fresh = bench.bodies[WARM:] or bench.bodies
    count = int(min(_USERS_ASK * bench.pace, len(fresh) / (1 - _REPEATED)))
    how: dict[str, Any] = {"connections": lines, "warm_seconds": 0.0, "refusals": REFUSALS, "seed": 3}
    how |= {"rate": rate} if rate else {"once": True}
    bodies = repeated(fresh, count, _REPEATED, seed=3)
    return bench.ask(one, count / rate / bench.pace if rate else 0, bodies=bodies, **how)


def _share(heard: Heard) -> float:
    """Of the questions that were answered."""
    return heard.answered.count / sum(heard.statuses.values())


def repeated(fresh: Sequence[str], count: int, share: float, seed: int) -> list[str]:
    """So many questions, of which about a share was asked before; none of them comes anew more than once while there are others."""
    chance = np.random.default_rng(seed)
    new, before = itertools.cycle(fresh), list[str]()
    found = []
    for again in (chance.random(count) < share).tolist():
        if not again or not before:
            before.append(next(new))
        found.append(before[int(chance.integers(len(before)))] if again else before[-1])
    return found


def _peak(bench: Bench, one: Running) -> Heard:
    """As many answers as can be made."""
    return bench.ask(one, _SECONDS, connections=_MADE_LINES, holds=("fwd=miss",))


def _about(name: str, heard: Heard, cpu: float) -> Iterator[Row]:
    """What else a run tells."""
    yield Row(f"{name}: p50", heard.answered.p50, "ms")
    yield Row(f"{name}: p99", heard.answered.p99, "ms")
    yield Row(f"{name}: processor time of the service each", round(1000 * cpu / max(1, heard.all), 3), "ms")
    if heard.refused.count:
        yield Row(f"{name}: refused", round(heard.refused.count / sum(heard.statuses.values()), 4), "")
    yield from _asker(name, heard)


def _asker(name: str, heard: Heard) -> Iterator[Row]:
    yield Row(f"{name}: cores that the asker takes, of {cores()}", heard.cpu, "")
    if heard.late:
        yield Row(f"{name}: asked later than due, p99", heard.late, "ms")
