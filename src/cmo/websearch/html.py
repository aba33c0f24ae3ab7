"""HTML to what a reader sees of it: no scripts, no styles, nothing hidden, no markup.

Text that is there but not to be seen is where orders to machines are put; it is left out with the rest.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from typing import Final

from cmo.kit.text import clean_line
from cmo.websearch.results import day

_SKIPPED: Final = frozenset({
    "aside", "audio", "button", "canvas", "dialog", "embed", "footer", "form", "head", "iframe", "math", "menu", "nav",
    "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "video",
})  # fmt: skip
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "figcaption", "figure", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
})  # fmt: skip
_SINGLE: Final = frozenset({"dd", "dt", "li", "p", "td", "th", "tr"})
"""Elements that end where the next of their kind begins."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])")
_DATES: Final = (
    "citation_publication_date", "citation_date", "article:published_time", "dc.date", "dcterms.issued", "date",
    "article:modified_time",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader sees."""

    title: str
    text: str
    """Paragraphs, one a line."""
    date: date | None = None


def read(markup: str) -> Page:
    """A page of HTML; whatever it is, there is no error."""
    seen = _Seen()
    seen.feed(markup)
    seen.close()
    lines = [line for line in map(_visible, "".join(seen.parts).split("\n")) if line]
    found = next((d for name in _DATES if (d := day(seen.meta.get(name, ""))) is not None), None)
    title = seen.meta.get("citation_title") or seen.meta.get("og:title") or "".join(seen.title)
    return Page(_visible(title), "\n".join(lines), found)


def plain(text: str) -> Page:
    """A page of plain text."""
    lines = [line for line in map(_visible, text.split("\n")) if line]
    return Page("", "\n".join(lines))


def _visible(line: str) -> str:
    """Without characters that nobody sees: controls, and the tags in which whole sentences can hide (U+E0000)."""
    return clean_line("".join(c for c in line if unicodedata.category(c) not in {"Cf", "Co", "Cn"}))


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self.meta: dict[str, str] = {}
        self._hiding: list[str] = []
        """The element that hides what stands here, and those of its name within it."""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "meta":
            name = (told.get("name") or told.get("property") or "").casefold()
            self.meta.setdefault(name, told.get("content", ""))
        if tag in _BLOCKS:
            self.parts.append("\n")
        self._in_title = tag == "title"
        if self._hiding == [tag] and tag in _SINGLE:
            self._hiding.clear()
        hides = tag in self._hiding if self._hiding else tag in _SKIPPED or _is_hidden(told)
        if hides and tag not in _VOID:
            self._hiding.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")
        self._in_title = False
        if self._hiding and self._hiding[-1] == tag:
            self._hiding.pop()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._hiding:
            self.parts.append(data.replace("\n", " "))


def _is_hidden(told: dict[str, str]) -> bool:
    return (
        "hidden" in told or told.get("aria-hidden") == "true" or bool(_HIDDEN.search(told.get("style", "").casefold()))
    )
