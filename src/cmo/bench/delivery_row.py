"""One figure of `cmo bench delivery`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    part: str
    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    goal: str = ""
    met: bool | None = None
