"""Values as the plain dictionaries that `--json` prints and HTTP sends: one shape for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from cmo.model.answers import Answer, AnswerSentence, Leaning, RelationRow
from cmo.model.assessments import Assessment, indicator
from cmo.model.evidence import Evidence
from cmo.model.graph import Node
from cmo.model.money import dollars
from cmo.model.outcomes import Outcome
from cmo.model.papers import Format, Metadata, Page, PaperRef
from cmo.model.record import PaperSummary
from cmo.model.routes import Route
from cmo.oracle import Reply

if TYPE_CHECKING:  # drawing costs imports that a question does not need
    from cmo.stories.atlas import Stated, Told
    from cmo.stories.viewer import Place


def reply(value: Reply) -> dict[str, Any]:
    """A reply, with everything that a client needs to show and check it."""
    answer = value.answer
    return {
        "id": value.id,
        "question": answer.question,
        "answer": answer.text,
        "answered": answer.refusal is None,
        "confidence": answer.confidence,
        "verdict": None if answer.leaning is None else verdict(answer.leaning),
        "sentences": [sentence(s) for s in answer.sentences],
        "citations": [{"number": c.number, **paper(c.paper)} for c in answer.citations],
        "evidence": [evidence(e, _number(answer, e)) for e in answer.evidence],
        "sources": [_label(c.paper) for c in answer.citations],
        "refusal": _refusal(answer),
        "relations": [relation(row) for row in answer.relations],
        "enrichment": _enrichment(answer),
        "read_as": [{"printed": printed, "read_as": name} for printed, name in answer.misread],
        "unsupported": list(answer.unsupported),
        "source": value.source.value,
        "quality": None if value.assessment is None else quality(value.assessment, answer),
        "mode": value.mode.value,
        "route": None if value.route is None else route(value.route),
        "notice": value.notice,
        "searched": answer.searched,
        "snapshot": answer.snapshot,
        "cost_usd": dollars(value.cost),
        "cached": False,
        "age_seconds": 0.0,
        "processing_time_ms": value.milliseconds,
        "timings": {
            "total_time_ms": value.milliseconds,
            "translation_time_ms": value.translation_ms,
            "routing_time_ms": value.routing_ms,
            "retrieval_time_ms": value.retrieval_ms,
            "generation_time_ms": value.generation_ms,
        },
    }


def verdict(value: Leaning) -> dict[str, Any]:
    """Yes, no or unsure, and which sentence of the answer concludes."""
    return {
        "answer": value.says.value,
        "probability": value.probability,
        "sentence": value.sentence,
        "evidence": value.evidence,
    }


def sentence(value: AnswerSentence) -> dict[str, Any]:
    """One statement of an answer; its evidence is told by id."""
    return {
        "text": value.text,
        "translation": value.translation,
        "citations": list(value.citations),
        "evidence": [e.id for e in value.evidence],
    }


def sentence_alone(value: AnswerSentence) -> dict[str, Any]:
    """The same before the answer is whole: with its evidence and its papers."""
    papers = dict(zip(dict.fromkeys(e.paper for e in value.evidence), value.citations, strict=True))
    return {
        **sentence(value),
        "evidence": [evidence(e, papers[e.paper]) for e in value.evidence],
        "papers": [{"number": number, **paper(ref)} for ref, number in papers.items()],
    }


def route(value: Route) -> dict[str, Any]:
    """Where a question goes, and why."""
    return {
        "destination": value.destination.value,
        "category": value.category.value,
        "research_category": value.research.value,
        "scope": value.scope.value,
        "engines": [engine.value for engine in value.engines],
        "probability": value.probability,
        "interval": list(value.interval),
        "novelty": value.novelty,
        "probabilities": {name.value: p for name, p in value.probabilities.items()},
        "possible": [name.value for name in value.possible],
        "research_probability": value.research_probability,
        "decided_by": value.decided_by.value,
        "reasons": [{"name": r.name, "text": r.text, "weight": r.weight} for r in value.reasons],
        "version": value.version,
        "facts": dict(value.facts),
    }


def evidence(value: Evidence, citation: int) -> dict[str, Any]:
    """A piece of evidence and where to see it."""
    return {
        "id": value.id,
        "citation": citation,
        "paper_id": value.paper.paper_id,
        "version": value.paper.version,
        "page": value.page,
        "start": value.start,
        "end": value.end,
        "text": value.text,
        "section": value.section.value,
        "heading": value.heading,
        "url": value.paper.source if value.paper.format is Format.WEB else "",
        "boxes": [{"page": b.page, "x0": b.x0, "y0": b.y0, "x1": b.x1, "y1": b.y1} for b in value.boxes],
        "score": value.score,
        "image": ""
        if value.paper.format is Format.WEB
        else f"/papers/{value.paper.paper_id}/pages/{value.page}.png?evidence={value.id}",
    }


def quality(value: Assessment, answer: Answer) -> dict[str, Any]:
    """What an answer is worth, and which of its sentences is worth least."""
    sentences = [
        {"supported": round(c.supported, 4), "verdict": c.verdict.value, "issues": [r.text for r in c.reasons]}
        for c in value.claims
    ]
    return {
        "composite": round(value.composite, 4),
        "acceptable": round(value.acceptable, 4),
        "relevance": round(value.relevance, 4),
        "accuracy": round(value.accuracy, 4),
        "factual": round(value.factual, 4),
        "coverage": round(value.coverage, 4),
        "citation_precision": value.citation_precision,
        "citation_recall": value.citation_recall,
        "agreement": value.agreement,
        "indicator": indicator(value.composite),
        "sentences": sentences if len(sentences) == len(answer.sentences) else [],
        "limits": list(value.limits),
    }


def relation(row: RelationRow) -> dict[str, Any]:
    """One line of the table of relations; its evidence is told by id."""
    return {
        "subject": node(row.subject),
        "relation": row.type.value,
        "object": node(row.object),
        "probability": row.probability,
        "papers_for": row.papers_for,
        "papers_against": row.papers_against,
        "specimens": list(row.specimens),
        "organisms": list(row.organisms),
        "organisms_against": list(row.organisms_against),
        "evidence_for": [e.id for e in row.evidence_for],
        "evidence_against": [e.id for e in row.evidence_against],
        "source": row.source,
    }


def edge(value: Told) -> dict[str, Any]:
    """A relation of the graph, with the sentences behind it."""
    return {
        "subject": node(value.subject),
        "relation": value.edge.type.value,
        "object": node(value.object),
        "probability": round(value.edge.probability, 4),
        "papers_for": value.edge.papers_for,
        "papers_against": value.edge.papers_against,
        "source": value.edge.source,
        "sentences": [_stated(stated) for stated in value.sentences],
    }


def _stated(value: Stated) -> dict[str, Any]:
    said = value.evidence
    return {
        "text": said.text,
        "against": value.against,
        "evidence": said.id,
        "paper_id": said.paper.paper_id,
        "cited": _label(said.paper),
        "page": said.page,
        "probability": said.score,
    }


def node(value: Node) -> dict[str, Any]:
    """A concept as the graph knows it."""
    return {"id": value.concept, "name": value.name, "kind": value.kind.value, "papers": value.papers}


def paper(ref: PaperRef) -> dict[str, Any]:
    """A paper as a citation names it."""
    about = ref.metadata
    return {
        "paper_id": ref.paper_id,
        "version": ref.version,
        "title": about.title or ref.source,
        "authors": list(about.authors),
        "year": about.year,
        "journal": about.journal,
        "doi": about.doi,
        "pmid": about.pmid,
        "licence": about.licence,
        "source": ref.source,
        "format": ref.format.value,
        "sha256": ref.sha256,
    }


def paper_of(facts: Mapping[str, Any]) -> PaperRef:
    """The paper that `paper` told."""
    about = {field.name: facts[field.name] for field in fields(Metadata)}
    named = {name: facts[name] for name in ("paper_id", "version", "sha256", "source")}
    return PaperRef(
        **named, format=Format(facts["format"]), metadata=Metadata(**{**about, "authors": tuple(about["authors"])})
    )


def summary(value: PaperSummary) -> dict[str, Any]:
    """A paper as lists show it."""
    return {
        **paper(value.ref),
        "added_at": value.added_at.isoformat(),
        "pages": value.pages,
        "sentences": value.sentences,
        "chunks": value.chunks,
    }


def paper_with_pages(ref: PaperRef, pages: Sequence[Page]) -> dict[str, Any]:
    """A paper and the sizes of its pages."""
    return {**paper(ref), "pages": [asdict(page) for page in pages]}


def place(evidence_id: str, value: Place) -> dict[str, Any]:
    """Where a piece of evidence is printed."""
    return {
        "id": evidence_id,
        "paper": paper(value.paper),
        "page": value.page,
        "start": value.start,
        "end": value.end,
        "text": value.text,
        "boxes": [asdict(b) for b in value.boxes],
        "image": f"/papers/{value.paper.paper_id}/pages/{value.page}.png?evidence={evidence_id}",
    }


def outcome(value: Outcome) -> dict[str, Any]:
    """What became of a file."""
    return {**asdict(value), "status": value.status.value}


def _enrichment(answer: Answer) -> dict[str, Any] | None:
    told = answer.enrichment
    if told is None:
        return None
    return {
        "concepts": [node(concept) for concept in told.concepts],
        "hops": told.hops,
        "enrichment_score": told.score,
        "relationships_used": told.relationships,
        "paths": [[relation(row) for row in chain] for chain in told.paths],
    }


def _refusal(answer: Answer) -> dict[str, Any] | None:
    refusal = answer.refusal
    if refusal is None:
        return None
    return {
        "reason": refusal.reason.value,
        "message": refusal.message,
        "searched": refusal.searched,
        "nearest": [paper(ref) for ref in refusal.nearest],
    }


def _number(answer: Answer, wanted: Evidence) -> int:
    return next(c.number for c in answer.citations if c.paper == wanted.paper)


def _label(ref: PaperRef) -> str:
    about = ref.metadata
    title = about.title or ref.source
    who = f"{about.authors[0]} et al." if len(about.authors) > 1 else "".join(about.authors)
    where = ", ".join(str(part) for part in (about.journal, about.year) if part)
    return ". ".join(
        part for part in (who.rstrip("."), title.rstrip("."), where, about.doi and f"doi:{about.doi}") if part
    )
