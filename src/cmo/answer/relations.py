"""A search's relations as an answer shows them: a table, with the sentences for and against each line."""

from __future__ import annotations

from cmo.answer.quote import quote
from cmo.model.answers import Enrichment, RelationRow
from cmo.model.concepts import Kind
from cmo.model.evidence import Evidence, Relationship, Trace

MOST_ROWS = 8
_QUOTED = 2
"""Sentences quoted on each side of a line."""


def table(trace: Trace | None) -> tuple[RelationRow, ...]:
    """The relations that the question asks for, those that the papers speak of most surely first."""
    asked = [r for r in trace.relationships if r.asked] if trace else []
    return tuple(_row(relationship) for relationship in asked[:MOST_ROWS])


def enrichment(trace: Trace | None) -> Enrichment | None:
    """What the graph added."""
    if trace is None:
        return None
    return Enrichment(
        concepts=trace.concepts,
        hops=trace.hops,
        score=round(trace.enrichment, 4),
        relationships=len(trace.relationships),
        paths=tuple(tuple(_row(step) for step in chain) for chain in trace.paths),
    )


def _row(told: Relationship) -> RelationRow:
    context = [node.name for s in told.statements if not s.against for node in s.context if node.kind is Kind.SPECIMEN]
    return RelationRow(
        subject=told.subject,
        object=told.object,
        type=told.type,
        probability=round(told.probability, 4),
        papers_for=told.papers_for,
        papers_against=told.papers_against,
        specimens=tuple(dict.fromkeys(context)),
        evidence_for=_quoted(told, against=False),
        evidence_against=_quoted(told, against=True),
        source=told.source,
    )


def _quoted(told: Relationship, *, against: bool) -> tuple[Evidence, ...]:
    """The surest sentences of one side, a paper only once."""
    first = {s.passage.paper.paper_id: s for s in reversed(told.statements) if s.against is against}
    surest = sorted(first.values(), key=lambda s: -s.probability)[:_QUOTED]
    return tuple(quote(s.passage, s.passage.sentences[s.place], s.probability) for s in surest)
