"""What is kept of an answer that was given: all that it takes to tell later how it came about, and to ask again.

::

    a reply --> Given --kept--> replayed: what would differ today
                  '--people say--> Rating --> what the scores are calibrated with
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from cmo.model.money import Payer

LOWEST, HIGHEST = 1, 5
"""Of a rating: useless and wrong, to right and complete."""
MAX_COMMENT_CHARS: Final = 2_000
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given, as it was sent."""

    id: str
    at: datetime
    payer: Payer
    release: str
    """Which bundle of settings made it; empty for the usual one."""
    version: str
    """Of this program."""
    asked: Facts
    """``query``, ``mode``, ``filters`` and ``reach``, as it takes to ask again."""
    reply: Facts
    """All that was sent."""

    @property
    def question(self) -> str:
        """In words."""
        return str(self.asked["query"])


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody thinks of an answer."""

    answer: str
    """Its id."""
    at: datetime
    payer: Payer
    score: int
    """`LOWEST` to `HIGHEST`."""
    comment: str = ""


class AnswerLog(Protocol):
    """Keeps answers and ratings."""

    def put(self, answers: Sequence[Given]) -> None:
        """Keep answers; what is there already stays as it is."""
        ...

    def get(self, answer: str) -> Given | None:
        """An answer by its id."""
        ...

    def needed(self, answer: str) -> Given:
        """The same, for whoever cannot do without it.

        Raises:
            NotFound: there is no such answer.
        """
        ...

    def recent(self, limit: int, *, containing: str = "") -> list[Given]:
        """The latest answers, newest first, whose question holds some words."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete answers and their ratings; returns how many answers that were."""
        ...

    def rate(self, rating: Rating) -> None:
        """Keep a rating; the last one of a person counts.

        Raises:
            NotFound: there is no such answer.
        """
        ...

    def ratings(self, answer: str | None = None) -> list[Rating]:
        """Ratings of one answer, or all, oldest first."""
        ...
