"""Pages of the web: what a search found, as data and nothing else. No text of theirs gives orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page that a search found."""

    url: str
    """As it was given, http or https; one that may be asked for."""
    title: str
    text: str
    """Plain text: no markup, no scripts."""
    fetched_at: datetime
    date: date | None = None
    """When it was published or last changed, as far as somebody says."""
    start: int = 0
    """Where the text begins in the whole text of the page; 0 where that was not read."""
    whole: bool = False
    """Whether the page itself was read, rather than what the search says of it."""

    @property
    def end(self) -> int:
        """Where the text ends."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class WebFound:
    """What a search came to."""

    pages: tuple[WebPage, ...]
    """In the order of the search, none twice."""
    said: str = ""
    """The search's own answer, where it gives one: a claim like any other, to be borne out by the pages."""
    provider: str = ""
    dropped: int = 0
    """Addresses that may not be asked for, pages without text, and those that were there already."""
