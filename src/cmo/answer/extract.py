"""The extractive answerer: verbatim sentences, diverse, grouped by paper, each with its printed place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cmo.answer import relations
from cmo.answer.candidates import Candidate, candidates
from cmo.answer.confidence import Confidence, features
from cmo.answer.denied import REMARK, Sense, bears_out, denied
from cmo.answer.quote import quote
from cmo.answer.refuse import refuse
from cmo.model.answers import Answer, AnswerSentence, Citation, RefusalReason
from cmo.model.evidence import Evidence, Found, Passage, PassageSentence, Relationship
from cmo.model.papers import PaperRef
from cmo.model.questions import Question

MOST_SENTENCES = 5
PER_PAPER = 3
_DIVERSITY = 0.7
"""Maximal marginal relevance: weight of fit against likeness to what is chosen already."""
_WORTH = 0.55
"""Share of the best sentence's fit that a further one needs."""
_REPEATS = 0.93
"""Cosine from which a sentence says again what another said."""


class ExtractiveAnswerer:
    """Answers in the papers' own words. Citations are exact by construction.

    Args:
        confidence: judges the best sentence.
        related: judges it together with the relations that are asked for, where the graph found some.
    """

    def __init__(self, confidence: Confidence, related: Confidence) -> None:
        self._confidence = confidence
        self._related = related

    def answer(self, question: Question, found: Found) -> Answer:
        """Compose the answer, or refuse."""
        if not found.passages:
            return refuse(question, found, _why_nothing(question, found), 0.0)
        sense = denied(question.text)
        ranked = [c for c in candidates(found) if sense is None or bears_out(c.sentence.text, sense)]
        if not ranked:
            return _thin(question, found, 0.0, sense)
        alone = self._confidence.probability(features(found, ranked[0]))
        told = relations.asked(found.trace)
        stated = [_stating(*s) for s in relations.statements(told, MOST_SENTENCES, against=sense is not None)]
        together = self._related.probability(relations.features(told, found, alone)) if stated else 0.0
        if alone >= self._confidence.threshold:
            return _compose(question, found, told, _choose(ranked), max(alone, together))
        if together >= self._related.threshold:
            return _compose(question, found, told, stated, together)
        return _thin(question, found, max(alone, together), sense)


def _thin(question: Question, found: Found, probability: float, sense: Sense | None) -> Answer:
    answer = refuse(question, found, RefusalReason.THIN_EVIDENCE, probability)
    return answer if sense is None else replace(answer, remark=REMARK)


def _stating(passage: Passage, place: int, probability: float) -> Candidate:
    """A sentence that states a relation, as if it had been chosen for its words."""
    return Candidate(passage, place, 0.0, 0.0, probability, passage.sentence_vectors[place])


def _choose(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence, then such that fit and say something else."""
    floor = _WORTH * _fit(ranked[0])
    pool = [ranked[0], *(c for c in ranked[1:] if _fit(c) >= floor)]
    vectors = np.stack([c.vector for c in pool])
    scores = np.array([c.score for c in pool], np.float32)
    likeness = np.full(len(pool), -1.0, np.float32)
    open_, taken, chosen = np.ones(len(pool), np.bool_), Counter[str](), list[Candidate]()
    best = 0
    while len(chosen) < MOST_SENTENCES:
        chosen.append(pool[best])
        taken[pool[best].passage.paper.paper_id] += 1
        likeness = np.maximum(likeness, vectors @ vectors[best])
        open_ &= likeness <= _REPEATS
        open_ &= np.array([taken[c.passage.paper.paper_id] < PER_PAPER for c in pool])
        if not open_.any():
            break
        marginal = _DIVERSITY * scores - (1 - _DIVERSITY) * likeness
        best = int(np.argmax(np.where(open_, marginal, -np.inf)))
    return chosen


def _fit(candidate: Candidate) -> float:
    return 0.5 * candidate.cosine + 0.5 * candidate.coverage


def _compose(
    question: Question, found: Found, told: Sequence[Relationship], chosen: Sequence[Candidate], probability: float
) -> Answer:
    order = _in_order(chosen)
    sentences: list[tuple[PaperRef, list[Evidence]]] = []
    quoted: set[tuple[str, int]] = set()
    for candidate in order:
        evidence = [e for e in _evidence(candidate) if (e.paper.paper_id, e.start) not in quoted]
        quoted.update((e.paper.paper_id, e.start) for e in evidence)
        if evidence:
            sentences.append((candidate.passage.paper, evidence))
    answer = Answer(
        question=question.text,
        sentences=(),
        citations=(),
        confidence=round(probability, 4),
        snapshot=found.snapshot,
        searched=found.searched,
        relations=relations.table(told),
        enrichment=relations.enrichment(found.trace),
        misread=found.trace.misread if found.trace else (),
    )
    papers = dict.fromkeys([*(c.passage.paper for c in order), *(e.paper for e in answer.evidence)])
    numbers = {paper: n for n, paper in enumerate(papers, 1)}
    said = [
        AnswerSentence(" ".join(e.text for e in parts), (numbers[paper],), tuple(parts)) for paper, parts in sentences
    ]
    return replace(answer, sentences=tuple(said), citations=tuple(Citation(n, paper) for paper, n in numbers.items()))


def _why_nothing(question: Question, found: Found) -> RefusalReason:
    """Why no passage was found: some were searched, or none could be."""
    if found.searched:
        return RefusalReason.THIN_EVIDENCE
    return RefusalReason.NOTHING_ELIGIBLE if found.snapshot and question.filters else RefusalReason.EMPTY_BASE


def _in_order(chosen: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence, then paper by paper in order of their best one, each paper's sentences as they are printed."""
    papers = {paper: n for n, paper in enumerate(dict.fromkeys(c.passage.paper for c in chosen))}
    return [chosen[0], *sorted(chosen[1:], key=lambda c: (papers[c.passage.paper], c.sentence.start))]


def _evidence(candidate: Candidate) -> list[Evidence]:
    """The sentence, and before it the one that its first word points back to."""
    passage, place = candidate.passage, candidate.place
    before = passage.sentences[place - 1] if place else None
    if candidate.points_back and before is not None and _adjacent(before, candidate.sentence):
        return [quote(passage, before, candidate.score), quote(passage, candidate.sentence, candidate.score)]
    return [quote(passage, candidate.sentence, candidate.score)]


def _adjacent(before: PassageSentence, after: PassageSentence) -> bool:
    return 0 <= after.start - before.end <= 1 and before.role is after.role
