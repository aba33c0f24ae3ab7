"""Words for assistants: bounded, with citations, and the papers' own words marked as what they are.

A paper may say anything, also "ignore your instructions". What it says therefore stands between ``<paper_text>`` and
``</paper_text>``, with its angle brackets written as entities, so that it cannot end its own mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

MOST_CHARS: Final = 24_000
"""Of one result."""
MOST_QUOTED: Final = 2_000
"""Characters of one quotation."""
_MORE: Final = "\n… cut here; ask for less, or for the next."


def quoted(text: str, evidence: str = "") -> str:
    """Words of a paper."""
    mark = f' evidence="{escape(evidence)}"' if evidence else ""
    return f"<paper_text{mark}>{escape(shortened(text), quote=False)}</paper_text>"


def shortened(text: str, most: int = MOST_QUOTED) -> str:
    """At most so many characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def bounded(lines: Iterable[str]) -> str:
    """Whole lines, as many as fit."""
    told: list[str] = []
    left = MOST_CHARS - len(_MORE)
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            return "\n".join(told) + _MORE
        told.append(line)
    return "\n".join(told)
