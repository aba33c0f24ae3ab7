"""Mathematical signs that a file calls by the keys they were typed with: "p,0.05" for "p<0.05", "n 5 30" for "n = 30".

The fonts of the Mathematical Pi family put = on the key 5, − on 2, < on the comma. Typesetters embedded them without
saying what their shapes mean, in some years for whole journals. Such a font shows itself by its few characters, none of
them a letter, and by a "5" that stands where only "=" makes sense: after a word and before a number.

::

    words ──mark──> characters of such fonts become private code points ──repair──> signs, or what they were
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from zlib import crc32

_KEYS = "5261,.$#39"
_SIGNS = "=−±+<>≥≤×′"
_FIRST, _STEP, _FONTS = 0xE100, 16, 64
_SYMBOLIC = 1 << 2
"""Font flag: not the standard Latin character set (PDF 1.7, table 123)."""
_OBSCURE = re.compile(
    r"Adv(?:P|M|T\d|Pi)|Math(?:ematical)?-?Pi|MPi|Pi\w*One|Universal-?(?:Greek|News)|[A-Z]\d{3,}", re.IGNORECASE
)
"""Names that typesetters' systems gave to such fonts."""
MARKED = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + _STEP * _FONTS - 1)}]")


def is_obscure(name: str) -> bool:
    """Whether a font may be of this kind by its name."""
    return bool(_OBSCURE.match(name))


def is_symbolic(flags: int) -> bool:
    """Whether a font may be of this kind by its flags."""
    return bool(flags & _SYMBOLIC)


def are_keys(characters: Iterable[str]) -> bool:
    """Whether these are all keys that such fonts have signs on."""
    return all(character in _KEYS for character in characters)


def mark(name: str, character: str) -> str:
    """A private code point that remembers font and key; the character itself if the key has no sign."""
    key = _KEYS.find(character)
    return character if key < 0 else chr(_FIRST + crc32(name.encode()) % _FONTS * _STEP + key)


def font_of(marked: str) -> int:
    """The number of the font of a marked character."""
    return (ord(marked) - _FIRST) // _STEP


def is_equals(marked: str) -> bool:
    """Whether it was a 5, and so stands for "=" if it is a sign."""
    return _key(marked) == _KEYS.index("5")


def plain(marked: str, *, sign: bool) -> str:
    """The sign, or the character that the file names."""
    return (_SIGNS if sign else _KEYS)[_key(marked)]


def _key(marked: str) -> int:
    return (ord(marked) - _FIRST) % _STEP
