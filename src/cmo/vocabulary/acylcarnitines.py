"""Acylcarnitines by the length of their chains: ``C3`` is propionylcarnitine where carnitines are spoken of.

Elsewhere C3 is a part of complement, an atom or a column, so nothing is read there. C4 and C5 are several isomers at
once, which a screening test does not tell apart: they stay sums, as lipid species do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_CHAIN: Final = re.compile(
    r"(?<![\w:.\-‐-–])C(?P<length>[2-9]|1\d|20)(?::(?P<bonds>[0-4]))?(?![\w:]|[-‐-–]\w)"
    r"(?!\s+(?:column|cartridge|silica|reversed|fatty|ceramide|carbon|position|complement|convertase))"
)
_SPOKEN_OF: Final = re.compile(r"carnitin|newborn screen", re.IGNORECASE)
_COMPLEMENT: Final = re.compile(r"\b(?:complement|lupus|immun\w+|glomerulo\w+|opsoni\w+)\b", re.IGNORECASE)
_BEFORE, _AFTER = 200, 120
"""Characters within which carnitines must be spoken of."""
_SEVERAL: Final = frozenset({"4", "5"})


@dataclass(frozen=True, slots=True)
class Chain:
    """A place where an acylcarnitine is named by its chain."""

    start: int
    end: int
    name: str
    """As vocabularies have it: ``C3 carnitine``; empty for several isomers at once."""
    species: str
    """``CAR 3:0``."""


def chains(text: str, *, asked: bool = False) -> Iterator[Chain]:
    """The acylcarnitines that a text names so; who asks here of C8 (`asked`) means one, though he does not say so."""
    if not (asked or _SPOKEN_OF.search(text)):
        return
    for found in _CHAIN.finditer(text):
        around = text[max(0, found.start() - _BEFORE) : found.end() + _AFTER]
        if (asked or _SPOKEN_OF.search(around)) and not _COMPLEMENT.search(around):
            length, bonds = found["length"], found["bonds"] or "0"
            several = length in _SEVERAL and bonds == "0"
            short = f"C{length}" if bonds == "0" else f"C{length}:{bonds}"
            yield Chain(*found.span(), "" if several else f"{short} carnitine", f"CAR {length}:{bonds}")
