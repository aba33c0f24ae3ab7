"""A claim against evidence, as the numbers that the models weigh.

::

    sentences of evidence ──> the three nearest (cosine, shared words)
                                  ├── wording: cosines, coverage by rarity, the rarest word that is missing
                                  ├── directions: events aligned by the words around them, agreeing or opposed
                                  ├── denials, opposites, hedges
                                  └── figures: found, missing, others of the same unit
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cmo.assess.directions import directions
from cmo.assess.polarity import opposite
from cmo.assess.reading import Read
from cmo.model.evidence import FloatArray
from cmo.model.quantities import Measured

NEAREST = 3
_COSINE, _WORDS = 0.6, 0.4
_LEAST_LIKENESS = 0.05
SPELLED, _ALIKE = 0.9, 0.7
"""What it counts when a word is found as its acronym, or only begins alike."""
_HEAD = 5
_LEAST_ACRONYM = 3
_RAREST = 10.0
_NEAR = 6
_MOST_OPPOSITES = 3
FIGURE_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Comparison:
    """A claim and what is said to it."""

    claim: Read
    evidence: Sequence[Read]
    """At least one sentence."""
    cosines: FloatArray
    """(sentences,)"""

    @cached_property
    def shares(self) -> FloatArray:
        """How much of the claim's rarity each sentence holds, 0 to 1."""
        return np.array([covered(self.claim, [sentence]) for sentence in self.evidence], np.float64)

    @cached_property
    def nearest(self) -> list[int]:
        """The sentences that speak of it, nearest first."""
        return [int(n) for n in np.argsort(-self._likeness, kind="stable")[:NEAREST]]

    @cached_property
    def standing(self) -> dict[int, float]:
        """How near each of them is, the nearest being one."""
        best = max(1e-6, float(self._likeness[self.nearest[0]]))
        return {n: max(_LEAST_LIKENESS, float(self._likeness[n]) / best) for n in self.nearest}

    @cached_property
    def top(self) -> list[tuple[Read, float]]:
        """The nearest sentences with their standing."""
        return [(self.evidence[n], self.standing[n]) for n in self.nearest]

    @cached_property
    def held(self) -> dict[str, float]:
        """How far each stem of the claim is found in all the evidence."""
        return found(self.claim, self.evidence)

    @cached_property
    def lost_figures(self) -> list[Measured]:
        """Figures of the claim that the evidence has not."""
        theirs = [figure for sentence in self.evidence for figure in sentence.figures]
        return [figure for figure in self.claim.figures if not any(_same(figure, other) for other in theirs)]

    @cached_property
    def values(self) -> dict[str, float]:
        """Everything, by name."""
        wording = self._wording()
        figures = self._figures()
        close = wording["covered_by_three"] ** 2
        return {
            **wording,
            **directions(self.claim, self.top),
            **figures,
            **self._denials(),
            **self._opposites(),
            "odd_word": wording["rarest_missing"] * close,
            "odd_figure": figures["figures_missing"] * close,
            "hedged": float(np.mean([sentence.hedged for sentence, _ in self.top])) - self.claim.hedged,
        }

    @cached_property
    def _likeness(self) -> FloatArray:
        return np.asarray(_COSINE * self.cosines + _WORDS * self.shares, np.float64)

    def _wording(self) -> dict[str, float]:
        claim, sentences = self.claim, [sentence for sentence, _ in self.top]
        by_three = covered(claim, sentences)
        cosine = float(self.cosines.max())
        missing = [claim.weights[s] * (1 - share) for s, share in self.held.items()]
        pairs = frozenset().union(*(sentence.pairs for sentence in sentences))
        return {
            "cosine": cosine,
            "cosine_of_three": float(self.cosines[self.nearest].mean()),
            "covered_by_one": float(self.shares.max()),
            "covered_by_three": by_three,
            "covered": _share(claim, self.held),
            "cosine_by_coverage": cosine * by_three,
            "pairs": len(claim.pairs & pairs) / max(1, len(claim.pairs)),
            "rarest_missing": max(missing, default=0.0) / _RAREST,
            "sentences": float(np.log1p(len(self.evidence))),
        }

    def _figures(self) -> dict[str, float]:
        mine, lost = self.claim.figures, self.lost_figures
        units = {figure.unit for sentence in self.evidence for figure in sentence.figures}
        missing = len(lost) / len(mine) if mine else 0.0
        return {
            "figures_missing": missing,
            "figures_found": 1 - missing if mine else 0.0,
            "figures_other": missing if any(figure.unit in units for figure in mine) else 0.0,
        }

    def _denials(self) -> dict[str, float]:
        claim, first = self.claim, self.evidence[self.nearest[0]]
        said = {n: self.standing[n] * float(self.shares[n]) for n in self.nearest}
        denied = max((share for n, share in said.items() if self.evidence[n].denies), default=0.0)
        stated = max((share for n, share in said.items() if not self.evidence[n].denies), default=0.0)
        near = max((_denied_near(claim, sentence) * standing for sentence, standing in self.top), default=0.0)
        more = abs(len(claim.denials) - len(first.denials)) * float(self.shares[self.nearest[0]]) ** 2
        return {
            "denies_alone": stated - denied if claim.denies else 0.0,
            "denied_alone": 0.0 if claim.denies else denied - stated,
            "denied_near": 0.0 if claim.denies else near,
            "denied_near_both": near if claim.denies else 0.0,
            "denials": more,
        }

    def _opposites(self) -> dict[str, float]:
        mine = {side for side in self.claim.sides if opposite(side) not in self.claim.sides}
        theirs = frozenset().union(*(sentence.sides for sentence, _ in self.top))
        against = sum(opposite(side) in theirs and side not in theirs for side in mine)
        same = sum(side in theirs and opposite(side) not in theirs for side in mine)
        return {
            "opposites": float(min(against, _MOST_OPPOSITES)),
            "opposites_same": float(min(same, _MOST_OPPOSITES)),
            "opposite": float(against > 0),
        }


def covered(claim: Read, evidence: Sequence[Read]) -> float:
    """Share of the claim's rarity that sentences hold between them, 0 to 1."""
    return _share(claim, found(claim, evidence))


def found(claim: Read, evidence: Sequence[Read]) -> dict[str, float]:
    """How far each stem of the claim is found: 1, .9 as an acronym, .7 where a word only begins alike, or 0."""
    stems = frozenset().union(*(sentence.weights for sentence in evidence))
    if len(stems & claim.weights.keys()) == len(claim.weights):
        return dict.fromkeys(claim.weights, 1.0)
    heads = {s[:_HEAD] for s in stems if len(s) >= _HEAD}
    spelled = _spelled_out(claim, evidence) | _abbreviated(claim, evidence)

    def held(s: str) -> float:
        if s in stems:
            return 1.0
        if s in spelled:
            return SPELLED
        return _ALIKE if len(s) >= _HEAD and s[:_HEAD] in heads else 0.0

    return {s: held(s) for s in claim.weights}


def _share(claim: Read, held: dict[str, float]) -> float:
    return sum(claim.weights[s] * share for s, share in held.items()) / max(1e-9, claim.weight)


def _spelled_out(claim: Read, evidence: Sequence[Read]) -> set[str]:
    """Words of the claim whose initials are an acronym of the evidence."""
    said = [(s, w[0]) for s, w in zip(claim.stems, claim.words, strict=True) if s and w[0].isalpha()]
    letters = "".join(letter for _, letter in said)
    found: set[str] = set()
    for acronym in frozenset().union(*(sentence.acronyms for sentence in evidence)):
        short = acronym.rstrip("s")
        at = letters.find(short) if len(short) > 1 else -1
        if at >= 0:
            found.update(s for s, _ in said[at : at + len(short)])
    return found


def _abbreviated(claim: Read, evidence: Sequence[Read]) -> set[str]:
    """Acronyms of the claim that are the initials of words of the evidence."""
    wanted = {s for s in claim.acronyms if len(s) >= _LEAST_ACRONYM and s in claim.weights}
    if not wanted:
        return wanted
    initials = [sentence.initials for sentence in evidence]
    return {s for s in wanted if any(s in letters for letters in initials)}


def _same(one: Measured, other: Measured) -> bool:
    close = abs(one.low - other.low) <= FIGURE_TOLERANCE * max(abs(one.low), abs(other.low))
    return close and (one.unit == other.unit or not one.unit or not other.unit)


def _denied_near(claim: Read, sentence: Read) -> float:
    """How much of the claim stands near a word that negates."""
    near = (sentence.around(place, _NEAR) for place in sentence.denials)
    return max((sum(claim.weights.get(s, 0.0) for s in stems) for stems in near), default=0.0) / max(1e-9, claim.weight)
