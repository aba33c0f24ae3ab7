"""Extra calls (a retry, a hedge) as a share of the calls that are made anyway, so that they never make a bad hour worse.

Each call saves a part of one; an extra one spends a whole. Over any stretch the extra ones are at most `share` of the
calls and `burst` besides.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

_WHOLE = 1.0 - 1e-9
"""A tenth ten times is a little less than one in floating point."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent on extra calls."""

    share: float
    burst: float
    """Extra calls that are there to begin with, and the most that are saved."""
    saved: float

    @classmethod
    def full(cls, share: float, burst: float) -> Allowance:
        """To begin with."""
        return cls(share, burst, burst)

    def earned(self) -> Allowance:
        """After a call."""
        return replace(self, saved=min(self.burst, self.saved + self.share))

    def spent(self) -> Allowance | None:
        """After an extra call; None where it may not be made."""
        return replace(self, saved=max(0.0, self.saved - 1.0)) if self.saved >= _WHOLE else None


class Purse:
    """An allowance that threads and tasks share.

    Args:
        share: extra calls of one call.
        burst: extra calls besides.
    """

    def __init__(self, share: float, burst: float) -> None:
        self._allowance = Allowance.full(share, burst)
        self._lock = threading.Lock()

    @property
    def saved(self) -> float:
        """Extra calls that may be made now."""
        return self._allowance.saved

    def earn(self) -> None:
        """A call is made."""
        with self._lock:
            self._allowance = self._allowance.earned()

    def spend(self) -> bool:
        """Whether an extra call may be made; it is then taken as made."""
        with self._lock:
            after = self._allowance.spent()
            self._allowance = after or self._allowance
        return after is not None
