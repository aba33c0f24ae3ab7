"""Time as a collaborator, so that tests own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never backwards."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads it

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never backwards."""
        return time.monotonic()
