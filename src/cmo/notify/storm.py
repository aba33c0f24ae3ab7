"""Many notices as one message: how many, the worst first, no more of them than anybody reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cmo.model.notices import Notice, Severity

_ORDER: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_MOST: Final = 20
"""Titles that are written out."""


def gathered(notices: Sequence[Notice], lost: int = 0) -> Notice:
    """One message of some notices.

    Args:
        notices: one at least, in the order in which they were told.
        lost: how many more there were that found no room.
    """
    if len(notices) == 1 and not lost:
        return notices[0]
    worst_first = sorted(notices, key=lambda notice: _ORDER.index(notice.severity))
    lines = [f"{notice.title} {notice.text}".strip() for notice in worst_first[:_MOST]]
    if more := len(notices) - len(lines):
        lines.append(f"... and {more} more.")
    if lost:
        lines.append(f"{lost} more found no room.")
    return Notice(
        f"storm/{notices[0].about}", f"{len(notices) + lost} notices: {worst_first[0].title}", "\n".join(lines),
        worst_first[0].severity,
        tuple((severity.value, str(count)) for severity in _ORDER if (count := _count(notices, severity))),
    )  # fmt: skip


def _count(notices: Sequence[Notice], severity: Severity) -> int:
    return sum(notice.severity is severity for notice in notices)
