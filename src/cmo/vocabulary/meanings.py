"""Which of several concepts a name means: what else the text speaks of decides, then the vocabulary's preference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from cmo.model.concepts import Kind, Mention
from cmo.vocabulary.candidates import Candidate
from cmo.vocabulary.compiled import CompiledVocabulary, Named
from cmo.vocabulary.confidence import LinkConfidence
from cmo.vocabulary.lipids import PREFIX

NAMED = "NAME:"
"""Begins the ids of concepts that follow from their name."""


class Meanings:
    """Candidates to mentions."""

    def __init__(self, vocabulary: CompiledVocabulary, confidence: LinkConfidence) -> None:
        self._vocabulary = vocabulary
        self._confidence = confidence

    def mentions(self, found: Sequence[Candidate]) -> Iterator[Mention]:
        """A mention for each candidate, in their order."""
        spoken_of = Counter(c.named[0].concept for c in found if len(c.named) == 1)
        kinds = Counter(c.kind for c in found)
        for candidate in found:
            best = max(candidate.named, key=lambda n: _fit(n, candidate, spoken_of, kinds), default=None)
            confidence = self._confidence.probability(candidate, best)
            if best:
                concept = self._vocabulary.load(best.concept)
                yield Mention(candidate.start, candidate.end, concept.id, concept.kind, confidence)
            else:
                yield Mention(candidate.start, candidate.end, own_id(candidate), candidate.kind, confidence)


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
