"""A search's relations as an answer shows them: a table, with the sentences for and against each line."""

from __future__ import annotations

from collections.abc import Sequence

from cmo.answer.coverage import coverage
from cmo.answer.quote import quote
from cmo.model.answers import Enrichment, RelationRow
from cmo.model.concepts import Kind
from cmo.model.evidence import LEAST_TOLD, Evidence, Found, Passage, Relationship, Statement, Trace

MOST_ROWS = 8
_PAPERS = "papers"
_QUOTED = 2
"""Sentences quoted on each side of a line."""


def asked(trace: Trace | None) -> list[Relationship]:
    """Relations that may be told, of a pair the one that answers best: what else is said of it is less to the point.

    Each has a sentence that names both of its ends, or is what a vocabulary states.
    """
    best: dict[frozenset[int], Relationship] = {}
    for told in trace.relationships if trace else ():
        if told.asked and told.probability >= LEAST_TOLD and (told.source != _PAPERS or _quotable(told)):
            best.setdefault(frozenset((told.subject.number, told.object.number)), told)
    return list(best.values())


def table(told: Sequence[Relationship]) -> tuple[RelationRow, ...]:
    """What is told of a question, those that the papers speak of most surely first."""
    return tuple(_row(relationship) for relationship in told[:MOST_ROWS])


def features(told: Sequence[Relationship], found: Found, text: float) -> dict[str, float]:
    """What an answer by relations is judged by, all 0 to 1.

    Args:
        told: as `asked` gives them.
        found: where they were found.
        text: the probability that the best sentence alone bears on the question.
    """
    told = told[:MOST_ROWS]
    ends = {end.number for r in told for end in (r.subject, r.object)}
    concepts = [node.number for node in found.trace.concepts] if found.trace else []
    words = " ".join([f"{r.subject.name} {r.type} {r.object.name} {_said(r)}" for r in told])
    return {
        "text": text,
        "sure": max((r.probability for r in told), default=0.0),
        "tied": sum(number in ends for number in concepts) / max(1, len(concepts)),
        "covered": float(coverage([words], found.terms)[0]),
    }


def statements(told: Sequence[Relationship], most: int, *, against: bool = False) -> list[tuple[Passage, int, float]]:
    """Sentences that state what is asked, or deny it, of the best lines first, each printed place once: passage, place, probability."""
    first: dict[tuple[str, int], Statement] = {}
    for s in (s for r in told for s in _quotable(r)[:_QUOTED] if s.against is against):
        first.setdefault((s.passage.paper.paper_id, s.passage.sentences[s.place].start), s)
    return [(s.passage, s.place, s.probability) for s in list(first.values())[:most]]


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


def _quotable(told: Relationship) -> list[Statement]:
    """The statements whose sentence names both ends."""
    return [s for s in told.statements if not s.apart]


def _said(told: Relationship) -> str:
    return " ".join(s.passage.sentences[s.place].text for s in told.statements)


def _row(told: Relationship) -> RelationRow:
    return RelationRow(
        subject=told.subject,
        object=told.object,
        type=told.type,
        probability=round(told.probability, 4),
        papers_for=told.papers_for,
        papers_against=told.papers_against,
        specimens=_set_in(told, Kind.SPECIMEN, against=False),
        organisms=_set_in(told, Kind.ORGANISM, against=False),
        organisms_against=_set_in(told, Kind.ORGANISM, against=True),
        evidence_for=_quoted(told, against=False),
        evidence_against=_quoted(told, against=True),
        source=told.source,
    )


def _set_in(told: Relationship, kind: Kind, *, against: bool) -> tuple[str, ...]:
    """What the sentences of one side name of a kind, each once."""
    nodes = (node for s in told.statements if s.against is against for node in s.context if node.kind is kind)
    return tuple(dict.fromkeys(node.name for node in nodes))


def _quoted(told: Relationship, *, against: bool) -> tuple[Evidence, ...]:
    """The surest sentences of one side, a paper only once."""
    first = {s.passage.paper.paper_id: s for s in reversed(_quotable(told)) if s.against is against}
    surest = sorted(first.values(), key=lambda s: -s.probability)[:_QUOTED]
    return tuple(quote(s.passage, s.passage.sentences[s.place], s.probability) for s in surest)
