"""A search of the web: a provider's results, read, cut to what bears on the question, none twice.

::

    question --provider--> results --allowed? new?--> pages read side by side --> spans --new text?--> WebFound
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cmo.kit import deadline
from cmo.kit.address import allowed
from cmo.kit.breaker import Phase
from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.kit.text import clean_line, shorten
from cmo.model.web import WebFound, WebPage
from cmo.websearch.address import normal
from cmo.websearch.html import Page, read
from cmo.websearch.reader import PageReader
from cmo.websearch.results import Provider, Result
from cmo.websearch.span import best

SPAN_CHARS: Final = 2_000
_TITLE_CHARS: Final = 300
_SAID_CHARS: Final = 20_000
_LEAST_SECONDS: Final = 0.2
"""Below which pages are not even asked for."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    result: Result
    snippet: str
    title: str


class Search:
    """Searches the web. Threads may share it.

    Args:
        provider: finds pages.
        clock: the time.
        reader: reads them; None takes what the provider says of them.
        private: whether addresses of one's own network may come up.
    """

    def __init__(self, provider: Provider, clock: Clock, reader: PageReader | None, *, private: bool = False) -> None:
        self._provider = provider
        self._clock = clock
        self._reader = reader
        self._private = private

    @property
    def phase(self) -> Phase:
        """What the provider's breaker does now."""
        return self._provider.phase

    def search(self, question: str, limit: int) -> WebFound:
        """The best pages, best first, at most so many.

        Raises:
            WebFailed: the provider kept failing, or sent what cannot be read.
            NotNow: it is not asked now.
            OverBudget: no money may be spent on it now.
            OutOfTime: the deadline passed.
        """
        answered = self._provider.ask(question, limit)
        chosen = list(self._chosen(answered.results))[:limit]
        pages = self._read([c.result.url for c in chosen])
        found = tuple(_once(self._page(c, page, question) for c, page in zip(chosen, pages, strict=True)))
        said = shorten(read(answered.said).text if "<" in answered.said else answered.said, _SAID_CHARS)
        dropped = len(answered.results) - len(found)
        return WebFound(found, said, self._provider.name, dropped)

    def close(self) -> None:
        """Close the connections."""
        self._provider.close()
        if self._reader is not None:
            self._reader.close()

    def _chosen(self, results: Sequence[Result]) -> Iterator[_Chosen]:
        """Results that may be shown, each page once."""
        seen: set[str] = set()
        for result in results:
            if not allowed(result.url, private=self._private) or (key := normal(result.url)) in seen:
                continue
            seen.add(key)
            title = clean_line(read(result.title).text)
            yield _Chosen(result, read(result.snippet).text, shorten(title, _TITLE_CHARS))

    def _read(self, urls: Sequence[str]) -> list[Page | None]:
        if self._reader is None or not urls or not deadline.affords(_LEAST_SECONDS):
            return [None] * len(urls)
        return self._reader.pages(urls)

    def _page(self, chosen: _Chosen, page: Page | None, question: str) -> WebPage:
        whole = page is not None and bool(page.text)
        text = page.text if page is not None and whole else chosen.snippet
        start, end = best(text, f"{question} {chosen.snippet}", SPAN_CHARS)
        title = (page.title if page else "") or chosen.title or chosen.result.url
        day = chosen.result.date or (page.date if page else None)
        return WebPage(
            chosen.result.url,
            shorten(title, _TITLE_CHARS),
            text[start:end],
            self._clock.now(),
            day,
            start,
            whole,
        )


def _once(pages: Iterator[WebPage]) -> Iterator[WebPage]:
    """Those that say something, and not what another says already."""
    seen: set[str] = set()
    for page in pages:
        key = hex_hash(" ".join(page.text.casefold().split()))
        if page.text.strip() and key not in seen:
            seen.add(key)
            yield page
