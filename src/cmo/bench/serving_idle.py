"""Twenty thousand who are connected and ask nothing: does anybody else notice, and what does each take?

::

    two processes --connect, and say nothing--> cmo serve <--questions-- asker
      each is let go after 20 s (`cmo.web.line`): nobody holds a descriptor for good
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from cmo.bench.figures import Row
from cmo.bench.running import Running
from cmo.bench.serving import Bench

IDLE, IDLE_MS = 20_000, 100.0
_LET_GO: Final = 20.0
"""Seconds after which a connection that asks nothing is closed."""
_HOLDERS: Final = 4
_LINES, _SECONDS, _QUESTIONS = 4, 3.0, 40


def connections(bench: Bench) -> Iterator[Row]:
    """As many as this machine lets them have."""
    bench.rest()
    one = bench.service()
    bodies = bench.lasting(one, _QUESTIONS)
    how = {"bodies": bodies, "connections": _LINES, "holds": ("cmo; hit",), "warm_seconds": 0.2}
    alone = bench.ask(one, _SECONDS, **how)
    wanted, before, began = round(IDLE * bench.pace), one.taken(), time.monotonic()
    with _held(one, wanted) as holders:
        had = sum(map(_count, holders))
        took, taken = time.monotonic() - began, one.taken()
        heard = bench.ask(one, _SECONDS, **how)
        later, after = sum(map(_still, holders)), time.monotonic() - began
    each = 1024 * (taken.memory - before.memory) / max(1, had)
    yield Row.at_least(f"connections that ask nothing, made in {took:.1f} s", had, "", wanted)
    yield Row.at_most("questions beside them, kept: p99", heard.answered.p99, "ms", IDLE_MS)
    yield Row("the same without them: p99", alone.answered.p99, "ms")
    yield Row("questions beside them, kept: a second", heard.rate, "/s")
    yield Row("the same without them: a second", alone.rate, "/s")
    yield Row("memory of each connection", round(each, 2), "kB")
    yield Row(f"still open after {after:.0f} s (each is let go after {_LET_GO:g})", later, "")


@contextmanager
def _held(one: Running, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "cmo.bench.holder", str(one.port), str(count // _HOLDERS)]
    with ExitStack() as stack:
        holders = []
        for _ in range(_HOLDERS):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
            stack.callback(process.wait)
            stack.callback(process.kill)
            holders.append(process)
        yield holders


def _count(holder: subprocess.Popen[str]) -> int:
    assert holder.stdout is not None
    return int(holder.stdout.readline() or 0)


def _still(holder: subprocess.Popen[str]) -> int:
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    return _count(holder)
