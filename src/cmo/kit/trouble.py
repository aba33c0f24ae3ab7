"""What an error of an outside call means: for the breaker, for trying again, for the limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cmo.kit.breaker import Outcome
from cmo.kit.retry import Again


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error, judged."""

    outcome: Outcome
    """A failure of the service, or nothing that says anything about it (ours, or the caller's)."""
    again: Again | None = None
    """Whether it may pass."""
    dropped: bool = False
    """Whether the service had too much to do."""


Judge = Callable[[Exception], Trouble]
