"""Numbers with their units, as whoever reads a text for them tells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Measured(Protocol):
    """A quantity of a text."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Behind it."""
        ...

    @property
    def low(self) -> float:
        """In a unit that can be compared."""
        ...

    @property
    def high(self) -> float:
        """Equal to `low` unless it is a range."""
        ...

    @property
    def unit(self) -> str:
        """Empty for a bare number."""
        ...

    @property
    def relation(self) -> str:
        """``<``, ``=`` ..."""
        ...


Quantities = Callable[[str], Sequence[Measured]]
"""A text to the quantities in it."""
