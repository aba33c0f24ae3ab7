"""Captions: how they begin, and where they divide into sentences."""

from __future__ import annotations

import re

from cmo.ingest import sentences
from cmo.model.papers import Role

__all__ = ["role_of", "split"]

_CAPTION = re.compile(
    r"(?:supplementary )?(?:table|figure|fig\.?|scheme|box)\s+(?:S?\d{1,3}[A-Za-z]?|[IVX]{1,5})\s*[.:|](?=\s|$)",
    re.IGNORECASE,
)


def role_of(paragraph: str) -> Role:
    """Caption for "Table 2. ...", prose for all else, also for "Table 2 shows ..."."""
    return Role.CAPTION if _CAPTION.match(paragraph) else Role.PROSE


def split(caption: str) -> list[tuple[int, int]]:
    """Spans of its sentences; the label "Table 2." belongs to the first, since alone it says nothing."""
    spans = sentences.split(caption)
    label = _CAPTION.match(caption)
    if label and len(spans) > 1 and spans[0][1] <= label.end():
        return [(spans[0][0], spans[1][1]), *spans[2:]]
    return spans
