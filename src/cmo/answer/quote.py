"""A sentence of a passage as evidence: verbatim, with its printed place."""

from __future__ import annotations

from cmo.model.evidence import Evidence, Passage, PassageSentence

_BULLETS = "•◦▪‣∙●○■□· \t"
"""A list's marks are no part of what a sentence says."""


def quote(passage: Passage, sentence: PassageSentence, score: float) -> Evidence:
    """Evidence whose id says where it is."""
    ref = passage.paper
    text = sentence.text.lstrip(_BULLETS) or sentence.text
    start = sentence.end - len(text)
    return Evidence(
        id=f"{ref.paper_id}.{ref.version}.{start}-{sentence.end}",
        paper=ref,
        page=sentence.page,
        start=start,
        end=sentence.end,
        boxes=sentence.boxes,
        text=text,
        section=passage.section,
        heading=passage.heading,
        score=round(score, 4),
    )
