"""What sources do not agree on: relations that papers deny as well, and sentences of one step that another one reverses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cmo.agents.state import Dispute
from cmo.model.assessments import Claim, Flag, Verdict
from cmo.model.ports import Scorer

_REVERSED = frozenset({Flag.DIRECTION, Flag.NEGATION})
_LOOKED_AT: Final = 24
"""Sentences of earlier steps that a new one is held against."""
_SHARED: Final = 2
"""Longer words that two sentences need in common to be about the same."""
_WORD = re.compile(r"[^\W\d_]{5,}")
Reply = Mapping[str, Any]


def denied(reply: Reply) -> Iterator[Dispute]:
    """Relations of a reply that some papers state and others deny."""
    for row in reply["relations"]:
        if row["papers_for"] and row["papers_against"]:
            told = f"{row['subject']['name']} {row['relation']} {row['object']['name']}"
            text = f"{told}: {_papers(row['papers_for'])} for it, {row['papers_against']} against it."
            yield Dispute(text=text, evidence=[*row["evidence_for"], *row["evidence_against"]])


def reversed_by(reply: Reply, before: Sequence[Reply], scorer: Scorer) -> Iterator[Dispute]:
    """Sentences of a reply that say up, or yes, where another paper of an earlier step says down, or no."""
    known = [sentence for other in before for sentence in _said(other)][:_LOOKED_AT]
    for text, papers, evidence in _said(reply):
        others = [one for one in known if papers.isdisjoint(one[1]) and len(_words(text) & _words(one[0])) >= _SHARED]
        if not others:
            continue
        (support,) = scorer.score([Claim(text, [other[0] for other in others])])
        flagged = {reason.flag for reason in support.reasons} & _REVERSED
        if support.verdict is Verdict.CONTRADICTED and flagged and support.best is not None:
            against = others[support.best]
            yield Dispute(text=f"“{text}” — but: “{against[0]}”", evidence=[*evidence, *against[2]])


def _said(reply: Reply) -> Iterator[tuple[str, frozenset[str], list[str]]]:
    """Sentences, each with its papers and its evidence."""
    papers = {cited["number"]: cited["paper_id"] for cited in reply["citations"]}
    for sentence in reply["sentences"]:
        yield sentence["text"], frozenset(papers[n] for n in sentence["citations"]), sentence["evidence"]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _papers(count: int) -> str:
    return "1 paper" if count == 1 else f"{count} papers"
