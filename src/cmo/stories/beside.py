"""What stands beside a sentence: before and after it in its paper, and what other papers say to the same.

::

    a sentence --its paper's text--> neighbours
        |------relations that it states--> what other papers state of them: for, against
        '------search, without its own paper--> the nearest sentence of each other paper --> judged: for, against, near

What was read as a relation goes first: it was judged with all papers at hand. A sentence that is only near in words is told
as against no sooner than it is nearly sure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np

from cmo.answer.quote import quote
from cmo.ingest.sentences import split
from cmo.model.assessments import Claim, Support
from cmo.model.evidence import Evidence, FloatArray, Found
from cmo.model.papers import Box
from cmo.model.ports import Linker, Retriever
from cmo.model.questions import Question
from cmo.store.record import Record
from cmo.stories.atlas import Atlas
from cmo.stories.viewer import Place

LEAST_FOR, LEAST_AGAINST, LEAST_NEAR = 0.5, 0.8, 0.5
"""Probability from which a sentence counts as for or against, and likeness below which it is not shown."""
_PAIRS: Final = 12
"""Of concepts of a sentence, between which relations are looked up."""
_STATED: Final = 20
"""Sentences of a relation that are looked at."""
_AROUND: Final = 2_000
"""Characters of the paper before and after, among which its neighbours are sought."""
_LONGEST: Final = 1_000
"""Characters of a sentence that are searched with."""
_ENDS: Final = tuple(".?!)]\u201d\"'")
"""Of a sentence: headings and rows of tables have none."""
_FOUND: Final = 40
"""Passages among which the other papers are."""


class Scorer(Protocol):
    """Judges claims against sentences."""

    def score(self, claims: Sequence[Claim]) -> list[Support]:
        """How far each is supported and contradicted."""
        ...


class Stance(StrEnum):
    """How another paper stands to the sentence."""

    FOR = "for"
    AGAINST = "against"
    NEAR = "near"
    """It speaks of the same, and neither bears it out nor denies it, as far as can be told without a language model."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A sentence of the same paper."""

    start: int
    end: int
    text: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """The nearest sentence of another paper."""

    evidence: Evidence
    stance: Stance
    probability: float
    """Of the stance; the likeness of the sentences where it is neither for nor against."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that stands beside a sentence."""

    before: tuple[Neighbour, ...]
    after: tuple[Neighbour, ...]
    others: tuple[Other, ...]
    """For first, then against, then near; within each the surest first."""


class Beside:
    """Looks around a sentence.

    Args:
        record: the papers' texts.
        retriever: finds passages.
        scorer: judges; asked for when there is something to judge.
        atlas: looks at the graph; None where there is none.
        linker: names to concepts.
    """

    def __init__(
        self,
        record: Record,
        retriever: Retriever,
        scorer: Callable[[], Scorer],
        *,
        atlas: Callable[[], Atlas | None],
        linker: Callable[[], Linker],
    ) -> None:
        self._record = record
        self._retriever = retriever
        self._scorer = scorer
        self._atlas = atlas
        self._linker = linker

    def look(self, place: Place, neighbours: int = 2, others: int = 12) -> Surroundings:
        """What stands beside a sentence, so many on each side, and so many other papers at most."""
        before, after = self._neighbours(place, neighbours)
        return Surroundings(before, after, self._others(place, others) if others else ())

    def _neighbours(self, place: Place, most: int) -> tuple[tuple[Neighbour, ...], tuple[Neighbour, ...]]:
        text = self._record.text(place.paper)
        first, last = max(0, place.start - _AROUND), min(len(text), place.end + _AROUND)
        before = [(first + a, first + b) for a, b in split(text[first : place.start])]
        after = [(place.end + a, place.end + b) for a, b in split(text[place.end : last])]
        if first and before:  # where the window begins, it may cut one in two
            before = before[1:]
        if last < len(text) and after:
            after = after[:-1]
        before = [span for span in before if text[slice(*span)].endswith(_ENDS)]
        after = [span for span in after if text[slice(*span)].endswith(_ENDS)]
        return self._read(place, text, before[-most:] if most else []), self._read(place, text, after[:most])

    def _read(self, place: Place, text: str, spans: Sequence[tuple[int, int]]) -> tuple[Neighbour, ...]:
        return tuple(
            Neighbour(start, end, text[start:end], self._record.boxes(place.paper, start, end)) for start, end in spans
        )

    def _others(self, place: Place, most: int) -> tuple[Other, ...]:
        found = {one.evidence.paper.paper_id: one for one in self._stated(place)}
        for one in self._near(place, most):
            found.setdefault(one.evidence.paper.paper_id, one)
        ordered = sorted(found.values(), key=lambda one: (list(Stance).index(one.stance), -one.probability))
        return tuple(ordered[:most])

    def _stated(self, place: Place) -> Iterator[Other]:
        """What other papers state of the relations that this sentence states; the surest last."""
        atlas = self._atlas()
        if atlas is None:
            return
        for told in atlas.between(sorted({m.concept for m in self._linker().link(place.text)}), _PAIRS, _STATED):
            own = [one.against for one in told.sentences if _same(one.evidence, place)]
            for one in reversed(told.sentences if own else ()):
                if one.evidence.paper.paper_id != place.paper.paper_id:
                    stance = Stance.FOR if one.against == own[0] else Stance.AGAINST
                    yield Other(one.evidence, stance, one.evidence.score)

    def _near(self, place: Place, most: int) -> list[Other]:
        asked = Question(" ".join(place.text.split())[:_LONGEST])
        found = self._retriever.retrieve(asked, _FOUND)
        nearest = list(_nearest(found, place.paper.paper_id))[:most]
        if not nearest:
            return []
        claims = [Claim(asked.text, [one.text], {one.text: vector}) for one, vector in nearest]
        judged = self._scorer().score(claims)
        return [_other(one, said) for (one, _), said in zip(nearest, judged, strict=True)]


def _same(evidence: Evidence, place: Place) -> bool:
    """Whether they are of the same place: spans may differ by a mark at the beginning."""
    return evidence.paper.paper_id == place.paper.paper_id and evidence.start < place.end and place.start < evidence.end


def _nearest(found: Found, own: str) -> Iterator[tuple[Evidence, FloatArray]]:
    """The sentence of each other paper that comes nearest, with its vector, the nearest paper first."""
    seen = {own}
    for passage in found.passages:
        if passage.paper.paper_id in seen:
            continue
        likeness = passage.sentence_vectors @ found.query_vector
        best = int(np.argmax(likeness))
        if likeness[best] >= LEAST_NEAR:
            seen.add(passage.paper.paper_id)
            yield quote(passage, passage.sentences[best], float(likeness[best])), passage.sentence_vectors[best]


def _other(evidence: Evidence, said: Support) -> Other:
    if said.supported >= max(LEAST_FOR, said.contradicted):
        return Other(evidence, Stance.FOR, said.supported)
    if said.contradicted >= LEAST_AGAINST:
        return Other(evidence, Stance.AGAINST, said.contradicted)
    return Other(evidence, Stance.NEAR, evidence.score)
