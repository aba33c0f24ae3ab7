"""Which of several concepts a name means: what else the text speaks of decides, then the vocabulary's preference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cmo.model.concepts import Kind, Mention
from cmo.vocabulary.candidates import Candidate
from cmo.vocabulary.compiled import CompiledVocabulary, Named
from cmo.vocabulary.confidence import LinkConfidence
from cmo.vocabulary.lipids import PREFIX

NAMED = "NAME:"
"""Begins the ids of concepts that follow from their name."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A candidate and the concept that it means."""

    candidate: Candidate
    best: Named | None
    """None where no vocabulary has it."""

    def mention(self, vocabulary: CompiledVocabulary, confidence: LinkConfidence) -> Mention:
        """As others see it."""
        found, probability = self.candidate, confidence.probability(self.candidate, self.best)
        if self.best:
            concept = vocabulary.load(self.best.concept)
            return Mention(found.start, found.end, concept.id, concept.kind, probability)
        return Mention(found.start, found.end, own_id(found), found.kind, probability)


def linked(found: Sequence[Candidate]) -> list[Linked]:
    """The candidates of a text with what they mean, in their order."""
    spoken_of = Counter(c.named[0].concept for c in found if len(c.named) == 1)
    kinds = Counter(c.kind for c in found)
    return [
        Linked(c, max(c.named, key=lambda n: _fit(n, c, spoken_of, kinds), default=None))
        if len(c.named) > 1
        else Linked(c, c.named[0] if c.named else None)
        for c in found
    ]


def own_id(candidate: Candidate) -> str:
    """The id of a concept that no vocabulary has."""
    if candidate.kind is Kind.LIPID:
        return f"{PREFIX}{candidate.spelled}"
    return f"{NAMED}{candidate.kind}:{candidate.spelled}"


def _fit(
    named: Named, candidate: Candidate, spoken_of: Counter[int], kinds: Counter[Kind]
) -> tuple[int, int, int, int, int]:
    """How well a concept fits: named elsewhere in the text, of the kind at hand, by its preferred name; earlier wins."""
    return (
        spoken_of[named.concept], named.kind is candidate.kind, named.preferred, kinds[named.kind], -named.concept,
    )  # fmt: skip
