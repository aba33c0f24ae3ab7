"""Start: the wall time of one `cmo ask`, and which imports it goes to."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import quality
from rows import Row, most

_QUESTION = "Does 4-PBA treatment decrease endoplasmic reticulum stress?"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_SHOWN = 20


def measure(*, quick: bool) -> Iterator[Row]:
    """Whole processes, then one with its imports timed."""
    corpus = quality.opened("SciFact", 1)
    home = str(corpus.house.folder)
    corpus.house.close()
    command = [Path(sys.executable).with_name("cmo"), "ask", _QUESTION, "--home", home, "--json"]
    _timed(command)  # warms the disk cache
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = [_timed(command) for _ in range(3 if quick else 9)]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(seconds)
    shares = _imports([sys.executable, "-X", "importtime", *command])
    imports = sum(own for own, _ in shares) / 1e6
    what = "`cmo ask` on 5,183 abstracts, from the shell to the end"
    low, high = min(seconds), max(seconds)
    yield Row("start", what, float(np.median(seconds)), "s", most(1.5), low, high, more={"rounds": seconds})
    yield Row("start", "CPU time of it, which other processes disturb less", cpu, "s")
    packages = _by_package(shares)
    shown = ", ".join(f"{name} {ms:.0f}" for name, ms in list(packages.items())[:8])
    yield Row("start", "of it imports, timed one by one", imports, "s", note=f"ms: {shown}", more={"ms": packages})


def _timed(command: list[object]) -> float:
    began = time.perf_counter()
    done = subprocess.run([str(w) for w in command], capture_output=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - began


def _imports(command: list[object]) -> list[tuple[int, str]]:
    """Own microseconds and name of each import."""
    said = subprocess.run([str(w) for w in command], capture_output=True, text=True, check=False).stderr
    return [(int(own), name) for own, name in _LINE.findall(said)]


def _by_package(shares: list[tuple[int, str]]) -> dict[str, float]:
    """Milliseconds that each package's own modules cost, most first."""
    found: Counter[str] = Counter()
    for own, name in shares:
        found[name.split(".")[0]] += own
    return {package: round(us / 1000, 1) for package, us in found.most_common(_SHOWN)}
