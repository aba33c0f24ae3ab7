"""An answer to its quality: what bears each sentence out, whether its citations do, and whether it may be shown.

::

    question, sentences with what they cite, sources
        ├── support of each sentence by what it cites (by all sources where it cites nothing)
        ├── citations left out one at a time: precision and recall (ALCE)
        ├── each sentence by each source alone: agreement
        └── relevance, coverage ──> P(acceptable)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmo.assess.heads import Head, mean, shipped
from cmo.assess.reading import Read
from cmo.assess.support import SupportScorer
from cmo.kit.text import clean_line
from cmo.model.answers import Answer
from cmo.model.assessments import LIKELY, Assessment, Claim, Support, Verdict
from cmo.model.evidence import FloatArray

MOST_SOURCES = 24
_FLAGGED = 0.2
"""What a flagged sentence counts at most (METHODS.md §3)."""
_SPEAKS = 0.4
"""Share of a sentence's rarity that a source must have to be asked about it."""
_REFUSED = 0.2
"""Relevance at most of what says that it has no answer: no expert's answer in the data does, so it is not fitted."""
_NUMBER_ASKED = ("how much", "how many", "what percentage", "what proportion", "what dose", "what concentration")
_REFUSALS = ("no answer", "not found in", "cannot answer", "do not know", "don't know", "no information", "not enough")


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of an answer."""

    text: str
    cites: tuple[str, ...] = ()
    """Keys of sources."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What is to be judged."""

    question: str
    sentences: tuple[Said, ...]
    sources: Mapping[str, Sequence[str]]
    """Sentences of each source by its key."""
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """Unit vectors of sentences that are known already, by their text."""


class Assessor:
    """Judges answers. Threads may share it.

    Args:
        scorer: judges claims.
        relevance: head for P(the answer bears on the question); the one that ships, by default.
        acceptable: head for P(the answer may be shown); the one that ships, by default.
    """

    def __init__(self, scorer: SupportScorer, *, relevance: Head | None = None, acceptable: Head | None = None) -> None:
        self.scorer = scorer
        self._relevance = relevance or shipped("relevance")
        self._acceptable = acceptable or shipped("acceptable")

    def assess(self, reviewed: Reviewed) -> Assessment:
        """Judge an answer."""
        asked = _Asked(reviewed)
        whole = Claim(clean_line(reviewed.question), [said.text for said in asked.sentences], reviewed.vectors)
        self.scorer.encode([whole, *asked.claims])
        claims = tuple(self.scorer.score(asked.claims))
        relevance = self.relevance(reviewed.question, [s.text for s in reviewed.sentences], reviewed.vectors)
        precision, recall = self._citations(asked, claims)
        accuracy, factual = grounding(claims)
        coverage = self._coverage(reviewed, claims)
        parts = quality(relevance, accuracy, coverage, claims)
        return Assessment(
            claims=claims,
            relevance=relevance,
            accuracy=accuracy,
            factual=factual,
            coverage=coverage,
            citation_precision=precision,
            citation_recall=recall,
            agreement=self._agreement(asked, claims),
            acceptable=self._acceptable.probability(parts) if claims else 0.0,
        )

    def relevance(
        self, question: str, sentences: Sequence[str], vectors: Mapping[str, FloatArray] | None = None
    ) -> float:
        """P(the answer bears on the question)."""
        if not sentences or not clean_line(question):
            return 0.0
        parts = self.bearing(question, sentences, vectors)
        stated = self._relevance.probability(parts)
        return min(stated, _REFUSED) if parts["refusal"] else stated

    def bearing(
        self, question: str, sentences: Sequence[str], vectors: Mapping[str, FloatArray] | None = None
    ) -> dict[str, float]:
        """What relevance is judged by."""
        lines = [line for line in map(clean_line, sentences) if line] or [clean_line(question)]
        known = self.scorer.vectors([Claim(clean_line(question), lines, dict(vectors or {}))])
        cosines = np.stack([known[line] for line in lines]) @ known[clean_line(question)]
        asked, said = self.scorer.reading(clean_line(question)), [self.scorer.reading(line) for line in lines]
        whole = " ".join(lines).casefold()
        wants_number = any(words in question.casefold() for words in _NUMBER_ASKED)
        return {
            "cosine": float(cosines.max()),
            "mean_cosine": float(cosines.mean()),
            "coverage": _held(asked, said),
            "refusal": float(any(words in whole for words in _REFUSALS)),
            "number_lacking": float(wants_number and not any(one.figures for one in said)),
        }

    def _citations(self, asked: _Asked, claims: Sequence[Support]) -> tuple[float | None, float | None]:
        """ALCE: a citation is precise where its sentence is borne out, and it alone does that, or the rest do not."""
        if not claims:
            return None, None
        borne = [_borne(claim) and bool(said.cites) for claim, said in zip(claims, asked.sentences, strict=True)]
        pairs = [(n, cite) for n, said in enumerate(asked.sentences) for cite in said.cites]
        several = [(n, cite) for n, cite in pairs if borne[n] and len(asked.sentences[n].cites) > 1]
        alone = self.scorer.score([asked.claim(n, (cite,)) for n, cite in several])
        rest = self.scorer.score(
            [asked.claim(n, tuple(c for c in asked.sentences[n].cites if c != cite)) for n, cite in several]
        )
        idle = {
            pair for pair, one, other in zip(several, alone, rest, strict=True) if not _borne(one) and _borne(other)
        }
        precise = [borne[n] and (n, cite) not in idle for n, cite in pairs]
        return (sum(precise) / len(precise) if precise else None), sum(borne) / len(borne)

    def _agreement(self, asked: _Asked, claims: Sequence[Support]) -> float | None:
        sources = list(asked.reviewed.sources)[:MOST_SOURCES]
        if len(sources) < 2 or not claims:  # noqa: PLR2004 - two sources can agree
            return None
        pairs = [
            (n, source) for n, claim in enumerate(claims) for source in sources if self._speaks(asked, source, claim)
        ]
        judged = self.scorer.score([asked.claim(n, (source,)) for n, source in pairs])
        total = 0.0
        for n in range(len(claims)):
            mine = [one for (at, _), one in zip(pairs, judged, strict=True) if at == n]
            denied = any(one.verdict is Verdict.CONTRADICTED for one in mine)
            total += -float(denied) if denied else float(sum(map(_borne, mine)) > 1)
        return max(0.0, total / len(claims))

    def _speaks(self, asked: _Asked, source: str, claim: Support) -> bool:
        """Whether a source has so many of a sentence's words that it may say something to it."""
        lines = [self.scorer.reading(clean_line(line)) for line in asked.reviewed.sources[source]]
        stems = frozenset().union(*(line.weights for line in lines))
        mine = self.scorer.reading(claim.claim)
        return sum(weight for s, weight in mine.weights.items() if s in stems) >= _SPEAKS * mine.weight

    def _coverage(self, reviewed: Reviewed, claims: Sequence[Support]) -> float:
        borne = [self.scorer.reading(claim.claim) for claim in claims if _borne(claim)]
        question = clean_line(reviewed.question)
        return _held(self.scorer.reading(question), borne) if question and borne else 0.0


class _Asked:
    """An answer with the evidence of each sentence gathered."""

    def __init__(self, reviewed: Reviewed) -> None:
        self.reviewed = reviewed
        self.sentences = [
            Said(clean_line(said.text), tuple(cite for cite in said.cites if cite in reviewed.sources))
            for said in reviewed.sentences
            if clean_line(said.text)
        ]

    @property
    def claims(self) -> list[Claim]:
        return [self.claim(n, said.cites or tuple(self.reviewed.sources)) for n, said in enumerate(self.sentences)]

    def claim(self, n: int, sources: Sequence[str]) -> Claim:
        lines = [line for source in sources for line in self.reviewed.sources[source]]
        return Claim(self.sentences[n].text, lines, self.reviewed.vectors)


def grounding(claims: Sequence[Support]) -> tuple[float, float]:
    """Accuracy and factual accuracy: means by the rarity of the words, flagged sentences held down."""
    weights = [claim.weight for claim in claims]
    accuracy = mean([_held_down(claim.supported, claim) for claim in claims], weights)
    return accuracy, mean([_held_down(1 - claim.contradicted, claim) for claim in claims], weights)


def quality(relevance: float, accuracy: float, coverage: float, claims: Sequence[Support]) -> dict[str, float]:
    """What P(acceptable) is judged by."""
    return {
        "relevance": relevance,
        "accuracy": accuracy,
        "coverage": coverage,
        "weakest": min((_held_down(claim.supported, claim) for claim in claims), default=0.0),
        "flagged": float(any(claim.reasons for claim in claims)),
    }


def reviewed(answer: Answer) -> Reviewed:
    """An answer of the oracle as it is to be judged: each citation's evidence, by its number."""
    numbers = {citation.paper.paper_id: str(citation.number) for citation in answer.citations}
    sources: dict[str, dict[str, None]] = {number: {} for number in numbers.values()}
    for sentence in answer.sentences:
        for evidence in sentence.evidence:
            number = numbers.get(evidence.paper.paper_id)
            if number is not None:
                sources[number][evidence.text] = None
    sentences = tuple(Said(s.text, tuple(map(str, s.citations))) for s in answer.sentences)
    return Reviewed(answer.question, sentences, {number: tuple(lines) for number, lines in sources.items()})


def _borne(claim: Support) -> bool:
    return claim.supported >= LIKELY and not claim.reasons


def _held_down(value: float, claim: Support) -> float:
    return min(value, _FLAGGED) if claim.reasons else value


def _held(asked: Read, said: Sequence[Read]) -> float:
    """Share of the question's rarity that sentences hold."""
    stems = frozenset().union(*(one.weights for one in said))
    total = asked.weight
    return sum(weight for s, weight in asked.weights.items() if s in stems) / total if total else 0.0
