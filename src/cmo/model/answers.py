"""An answer: sentences with their citations, or an honest refusal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cmo.model.concepts import RelationType
from cmo.model.evidence import Evidence
from cmo.model.graph import Node
from cmo.model.papers import PaperRef


class RefusalReason(StrEnum):
    """Why there is no answer."""

    EMPTY_BASE = "empty-base"
    """There are no papers yet."""
    NOTHING_ELIGIBLE = "nothing-eligible"
    """No passage meets the filters."""
    THIN_EVIDENCE = "thin-evidence"
    """What was found does not say enough, as far as the calibrated confidence can tell."""
    OUT_OF_SCOPE = "out-of-scope"
    """The question seems to be about something else, and the papers do not say enough either."""
    UNSAFE = "unsafe"
    """It asks for personal medical advice, or for help to do harm. Nothing was searched."""


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One statement of an answer: what it says, whom it cites, and where that is printed."""

    text: str
    citations: tuple[int, ...]
    """Numbers of the answer's citations."""
    evidence: tuple[Evidence, ...]
    """Verbatim sentences behind it. A sentence that begins with a pronoun brings the one before it."""
    translation: str = ""
    """The same in the language of the question, where that is another one and somebody could translate."""


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One line of the table that answers a question about relations. What speaks against it is shown, not averaged."""

    subject: Node
    object: Node
    type: RelationType
    probability: float
    papers_for: int
    papers_against: int
    specimens: tuple[str, ...]
    """In what it was seen, as its sentences say."""
    organisms: tuple[str, ...]
    """Of whom the sentences for it speak, where they say so: what holds of mice need not hold of people."""
    organisms_against: tuple[str, ...]
    """Of whom those against it speak."""
    evidence_for: tuple[Evidence, ...]
    evidence_against: tuple[Evidence, ...]
    source: str
    """``papers``, or the vocabulary of a curated relation."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What the graph added to an answer."""

    concepts: tuple[Node, ...]
    """Concepts that the question names and the papers mention."""
    hops: int
    score: float
    """How well the graph bears on the question, 0 to 1 (see `Trace.enrichment`)."""
    relationships: int
    """How many relations the search went along."""
    paths: tuple[tuple[RelationRow, ...], ...] = ()
    """How the question's concepts hang together: chains of relations, surest first."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered source of an answer."""

    number: int
    """1-based."""
    paper: PaperRef


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """An honest refusal: why, what was searched, and what came nearest."""

    reason: RefusalReason
    message: str
    searched: int
    nearest: tuple[PaperRef, ...]


class Says(StrEnum):
    """Which way quoted sentences lean, where a question can be answered by yes or no."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"
    """None of them concludes, or it is not plain what."""


@dataclass(frozen=True, slots=True)
class Leaning:
    """What an answer's sentences say to a question that can be answered by yes or no."""

    says: Says
    probability: float | None = None
    """Calibrated, of yes; None where no sentence concludes."""
    sentence: int | None = None
    """Index of the sentence that concludes."""
    evidence: str = ""
    """Id of what is quoted there; empty where no sentence concludes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one question."""

    question: str
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    confidence: float
    """Calibrated probability that the first sentence bears on the question."""
    snapshot: str
    """Id of the index state that it rests on."""
    searched: int = 0
    """How many passages could have been found."""
    refusal: NoAnswer | None = None
    relations: tuple[RelationRow, ...] = ()
    """The table, where relations are asked for; surest first."""
    enrichment: Enrichment | None = None
    """None where the graph took no part."""
    misread: tuple[tuple[str, str], ...] = ()
    """Misspelled names of the question, each with what it was taken for."""
    unsupported: tuple[str, ...] = ()
    """What a language model said as well and no passage bears out: shown apart, never part of the answer."""
    remark: str = ""
    """Why it is not, or not all of, what was asked for: the papers' own words instead of a language model's, say."""
    leaning: Leaning | None = None
    """Yes or no; None where the question cannot be answered so, or nobody said."""

    @property
    def text(self) -> str:
        """The answer as prose with citation marks: ``... raised in PKU [1]. ... [2]``."""
        if self.refusal:
            return self.refusal.message
        return " ".join(f"{s.text} {''.join(f'[{n}]' for n in s.citations)}" for s in self.sentences)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence, each once: of the sentences in their order, then of the table."""
        said = [e for s in self.sentences for e in s.evidence]
        chains = [row for chain in (self.enrichment.paths if self.enrichment else ()) for row in chain]
        told = [e for row in (*self.relations, *chains) for e in (*row.evidence_for, *row.evidence_against)]
        return tuple({e.id: e for e in (*said, *told)}.values())
