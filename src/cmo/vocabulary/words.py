"""Words of plain English that are also names: ``lead``, ``cat``, ``rest``, ``impact``.

In lower case, or with a capital at the beginning of a sentence, such a word is the word; only the name's own case
(``REST``) or a definition in the text makes it the name.
"""

from __future__ import annotations

from importlib.resources import files

PLAIN = frozenset(files("cmo.vocabulary").joinpath("words.txt").read_text("utf-8").split())
"""Folded; words that are met far more often than what they also name."""


def is_plain(form: str, printed: str) -> bool:
    """Whether a name, as printed, is most likely a plain word."""
    return form in PLAIN and printed[1:].islower()
