"""Figures of a benchmark, and whether they meet what they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cmo.bench.metrics import estimate

_LARGE: Final = 1_000
"""From here on figures are told whole."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None
    low: float | None = None
    """Of a 95 % interval."""
    high: float | None = None
    part: str = ""

    @property
    def told(self) -> str:
        """The value with its unit, as people read it."""
        number = f"{self.value:,.0f}" if abs(self.value) >= _LARGE else f"{self.value:.4g}"
        return f"{number} {self.unit}".strip()

    @classmethod
    def at_most(cls, what: str, value: float, unit: str, most: float) -> Row:
        """One that should be small."""
        return cls(what, value, unit, f"≤ {most:g}", value <= most)

    @classmethod
    def mean(cls, what: str, values: Sequence[float] | NDArray[Any], *, least: float | None = None) -> Row:
        """A mean with its 95 % interval, and how large it should be where somebody wishes that."""
        e = estimate(np.asarray(values, np.float64))
        goal, met = ("", None) if least is None else (f"≥ {least:g}", e.value >= least)
        return cls(what, e.value, "", goal, met, e.low, e.high)

    @classmethod
    def at_least(cls, what: str, value: float, unit: str, least: float) -> Row:
        """One that should be large."""
        return cls(what, value, unit, f"≥ {least:g}", value >= least)


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Plain values; what a figure has not is left out."""
    extra = {"part": "", "low": None, "high": None}
    return [{name: value for name, value in asdict(row).items() if extra.get(name, row) != value} for row in rows]
