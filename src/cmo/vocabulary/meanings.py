"""Which of several concepts a name means: what else the text speaks of decides, then the vocabulary's preference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cmo.model.concepts import Kind, Mention
from cmo.vocabulary.candidates import Candidate, Source
from cmo.vocabulary.compiled import CompiledVocabulary, Named
from cmo.vocabulary.confidence import LinkConfidence
from cmo.vocabulary.own import own_id


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
            read_as = concept.name if found.source is Source.MISSPELLED else ""
            return Mention(found.start, found.end, concept.id, concept.kind, probability, read_as)
        return Mention(found.start, found.end, own_id(found.kind, found.spelled), found.kind, probability)


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


def _fit(
    named: Named, candidate: Candidate, spoken_of: Counter[int], kinds: Counter[Kind]
) -> tuple[int, int, int, int, int]:
    """How well a concept fits: named elsewhere in the text, of the kind at hand, by its preferred name; earlier wins."""
    return (
        spoken_of[named.concept], named.kind is candidate.kind, named.preferred, kinds[named.kind], -named.concept,
    )  # fmt: skip
