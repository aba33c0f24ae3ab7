"""For how long a tier keeps what it is given, with jitter, so that what came together does not go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cmo.kit.chance import CHANCE, Chance

JITTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time.

    Args:
        seconds: in the mean.
        chance: for the jitter.
    """

    seconds: float
    chance: Chance = CHANCE

    def drawn(self) -> float:
        """Between nine and eleven tenths of it."""
        return self.seconds * (1.0 - JITTER + 2.0 * JITTER * self.chance())
