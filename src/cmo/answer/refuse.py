"""The honest refusal: why there is no answer, what was searched, what came nearest."""

from __future__ import annotations

from cmo.model.answers import Answer, NoAnswer, RefusalReason
from cmo.model.evidence import Found
from cmo.model.questions import Question

_NEAREST = 3


def refuse(question: Question, found: Found, reason: RefusalReason, probability: float) -> Answer:
    """An answer without sentences."""
    nearest = tuple(dict.fromkeys(p.paper for p in found.passages))[:_NEAREST]
    return Answer(
        question=question.text,
        sentences=(),
        citations=(),
        confidence=round(probability, 4),
        snapshot=found.snapshot,
        searched=found.searched,
        misread=found.trace.misread if found.trace else (),
        refusal=NoAnswer(reason, _message(found, reason), found.searched, nearest),
    )


def _message(found: Found, reason: RefusalReason) -> str:
    if reason is RefusalReason.EMPTY_BASE:
        return (
            "There are no papers yet. Add some with `cmo ingest FOLDER`; after a restore `cmo kb rebuild` "
            "makes the index of those that are recorded."
        )
    if reason is RefusalReason.NOTHING_ELIGIBLE:
        return "No passage meets the filters. Widen them, or add papers with `cmo ingest FOLDER`."
    passages = "One passage was" if found.searched == 1 else f"{found.searched:,} passages were"
    nearest = "the nearest papers are named so that you can judge for yourself" if found.passages else "none was near"
    return f"The papers do not say enough to answer this. {passages} searched; {nearest}."
