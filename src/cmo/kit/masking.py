"""Personal data and secrets in a text, replaced by what they were: for logs, where nobody needs them.

::

    mia@example.org -> <e-mail>     +49 30 1234567 -> <phone>     cmo_1a2b..._x -> <key 1a2b...>     sk-proj-... -> <secret>

A net, no promise: what is not written down at all is safer. Numbers are taken for telephone numbers only where they are
written as such, so that times, sizes, CAS numbers and DOIs stay.
"""

from __future__ import annotations

import re
from typing import Final

_KEY: Final = re.compile(r"\bcmo_([0-9a-f]{12})_[\w-]{8,}", re.ASCII)
_SECRET: Final = re.compile(
    r"\b(?:sk|pk|pplx|ghp|xox[bp]|hf)[-_][\w-]{12,}|(?<=\bbearer )[\w.~+/=-]{8,}|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",
    re.ASCII | re.IGNORECASE,
)
"""Keys as makers of models give them, bearer tokens, and the password of an address."""
_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE: Final = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[\d ()/-]{6,16}\d|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{2,4}[ /-]\d{5,9})(?![\w-]|\.\d)"
)


def masked(text: str) -> str:
    """A text without e-mail addresses, telephone numbers, keys and passwords."""
    text = _KEY.sub(r"<key \1>", text)
    text = _SECRET.sub("<secret>", text)
    if "@" in text:
        text = _MAIL.sub("<e-mail>", text)
    return _PHONE.sub("<phone>", text)
