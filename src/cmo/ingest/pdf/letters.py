"""Characters as a reader knows them: ligatures apart, mathematical alphabets plain, nothing invisible."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_HYPHENS = dict.fromkeys((0x02, 0xFFFE, 0xAD, 0x2010, 0x2011), "-")
_FLAT = {
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)},
    **_HYPHENS,
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFFFF], ""),
    0xF0B7: "•",
    0xF061: "α",
    0xF062: "β",
    0xF067: "γ",
    0xF064: "δ",
    0xF06D: "μ",
    0xF0B1: "±",
    0xF0B0: "°",
    0xF0B4: "×",
    0xF0A3: "≤",
    0xF0B3: "≥",
    0xF02D: "−",
    0xF03D: "=",
    0xF02B: "+",
}
"""Ligatures, mathematical alphabets, line-end hyphens, and Symbol's private code points, as plain characters."""

_ASCII_LETTERS = string.ascii_letters.encode()
_ASCII = re.compile(r"[\x00-\x7f]+")


def cleaned(words: Iterable[str]) -> list[str]:
    """The words made clean; most are, which is cheap to see."""
    return [word if word.isascii() and word.isprintable() else clean(word) for word in words]


@lru_cache(maxsize=2048)  # signs and Greek letters recur
def clean(word: str) -> str:
    """The word in composed characters, ligatures expanded, invisible characters gone."""
    return unicodedata.normalize("NFC", word.translate(_FLAT).replace("◦C", "°C"))


def count_letters(text: str) -> int:
    """How many characters are letters; those of ASCII are counted without looking at each."""
    plain = text.encode("ascii", "ignore")
    found = len(plain) - len(plain.translate(None, _ASCII_LETTERS))
    return found if len(plain) == len(text) else found + sum(map(str.isalpha, _ASCII.sub("", text)))
