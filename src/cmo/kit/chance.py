"""Chance as a collaborator, so that tests own it."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom
from typing import Final

Chance = Callable[[], float]
"""Gives numbers of [0, 1)."""
CHANCE: Final[Chance] = SystemRandom().random
"""The machine's: processes that were forked from one another do not share it."""
