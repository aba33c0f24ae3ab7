"""Figures of a benchmark, and whether they meet what they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


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

    @classmethod
    def at_most(cls, what: str, value: float, unit: str, most: float) -> Row:
        """One that should be small."""
        return cls(what, value, unit, f"≤ {most:g}", value <= most)

    @classmethod
    def at_least(cls, what: str, value: float, unit: str, least: float) -> Row:
        """One that should be large."""
        return cls(what, value, unit, f"≥ {least:g}", value >= least)


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Plain values."""
    return [asdict(row) for row in rows]
