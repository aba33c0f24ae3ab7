"""What a provider of searches gives back, before anything of it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from cmo.kit.breaker import Phase


@dataclass(frozen=True, slots=True)
class Result:
    """One page, as the provider describes it."""

    url: str
    title: str = ""
    date: date | None = None
    snippet: str = ""
    """Of its text."""


@dataclass(frozen=True, slots=True)
class Answered:
    """All that it gives back."""

    results: tuple[Result, ...]
    said: str = ""
    """Its own answer, where it makes one."""


class Provider(Protocol):
    """Searches the web."""

    @property
    def name(self) -> str:
        """Of the service."""
        ...

    @property
    def phase(self) -> Phase:
        """What its breaker does now."""
        ...

    def ask(self, question: str, limit: int) -> Answered:
        """The best pages, best first.

        Raises:
            WebFailed: it kept failing, or sent what cannot be read.
            NotNow: it is not asked now.
            OutOfTime: the deadline passed.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def day(text: object) -> date | None:
    """A date as pages and providers write it: ``2024-05-01``, ``2024/05/01``, with or without a time."""
    try:
        return date.fromisoformat(str(text).strip()[:10].replace("/", "-"))
    except ValueError:
        return None
