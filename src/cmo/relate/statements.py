"""What one window says: its related pairs, named, with the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from cmo.model.concepts import Kind, RelationType
from cmo.relate.cues import Cues
from cmo.relate.judge import Judged, PairJudge
from cmo.relate.layout import CHEMICAL, GENE, SETTING, Ints, Layout, Window, lay_out
from cmo.relate.lists import Crossed, crossing
from cmo.relate.pairs import PAIRED
from cmo.relate.patterns import Phrases
from cmo.relate.scope import Meeting, hedged, negated
from cmo.relate.signs import SignJudge
from cmo.relate.types import frame, name, phrase

_NEAR = 15
"""Terms between a concept and a setting that still belong together."""
_CONTEXT = frozenset({Kind.ORGANISM, Kind.SPECIMEN, Kind.METHOD})


@dataclass(frozen=True, slots=True)
class Statement:
    """A relation as a window states it; see `cmo.model.concepts.Relation`."""

    subject: str
    object: str
    type: RelationType
    probability: float
    sentence: int
    """Number of the sentence in the window."""
    negated: bool = False
    hedged: bool = False
    context: tuple[str, ...] = ()
    apart: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Teller:
    """The models and phrases that windows are read by."""

    cues: Cues
    pairs: PairJudge
    signs: SignJudge
    phrases: Phrases

    @classmethod
    def shipped(cls) -> Self:
        """Those that come with this package."""
        return cls(Cues.shipped(), PairJudge.shipped(), SignJudge.shipped(), Phrases.shipped())

    def tell(self, window: Window) -> list[Statement]:
        """All that a window states, in the order of its pairs."""
        layout = lay_out(window, self.cues)
        judged = self.pairs.judge(layout)
        crossed = crossing(layout)
        likely = np.flatnonzero(judged.probability >= self.pairs.threshold).tolist()
        signs = self._signs(judged) if likely else []
        found = [self._statement(judged, pair, signs[pair], crossed) for pair in likely]
        return [*filter(None, found), *self._conversions(judged, crossed), *self._settings(layout, crossed)]

    def _statement(self, judged: Judged, pair: int, sign: int, crossed: Crossed) -> Statement | None:
        layout, found = judged.layout, judged.pairs
        chance = round(float(judged.probability[pair]), 4)
        meetings = _evidence(judged, pair)
        meeting = next((m for m in meetings if (int(found.left[m]), int(found.right[m])) not in crossed), -1)
        if meetings and meeting < 0:  # it meets only as the first of one list and the second of another
            return None
        if meeting < 0:
            return self._unmet(layout, int(found.i[pair]), int(found.j[pair]), chance)
        left, right = int(found.left[meeting]), int(found.right[meeting])
        said = self._said(layout, left, right, sign)
        assert said is not None
        return replace(said, probability=max(chance, said.probability))

    def _signs(self, judged: Judged) -> list[int]:
        decided: list[int] = self.signs.judge(judged).decided(self.signs.threshold, self.signs.certainty).tolist()
        return decided

    def _unmet(self, layout: Layout, i: int, j: int, chance: float) -> Statement:
        """Two that are related across sentences: the sentence is the first that names the one with fewer mentions."""
        body = layout.sentence >= layout.titled
        a, b = np.flatnonzero(body & (layout.concept == i)), np.flatnonzero(body & (layout.concept == j))
        rarer = a if 0 < len(a) < len(b) or not len(b) else b
        sentence = int(layout.sentence[rarer[0]]) if len(rarer) else 0
        subject, object_ = sorted((layout.concepts[i], layout.concepts[j]))
        return Statement(
            subject,
            object_,
            RelationType.ASSOCIATED_WITH,
            chance,
            sentence,
            context=_context(layout, sentence),
            apart=True,
        )

    def _said(self, layout: Layout, left: int, right: int, sign: int | None) -> Statement | None:
        """What the sentence of two mentions says of them; with `sign` None only what a phrase says outright."""
        sentence = int(layout.sentence[left])
        opening, closing = layout.bounds[sentence : sentence + 2].tolist()
        here = Meeting(layout.terms, opening, int(layout.place[left]), int(layout.place[right]), closing)
        text, denied = frame(here), negated(here, self.cues)
        first, second = int(layout.concept[left]), int(layout.concept[right])
        kinds = layout.kinds[first], layout.kinds[second]
        if sign is None:
            named = phrase(*kinds, text, self.phrases)
        else:  # a sign that is denied is none: "was not associated with" says neither cause nor cure
            named = name(*kinds, 0 if denied else sign, text, self.phrases)
        if named is None:
            return None
        subject, object_ = layout.concepts[first], layout.concepts[second]
        if named.turned if named.type is not RelationType.ASSOCIATED_WITH else subject > object_:
            subject, object_ = object_, subject
        context = tuple(c for c in _context(layout, sentence) if c not in {subject, object_})
        return Statement(
            subject, object_, named.type, named.probability, sentence,
            denied, hedged(here, self.cues), context,
        )  # fmt: skip

    def _conversions(self, judged: Judged, crossed: Crossed) -> Iterator[Statement]:
        """Reactions of pairs that the model does not tell: what it was fitted on has three of them in all."""
        layout, found, at = judged.layout, judged.pairs, judged.at
        groups = layout.cumulated[:, self.cues.columns["convert"]]
        spoken = (groups[at.stop] > groups[at.before]) & (found.kind[found.pair] == PAIRED.index((CHEMICAL, CHEMICAL)))
        told = set()
        for meeting in np.flatnonzero(spoken & (judged.probability[found.pair] < self.pairs.threshold)).tolist():
            left, right = int(found.left[meeting]), int(found.right[meeting])
            said = None if (left, right) in crossed else self._said(layout, left, right, None)
            if said and said.type is RelationType.CONVERTED_TO and (said.subject, said.object) not in told:
                told.add((said.subject, said.object))
                yield said

    def _settings(self, layout: Layout, crossed: Crossed) -> Iterator[Statement]:
        """Pathways, specimens, organisms and methods with the nearest chemical or gene, by phrase alone."""
        classes = layout.classes[layout.concept]
        told = set()
        for setting in np.flatnonzero(classes == SETTING).tolist():
            for left, right in _nearest(layout, classes, setting):
                said = None if (left, right) in crossed else self._said(layout, left, right, None)
                if said and (said.subject, said.object) not in told:
                    told.add((said.subject, said.object))
                    yield said


def _evidence(judged: Judged, pair: int) -> list[int]:
    """The meetings of a pair outside the title, which cannot be cited; that which speaks most for it first."""
    first, last = np.searchsorted(judged.pairs.pair, (pair, pair + 1)).tolist()
    where = judged.layout.sentence[judged.pairs.left[first:last]]
    body = np.flatnonzero(where >= judged.layout.titled)
    best = body[np.argsort(-judged.score[first:last][body], kind="stable")]
    return [first + int(n) for n in best]


def _nearest(layout: Layout, classes: Ints, setting: int) -> Iterator[tuple[int, int]]:
    """The nearest chemical or gene before a setting in its sentence, and the nearest after it."""
    there = np.flatnonzero(
        (layout.sentence == layout.sentence[setting])
        & ((classes == CHEMICAL) | (classes == GENE))
        & (np.abs(layout.place - layout.place[setting]) <= _NEAR)
    )
    before, after = there[there < setting], there[there > setting]
    if len(before):
        yield int(before[-1]), setting
    if len(after):
        yield setting, int(after[0])


def _context(layout: Layout, sentence: int) -> tuple[str, ...]:
    """Ids of the specimens, organisms and methods that a sentence names, in its order."""
    here = layout.concept[layout.sentence == sentence].tolist()
    return tuple(dict.fromkeys(layout.concepts[c] for c in here if layout.kinds[c] in _CONTEXT))
