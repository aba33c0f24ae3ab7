"""A question and how it is to be searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cmo.model.papers import Section

MAX_QUESTION_CHARS = 4_000


class Mode(StrEnum):
    """How passages are found."""

    NAIVE = "naive"
    """Vectors alone."""
    HYBRID = "hybrid"
    """Words and vectors, fused, with sentence evidence."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a passage must be to count; an empty filter admits everything."""

    year_from: int | None = None
    year_to: int | None = None
    journals: frozenset[str] = frozenset()
    """Case-folded journal names."""
    sections: frozenset[Section] = frozenset()
    papers: frozenset[str] = frozenset()
    """Paper ids."""
    without: frozenset[str] = frozenset()
    """Ids of papers that must not count."""

    def __bool__(self) -> bool:
        """Whether anything is asked for at all."""
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Question:
    """A question as admitted: cleaned, bounded, with its mode and filters."""

    text: str
    mode: Mode = Mode.HYBRID
    filters: Filters = field(default_factory=Filters)
