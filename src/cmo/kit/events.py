"""What happens to the calls of an outside service, as plain values: for metrics, logs and health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cmo.kit.breaker import Phase


class What(StrEnum):
    """What happened to a call, or to its breaker."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    KEPT = "kept"
    """Answered from what was kept."""
    JOINED = "joined"
    """The same was under way already."""
    RETRIED = "retried"
    HEDGED = "hedged"
    """A second call was made, as the first one took long."""
    OVERTAKEN = "overtaken"
    """And the second one was faster."""
    OPENED = "opened"
    PROBING = "probing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    dependency: str
    what: What
    seconds: float = 0.0
    """That it took, or the pause before a further attempt."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a service is doing."""

    phase: Phase
    limit: int
    under_way: int
    waiting: int
    median_seconds: float | None
    p95_seconds: float | None
    counts: Mapping[str, int]
    """Of events, by kind."""
