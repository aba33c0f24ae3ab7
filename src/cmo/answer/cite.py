"""A sentence to the printed sentences that bear it out, or to nothing.

::

    sentence ──scored against the sources with its words──> sources that bear it out, the surest first
                                                            │ the fewest neighbouring sentences that still do
                                                            └──> Evidence, at most one a paper, of two papers

What a reader is shown is what was checked: the quote alone bears the sentence out, not the passage around it. To bear
out, a quote must be scored as supporting, nothing may be flagged, and no word may be foreign to it
(`cmo.model.assessments.Support.lacking`): heads that weigh a sentence as a whole let one untrue word through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from cmo.answer.quote import quote
from cmo.model.answers import RelationRow
from cmo.model.assessments import LIKELY, Claim, Support
from cmo.model.evidence import Evidence, FloatArray, Found, Passage
from cmo.model.papers import CITABLE
from cmo.model.ports import Scorer

MOST_PAPERS = 2
"""That one sentence cites."""
_READ, _SHARED = 6, 0.4
"""Sources that a sentence is held against, and the share of its words' beginnings that they must have."""
_TRIED = 4
"""Sources whose quotes are sought."""
_WORD = re.compile(r"\w{3,}")
_HEAD = 5
_MOST = 32
"""Sentences of a source; longer passages are read in windows."""
_APART = 2
"""Characters between two sentences that follow each other."""
_RUNS = ((0, 1), (-1, 1), (0, 2))
"""Quotes around the nearest sentence, as the sentences before it and up to where; the shortest that does is taken."""


@dataclass(frozen=True, slots=True)
class Source:
    """Sentences that are read together."""

    evidence: tuple[Evidence, ...]
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """Unit vectors of those that are known already, by their text."""
    chain: bool = False
    """Whether they state the steps of a chain, and not a stretch of one text."""
    heads: frozenset[str] = frozenset()
    """How their words begin."""

    @property
    def texts(self) -> list[str]:
        """Of its sentences."""
        return [e.text for e in self.evidence]


@dataclass(frozen=True, slots=True)
class Borne:
    """What bears a sentence out."""

    evidence: tuple[Evidence, ...]
    """In the order of the printed text, the surest paper first; empty where nothing does."""
    probability: float
    """Of support, by the surest quote."""


def passages(found: Found) -> list[Source]:
    """A source for each passage."""
    return [source for passage in found.passages for source in _windows(passage)]


def chains(told: Sequence[Sequence[RelationRow]]) -> list[Source]:
    """A source for each chain of relations: the sentences that state its steps."""
    stated = (tuple(e for row in chain for e in row.evidence_for) for chain in told)
    kept = (evidence[:_MOST] for evidence in dict.fromkeys(stated) if evidence)
    return [Source(evidence, chain=True, heads=_heads(*(e.text for e in evidence))) for evidence in kept]


class Citer:
    """Finds what bears sentences out. Threads may share it.

    Args:
        scorer: says how far evidence bears out what is claimed.
        least: probability of support from which it does.
        foreign: words of a sentence that its quote may lack.
    """

    def __init__(self, scorer: Scorer, least: float = LIKELY, foreign: int = 0) -> None:
        self._scorer = scorer
        self._least = least
        self._foreign = foreign

    def borne(self, sentence: str, sources: Sequence[Source]) -> Borne:
        """The quotes that bear a sentence out."""
        sources = _speaking(sentence, sources)
        judged = self._scorer.score([Claim(sentence, source.texts, source.vectors) for source in sources])
        fit = [(source, s) for source, s in zip(sources, judged, strict=True) if s.best is not None]
        fit.sort(key=lambda pair: -pair[1].supported)
        quotes = [run for source, s in fit[:_TRIED] if s.supported >= self._least for run in _runs(source, s)]
        scored = self._scorer.score([Claim(sentence, run.texts, run.vectors) for run in quotes])
        sound = [(run, s.supported) for run, s in zip(quotes, scored, strict=True) if self._bears(s)]
        return _chosen(sound)

    def _bears(self, support: Support) -> bool:
        return support.supported >= self._least and not support.reasons and len(support.lacking) <= self._foreign


def _speaking(sentence: str, sources: Sequence[Source]) -> list[Source]:
    """Sources that have enough of a sentence's words to bear it out, those with the most first."""
    mine = _heads(sentence)
    least = max(1.0, _SHARED * len(mine))
    shared = sorted(((len(mine & source.heads), source) for source in sources), key=lambda pair: -pair[0])
    return [source for share, source in shared[:_READ] if share >= least]


def _heads(*texts: str) -> frozenset[str]:
    return frozenset(word[:_HEAD] for text in texts for word in _WORD.findall(text.casefold()))


def _chosen(sound: Sequence[tuple[Source, float]]) -> Borne:
    """The shortest quote of each paper, those of the surest papers; none that holds another one."""
    shortest: dict[str, tuple[Source, float]] = {}
    for run, probability in sorted(sound, key=lambda pair: (len(pair[0].evidence), -pair[1])):
        if not any(set(kept.evidence) <= set(run.evidence) for kept, _ in shortest.values()):
            shortest.setdefault(run.evidence[0].paper.paper_id, (run, probability))
    surest = sorted(shortest.values(), key=lambda pair: -pair[1])[:MOST_PAPERS]
    quoted = {e.id: replace(e, score=round(p, 4)) for run, p in surest for e in run.evidence}
    return Borne(tuple(quoted.values()), surest[0][1] if surest else 0.0)


def _runs(source: Source, support: Support) -> Iterator[Source]:
    assert support.best is not None
    if source.chain:
        yield from (replace(source, evidence=part) for part in (source.evidence[support.best :][:1], source.evidence))
        return
    for before, behind in _RUNS:
        part = source.evidence[max(0, support.best + before) : support.best + behind]
        if len(part) == behind - before and all(_follows(a, b) for a, b in pairwise(part)):
            yield replace(source, evidence=part)


def _follows(one: Evidence, other: Evidence) -> bool:
    return one.paper == other.paper and 0 <= other.start - one.end <= _APART


def _windows(passage: Passage) -> Iterator[Source]:
    pairs = zip(passage.sentences, passage.sentence_vectors, strict=True)
    told = [(quote(passage, s, passage.score), vector) for s, vector in pairs if s.role in CITABLE and s.text.strip()]
    for start in range(0, len(told), _MOST):
        part = told[start : start + _MOST]
        heads = _heads(*(e.text for e, _ in part))
        yield Source(tuple(e for e, _ in part), {e.text: vector for e, vector in part}, heads=heads)
