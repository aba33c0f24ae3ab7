"""Figures of a benchmark as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from cmo.bench.figures import Row


def figures(rows: Sequence[Row]) -> Table:
    """A line a figure, with the columns that any of them has; a part is named once."""
    before = ["", *(row.part for row in rows)]
    columns = {
        "part": [row.part if row.part != last else "" for row, last in zip(rows, before, strict=False)],
        "figure": [row.what for row in rows],
        "value": [row.told for row in rows],
        "95 % interval": [_between(row.low, row.high) for row in rows],
        "goal": [row.goal for row in rows],
        "met": ["" if row.met is None else "yes" if row.met else "[red]no[/]" for row in rows],
    }
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in kept:
        table.add_column(name, justify="right" if name == "value" else "left")
    for cells in zip(*kept.values(), strict=True):
        table.add_row(*cells)
    return table


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
