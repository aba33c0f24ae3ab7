"""A question and how it is to be searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from cmo.model.money import Micros, Payer
from cmo.model.papers import Section

MAX_QUESTION_CHARS = 4_000
MAX_HOPS = 2


class Mode(StrEnum):
    """How passages are found."""

    NAIVE = "naive"
    """Vectors alone."""
    LOCAL = "local"
    """Passages that mention the question's concepts or their neighbours in the graph."""
    GLOBAL = "global"
    """Passages that state the relations around the question's concepts."""
    HYBRID = "hybrid"
    """Words and vectors, fused, with sentence evidence; and the graph where the question relates concepts."""
    MIX = "mix"
    """As hybrid, with the graph whenever the question names a concept."""


class Web(StrEnum):
    """Whether the web is searched as well."""

    NO = "no"
    ALSO = "also"
    ONLY = "only"
    """Papers serve where it has nothing."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the graph may carry a search."""

    multi_hop: bool = True
    """Whether neighbours are followed at all."""
    hops: int = 1
    """How many relations are followed at most, 0 to 2."""
    reasoning: bool = True
    """Whether an answer tells by which relations it was reached."""

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> Self:
        """From plain values, such as a file holds.

        Raises:
            ValueError: one is missing, of the wrong type or out of range.
        """
        match facts:
            case {"multi_hop": bool(multi_hop), "hops": int(hops), "reasoning": bool(reasoning)} if (
                0 <= hops <= MAX_HOPS
            ):
                return cls(multi_hop, hops, reasoning)
        message = f"multi_hop and reasoning must be true or false, hops 0 to {MAX_HOPS}"
        raise ValueError(message)

    @property
    def steps(self) -> int:
        """Relations that are followed."""
        return self.hops if self.multi_hop else 0


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
    reach: Reach | None = None
    """How far the graph may carry this one; None leaves it to the settings."""
    web: Web = Web.NO
    """Whether the web is searched for it as well."""
    max_cost: Micros | None = None
    """What its calls may cost together, in millionths of a dollar; None leaves it to the budgets."""
    payer: Payer = field(default_factory=Payer)
    """Who asks, and whose money may be spent on it."""
    release: str = ""
    """By which release it is answered, for the log; empty for the settings."""
