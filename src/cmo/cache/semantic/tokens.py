"""A question cut into words, with the place and the letters of each as printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<greek>[Ͱ-Ͽ])"
    r"|(?P<word>(?:[^\W_Ͱ-Ͽ]|(?<=\d)[.:,](?=\d))+(?:['’](?:s|t|d|m|re|ll|ve)(?![A-Za-z])|['’′]{1,2}(?=-))?)"
    r"|(?P<charge>(?<=\w)[+])"
    r"|(?P<sign>[<>≤≥=%±~↑↓→&])"
    r"|(?P<comma>,(?=\s))"
    r"|(?P<stop>[.;:!?](?=\s)|[—–](?=\s))",
    re.IGNORECASE,
)
_SHORT_FORM = re.compile(r"['’](?:s|d|m|re|ll|ve)$", re.IGNORECASE)
_NOT = re.compile(r"^(?:(?P<cut>ca|wo|sha)|(?P<whole>[a-z]+))n['’]t$|^(?P<can>can)not$", re.IGNORECASE)
_WHOLE = {"ca": "can", "wo": "will", "sha": "shall"}
_JOINED = frozenset(["non", "up", "down", "over", "under", "anti", "pre", "post", "co", "multi", "hyper", "hypo", "re"])
_HYPHENS = "-‐‑"
_SHORTEST_JOINED = 4


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, or a sign that matters."""

    start: int
    end: int
    """Half-open span of the text that was cut."""
    printed: str

    @property
    def shouted(self) -> bool:
        """Whether it is a word in capitals, as names are printed."""
        return len(self.printed) > 1 and self.printed.isupper() and self.printed.isalpha()


def tokens(text: str) -> list[Token]:
    """The tokens of a line of text, in order.

    Stops are ``;``. Brackets, quotes and hyphens part words and are gone; only a prefix stays with its word, so that
    non-targeted is nontargeted.
    """
    found: list[Token] = []
    for token in _cut(text):
        last = found[-1] if found else None
        if last and _belongs(last, token, text):
            found[-1] = Token(last.start, token.end, last.printed + token.printed)
        else:
            found.append(token)
    return found


def _cut(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        printed = ";" if match["stop"] else _SHORT_FORM.sub("", match.group())
        denied = _NOT.match(printed)
        if denied:
            verb = _WHOLE.get(str(denied["cut"]).lower()) or denied["whole"] or denied["can"]
            yield Token(start, end, verb)
            printed = "not"
        yield Token(start, end, printed)


def _belongs(prefix: Token, token: Token, text: str) -> bool:
    return (
        prefix.end + 1 == token.start
        and text[prefix.end] in _HYPHENS
        and prefix.printed.lower() in _JOINED
        and token.printed.isalpha()
        and len(token.printed) >= _SHORTEST_JOINED
    )
