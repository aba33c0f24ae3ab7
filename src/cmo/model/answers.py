"""An answer: sentences with their citations, or an honest refusal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cmo.model.evidence import Evidence
from cmo.model.papers import PaperRef


class RefusalReason(StrEnum):
    """Why there is no answer."""

    EMPTY_BASE = "empty-base"
    """There are no papers yet."""
    NOTHING_ELIGIBLE = "nothing-eligible"
    """No passage meets the filters."""
    THIN_EVIDENCE = "thin-evidence"
    """What was found does not say enough, as far as the calibrated confidence can tell."""


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One statement of an answer: what it says, whom it cites, and where that is printed."""

    text: str
    citations: tuple[int, ...]
    """Numbers of the answer's citations."""
    evidence: tuple[Evidence, ...]
    """Verbatim sentences behind it. A sentence that begins with a pronoun brings the one before it."""


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

    @property
    def text(self) -> str:
        """The answer as prose with citation marks: ``... raised in PKU [1]. ... [2]``."""
        if self.refusal:
            return self.refusal.message
        return " ".join(f"{s.text} {''.join(f'[{n}]' for n in s.citations)}" for s in self.sentences)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence, in the order of the sentences."""
        return tuple(e for s in self.sentences for e in s.evidence)
