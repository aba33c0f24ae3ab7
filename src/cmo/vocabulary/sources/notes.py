"""What a reader notices besides concepts: the version it reads, and what is wrong with the file and where.

A bad row costs that row. Problems are counted by kind and the first few of each are kept with their place, so that
whoever installs a vocabulary can judge whether the file is what they took it for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

KEPT = 20
"""Problems of a kind that are kept with their place; the rest are counted."""


class Problem(StrEnum):
    """What can be wrong with a part of a file."""

    BAD_ROW = "bad row"
    """It lacks what a concept or an edge needs, or cannot be decoded."""
    DUPLICATE = "duplicate id"
    """An earlier concept has this id; the later one is left out."""
    CYCLE = "cycle"
    """A concept would be broader than itself; the last parent on the way is left out."""


@dataclass(slots=True)
class Notes:
    """Filled by a reader while it reads."""

    version: str = ""
    """As the file tells it; empty where it does not."""
    counts: Counter[Problem] = field(default_factory=Counter)
    places: dict[Problem, list[str]] = field(default_factory=dict)
    """``genes.tsv:17: it has no id``."""

    def wrong(self, problem: Problem, where: str, why: str) -> None:
        """Count a problem, and keep its place if it is one of the first of its kind."""
        self.counts[problem] += 1
        kept = self.places.setdefault(problem, [])
        if len(kept) < KEPT:
            kept.append(f"{where}: {why}")
