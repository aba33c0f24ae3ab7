"""What people are told: something happened, how bad it is, and what to look at."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    """Somebody should look within the day."""
    CRITICAL = "critical"
    """Somebody should look now."""

    @property
    def level(self) -> int:
        """As loud the log says it."""
        return {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}[self.value]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told. It holds no question, no answer and no key of anything."""

    about: str
    """What it is about, such as ``rollout/graph/back``: the same is not told again for a while."""
    title: str
    """One line."""
    text: str = ""
    """What happened and what to do, in sentences."""
    severity: Severity = Severity.INFO
    facts: tuple[tuple[str, str], ...] = ()
    """Figures by name, in the order in which they are shown."""
    level: int | None = None
    """As loud the log says it, where its severity does not tell: an alert goes by who is to move, and how fast."""


class Notifier(Protocol):
    """Tells people what happened."""

    def tell(self, notice: Notice) -> bool:
        """Take a notice on its way. Never waits and never fails; False where it is not taken."""
        ...
