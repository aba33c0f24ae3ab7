"""What one run says: rows with their goals, the machine that they were measured on, JSON and a table."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import corpora

ROOT = Path(__file__).resolve().parents[1]
_LONG = 1000
_PACKAGES = ("clinical-metabolomics-oracle", "numpy", "faiss-cpu", "tantivy", "onnxruntime", "tokenizers", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit, from above (`most`) or from below (`least`), and whose wish it is."""

    limit: float
    at_most: bool = True

    def met(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    part: str
    what: str
    value: float
    unit: str = ""
    goal: Goal | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Single rounds and further quantiles, for the JSON."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, and whether the goal is met."""
        return asdict(self) | {
            "goal": str(self.goal) if self.goal else None,
            "met": self.goal.met(self.value) if self.goal else None,
        }


def most(limit: float) -> Goal:
    """No more than this."""
    return Goal(limit)


def least(limit: float) -> Goal:
    """No less than this."""
    return Goal(limit, at_most=False)


def machine() -> dict[str, Any]:
    """What the figures were measured with."""
    cpu = next((line.split(":")[1].strip() for line in _text("/proc/cpuinfo") if line.startswith("model name")), "?")
    load = os.getloadavg()
    return {
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(n, 2) for n in load],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "peers_lock": hashlib.sha256((ROOT / "bench/peers/requirements.lock").read_bytes()).hexdigest()[:12],
        "inputs": corpora.inputs(),
    }


def table(rows: Sequence[Row], about: Mapping[str, Any], when: datetime) -> str:
    """Markdown."""
    lines = [
        f"{when:%Y-%m-%d %H:%M} UTC, commit `{about['commit'][:10]}`{' with changes' if about['uncommitted'] else ''},",
        f"{about['cores']} cores ({about['cpu']}),",
        f"load {about['load'][0]:g} at the start and {about['load_after'][0]:g} at the end.",
        "",
        "| | figure | value | goal | met |",
        "|---|---|---|---|---|",
    ]
    part = ""
    for row in rows:
        met = "" if row.goal is None else ("yes" if row.goal.met(row.value) else "**no**")
        lines.append(
            f"| {row.part if row.part != part else ''} | {row.what}{f' ({row.note})' if row.note else ''} "
            f"| {_shown(row)} | {row.goal or ''} | {met} |"
        )
        part = row.part
    return "\n".join(lines) + "\n"


def _shown(row: Row) -> str:
    span = f" [{_number(row.low)}, {_number(row.high)}]" if row.low is not None and row.high is not None else ""
    return f"{_number(row.value)}{f' {row.unit}' if row.unit else ''}{span}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _LONG else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()


def _text(path: str) -> list[str]:
    return Path(path).read_text("utf-8").splitlines()
