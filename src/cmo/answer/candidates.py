"""Candidate sentences of an answer, and how well each fits the question.

What counts was measured on SciFact's rationales: how much of the question's rare words a sentence holds, what kind of
sentence it is and where it stands, and its cosine with the question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmo.answer.coverage import coverage
from cmo.model.evidence import FloatArray, Found, Passage, PassageSentence
from cmo.model.papers import Role, Section

_SHORTEST, _LONGEST = 5, 70
"""Words in a sentence that can be quoted."""
_PRIOR = {
    Section.ABSTRACT: 0.6,
    Section.RESULTS: 1.0,
    Section.DISCUSSION: 0.7,
    Section.CONCLUSION: 1.0,
    Section.METHODS: -0.3,
    Section.BACK: -1.5,
}
_CAPTION_PRIOR = -1.2
_CAPTION = re.compile(r"(?:fig(?:ure)?s?|tables?|scheme|box|supplementary|map|plate)\b[\s.:\-–]*[S(]?\d", re.IGNORECASE)
_NUMBER = re.compile(r"\d")
_AIMS = (
    "aim of", "aims of", "aims to", "aimed to", "aimed at", "aim to", "aim was", "objective to", "objectives to", "purpose to", "objective of", "objectives of", "objective was", "objective is",
    "objectives were", "purpose of", "goal of", "goal was", "we sought", "we hypothes", "no study", "no studies", "no data",
    "no report", "remains unknown", "remain unknown", "remains unclear", "remain unclear", "is unknown", "is unclear",
    "are unknown", "are unclear", "remains to be", "remain to be", "designed to", "undertaken to", "was conducted to",
    "were conducted to", "carried out to", "in this study, we", "in this study we", "in the present study, we",
)  # fmt: skip
"""What a study set out to do, or what nobody knew: it names the question and does not answer it."""
_FINDINGS = (
    "in conclusion", "we conclude", "we found", "we show", "our results", "our findings", "our data", "results show",
    "results reveal", "results suggest", "results indicat", "results demonstrat", "findings show", "findings suggest",
    "findings indicat", "data demonstrat", "data reveal", "findings demonstrat", "findings reveal", "data show", "data suggest", "data indicat", "significant", "was found", "were found",
    "was observed", "were observed", " showed", " demonstrated", " revealed",
)  # fmt: skip
_LABEL = re.compile(
    r"(?:(?P<finds>(?:main )?(?:results?|findings|conclusions?|interpretation))"
    r"|background|context|introduction|objectives?|aims?|purpose|design|setting|participants|main outcome measures?"
    r"|interventions?|(?:(?:materials?|patients|subjects) and )?methods?)"
    r"(?::|(?-i:(?<=[A-Z]{4})(?= [A-Z0-9])))",
    re.IGNORECASE,
)
"""The label of a part of an abstract, as it is printed before its first sentence: ``Results:``, ``METHODS Fasting``."""
_AIM_PRIOR, _FINDING_PRIOR, _NUMBER_PRIOR, _LABEL_PRIOR = -1.5, 0.5, 0.7, 1.0
_ASKS_NUMBER = re.compile(
    r"\b(?:how (?:much|many|often|long|high|large|old)|what (?:percentage|proportion|share|dose|concentration|level|number|value|is the ic50)"
    r"|which dose|per ?cent|ic50|by how)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"(?:(?:(?<!\d)\.|[!?…:;)\]\"”’'])[\d,–\-\s\[\]()]*|\d\.)$")
"""How a sentence ends, marks of citation included; what a table leaves behind does not."""
_ENDS = frozenset(".!…:;)”’")
_TAIL = 40
MOST, _READ = 40, 16
"""Candidates that are handed on, and those of them whose wording is read."""
_COSINE, _COVERAGE, _KIND = 0.25, 0.6, 0.5
"""What counts: on the rationales of SciFact's training claims they put a right sentence first in 64 % of cases and among
three in 91 % (without labels 62 and 89); the cosine first (.55, .25, .2), in 50 and 83 %. Sentence vectors of one pass resemble one another."""
_POINTS_BACK = re.compile(
    r"(?:this|these|those|it|they|such|he|she|its|their|both|the latter|the former)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that might be quoted."""

    passage: Passage
    place: int
    """Index in the passage."""
    cosine: float
    """With the question."""
    coverage: float
    """Share of the question's rarity that its words hold, 0 to 1."""
    score: float
    vector: FloatArray

    @property
    def sentence(self) -> PassageSentence:
        """The sentence itself."""
        return self.passage.sentences[self.place]

    @property
    def points_back(self) -> bool:
        """Whether it begins with a pronoun that only the sentence before it resolves."""
        return bool(_POINTS_BACK.match(self.sentence.text))


def candidates(found: Found) -> list[Candidate]:
    """Quotable sentences of the passages found, best first, each printed place once."""
    pairs, places = _pairs(found.passages)
    if not pairs:
        return []
    vectors = np.concatenate([p.sentence_vectors for p in found.passages])[places]
    cosines: FloatArray = np.vecdot(vectors, found.query_vector)
    covered = coverage([p.sentences[n].text for p, n in pairs], found.terms)
    best = found.passages[0].score or 1.0
    standing = np.array([s for p in found.passages for s in _standing(p, best)], np.float32)[places]
    scores = _COSINE * _standard(cosines) + _COVERAGE * _standard(covered) + _KIND * standing
    # What a sentence says of itself costs more to read than all the rest: of the best alone.
    order = np.argsort(-scores, kind="stable")[:MOST]
    asks_number = bool(_ASKS_NUMBER.search(found.question))
    for n in order[:_READ].tolist():
        passage, at = pairs[n]
        scores[n] += _KIND * _saying(passage.sentences[at].text, asks_number=asks_number)
    order = order[np.argsort(-scores[order], kind="stable")]
    return [
        Candidate(pairs[n][0], pairs[n][1], float(cosines[n]), float(covered[n]), float(scores[n]), vectors[n])
        for n in order.tolist()
    ]


def _pairs(passages: Sequence[Passage]) -> tuple[list[tuple[Passage, int]], list[int]]:
    """Quotable sentences, and their places when all sentences of all passages are counted through."""
    seen: set[tuple[str, int]] = set()
    pairs, places, before = [], [], 0
    for passage in passages:
        paper_id = passage.paper.paper_id
        for n, sentence in enumerate(passage.sentences):
            printed = (paper_id, sentence.start)
            if printed not in seen and _quotable(sentence):
                seen.add(printed)
                pairs.append((passage, n))
                places.append(before + n)
        before += len(passage.sentences)
    return pairs, places


def _quotable(sentence: PassageSentence) -> bool:
    words = sentence.text.count(" ") + 1
    if sentence.role is Role.TABLE or not _SHORTEST <= words <= _LONGEST or sentence.text.endswith("?"):
        return False
    return sentence.text[-1] in _ENDS or bool(_WHOLE.search(sentence.text[-_TAIL:]))


def _standing(passage: Passage, best: float) -> list[float]:
    """What speaks for sentences by where they stand: how their passage fits, its section, and late in it, as conclusions."""
    prior, last = _PRIOR.get(passage.section, 0.0) + passage.score / best, max(1, len(passage.sentences) - 1)
    return [
        prior + 0.3 * n / last + (_CAPTION_PRIOR if sentence.role is Role.CAPTION else 0.0)
        for n, sentence in enumerate(passage.sentences)
    ]


def _saying(text: str, *, asks_number: bool) -> float:
    """What speaks for a sentence by what it says: a finding, an aim, a number where one is asked for."""
    prior = _CAPTION_PRIOR if _CAPTION.match(text) else 0.0
    if label := _LABEL.match(text):
        prior += _LABEL_PRIOR if label["finds"] else -_LABEL_PRIOR
    low = text.lower()
    if any(map(low.__contains__, _AIMS)):
        prior += _AIM_PRIOR
    elif any(map(low.__contains__, _FINDINGS)):
        prior += _FINDING_PRIOR
    if asks_number and _NUMBER.search(text):
        prior += _NUMBER_PRIOR
    return prior


def _standard(values: FloatArray) -> FloatArray:
    spread = float(values.std())
    standardised: FloatArray = (values - values.mean()) / spread if spread > 1e-6 else values * 0  # noqa: PLR2004
    return standardised
