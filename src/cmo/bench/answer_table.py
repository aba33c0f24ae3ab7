"""Figures as a table in Markdown, with the machine that they were measured on, put into a page between its two marks."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import cmo
from cmo.bench.figures import Row
from cmo.errors import NotFound

BEGIN, END = "<!-- {} -->\n", "<!-- /{} -->"
ANSWERS, SERVED = "answers", "served"
"""Names of tables."""
_BUSY: Final = 0.5
"""Load a core from which a machine counts as busy."""


def machine() -> dict[str, Any]:
    """What figures are measured on, now."""
    cores = len(os.sched_getaffinity(0))
    return {"version": cmo.__version__, "python": platform.python_version(), "cores": cores, "load": _load()}


def ended(about: Mapping[str, Any]) -> dict[str, Any]:
    """The same at the end of a run."""
    return {**about, "load_after": _load()}


def markdown(rows: Sequence[Row], about: Mapping[str, Any], when: datetime) -> str:
    """One line about the run, and a table.

    A machine that was busy before the run began says so: then only ratios and shares can be relied on.
    """
    busy = about["load"] > _BUSY * about["cores"]
    warning = " **The machine was busy with other work: times say little.**" if busy else ""
    head = (
        f"{when:%Y-%m-%d %H:%M} UTC, {about['cores']} cores, load {about['load']:g} at the start and "
        f"{about['load_after']:g} at the end.{warning}"
    )
    return "\n".join([head, "", "| | figure | value | goal | met |", "|---|---|---|---|---|", *_lines(rows)]) + "\n"


def place(page: Path, name: str = ANSWERS) -> tuple[str, str]:
    """What stands before a page's table, and behind it.

    Raises:
        NotFound: the page is not there, or has no place for one.
    """
    whole = page.read_text("utf-8") if page.is_file() else ""
    begin, end = BEGIN.format(name), END.format(name)
    if begin not in whole or end not in whole:
        raise NotFound(f"{page} has no place for the table: {begin.strip()} and {end} on lines of their own.")
    before, rest = whole.split(begin, 1)
    return before, rest.split(end, 1)[1]


def publish(page: Path, text: str, name: str = ANSWERS) -> None:
    """Put a table into a page.

    Raises:
        NotFound: the page is not there, or has no place for it.
    """
    before, behind = place(page, name)
    page.write_text(f"{before}{BEGIN.format(name)}\n{text}\n{END.format(name)}{behind}", "utf-8")


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    part = ""
    for row in rows:
        between = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        yield f"| {row.part if row.part != part else ''} | {row.what} | {row.told}{between} | {row.goal} | {met} |"
        part = row.part


def _load() -> float:
    return round(os.getloadavg()[0], 2)
