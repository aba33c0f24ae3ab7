"""Small operations on text that know no medicine."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def clean_line(text: str) -> str:
    """One line of printable text: NFC, control, invisible and broken (lone surrogate) characters gone, space collapsed."""
    return _SPACE.sub(" ", _CONTROL.sub(" ", unicodedata.normalize("NFC", text))).strip()


def clean_text(text: str) -> str:
    """The same of several lines, which stay apart."""
    return _CONTROL.sub(" ", unicodedata.normalize("NFC", text)).strip()


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word, with an ellipsis."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"
