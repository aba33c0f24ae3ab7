"""Bytes to text: by byte order mark, else UTF-8, else the Western code page, else not at all.

A wrong guess is worse than a refusal, since "5 µM" would be stored, searched and cited as "5 ÂµM".
"""

from __future__ import annotations

import codecs
import unicodedata

from cmo.errors import PaperRefused
from cmo.model.outcomes import Refusal

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN_SHARE = 0.2
"""Western text holds fewer characters beyond ASCII than this."""
_WORDLIKE_SHARE = 0.9
"""In Western text so many of those are letters, or signs of punctuation and measurement."""
_CATEGORIES = frozenset(["L", "P", "Sc", "Sm", "So", "Sk", "No", "Zs"])


def decode(data: bytes, name: str) -> str:
    """The text of a file. Raises `PaperRefused` (bad-encoding) when no encoding is plausible."""
    text = _marked(data) or _utf8(data) or _western(data)
    if text is None:
        raise PaperRefused(
            Refusal.BAD_ENCODING,
            f"{name} is neither UTF-8, UTF-16 with a byte order mark, nor Western (Windows-1252) text.",
            "Save it again as UTF-8.",
        )
    return text


def _marked(data: bytes) -> str | None:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if encoding is None:
        return None
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    return None if _stray(text) else text


def _utf8(data: bytes) -> str | None:
    text = data.decode("utf-8", "replace")
    return None if "\0" in text or _stray(text) else text


def _stray(text: str) -> bool:
    """Whether broken characters outweigh the whole ones beyond ASCII; otherwise this is the encoding, with damage.

    One at the very end is a cut-off file. Bytes of another encoding seldom make a whole character by chance.
    """
    broken = text.removesuffix("\ufffd").count("\ufffd")
    return broken > 0 and 2 * broken >= sum(c > "\x7f" for c in text)


def _western(data: bytes) -> str | None:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    foreign = [c for c in text if c > "\x7f"]
    controls = sum(c < " " and c not in "\t\n\r\f" for c in text)
    wordlike = sum(bool({unicodedata.category(c), unicodedata.category(c)[0]} & _CATEGORIES) for c in foreign)
    plausible = not controls and len(foreign) <= _FOREIGN_SHARE * len(text)
    return text if plausible and wordlike >= _WORDLIKE_SHARE * len(foreign) else None
