"""What an answer's sentences are worth: how far the evidence bears each out, and the answer as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cmo.model.evidence import FloatArray


class Verdict(StrEnum):
    """What evidence says to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNRELATED = "unrelated"
    """It says nothing of it, or too little to tell."""


class Flag(StrEnum):
    """A difference that a reader can check word by word. A flagged claim never counts as supported."""

    FIGURE = "figure-not-found"
    """A number or its unit stands in no sentence of the evidence."""
    DIRECTION = "direction-reversed"
    """The claim says up where the evidence says down, or the other way round."""
    NEGATION = "negation-reversed"
    """The claim denies what the evidence states, or states what it denies."""
    CONCEPT = "concept-not-found"
    """A name stands in no sentence of the evidence, under none of its names."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A flag, said so that a person can check it."""

    flag: Flag
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, with the sentences that are to bear it out."""

    text: str
    evidence: Sequence[str]
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """Unit vectors of sentences of the evidence that are known already, by their text."""


@dataclass(frozen=True, slots=True)
class Support:
    """How far evidence bears out one claim."""

    claim: str
    supported: float
    """Calibrated probability that the evidence supports it."""
    contradicted: float
    """Calibrated probability that the evidence contradicts it; what is left is that it says too little."""
    best: int | None
    """Which sentence of the evidence is nearest; None where there is none."""
    reasons: tuple[Reason, ...] = ()
    verbatim: bool = False
    """Whether it stands in the evidence word for word."""
    weight: float = 1.0
    """Rarity of its words, summed: by it claims are averaged."""
    lacking: tuple[str, ...] = ()
    """Its words that the evidence has in no form, under no other name, or not in that place; denials that it leaves out.
    Nothing of it is flagged by them alone."""

    @property
    def verdict(self) -> Verdict:
        """The likeliest; supported only where nothing is flagged."""
        if self.supported >= LIKELY and not self.reasons:
            return Verdict.SUPPORTED
        rest = 1.0 - self.supported - self.contradicted
        return Verdict.CONTRADICTED if self.contradicted > max(rest, self.supported) else Verdict.UNRELATED


LIKELY = 0.5
WEIGHTS = (0.4, 0.3, 0.3)
"""Of relevance, accuracy and factual accuracy in the composite, as the documents fix them."""

_INDICATORS = ((0.9, "🌟 Excellent"), (0.8, "✅ Good"), (0.7, "⚡ Acceptable"))
_LOWEST = "⚠️ Low Quality"
LIMITS = (
    "Each sentence is compared with the sentences it cites: words, figures, directions, negations and sentence vectors.",
    "Text that is off the source is told well, contradiction less well.",
    "A reversal that no single word shows, an exchanged subject and object, or a wrong inference is often not seen.",
    "It does not know whether a source is right, and nothing that no source says can count as supported.",
    "Names are compared by the installed vocabularies; a synonym that they lack looks like another name.",
)
"""What the scorer can and cannot see, told with every assessment."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The quality of one answer, all 0 to 1."""

    claims: tuple[Support, ...]
    """One a sentence, in order; empty where nothing was claimed."""
    relevance: float
    """Calibrated probability that the answer bears on the question."""
    accuracy: float
    """Mean probability of support, rare words weighing more."""
    factual: float
    """Mean probability that nothing contradicts; a flagged sentence counts little."""
    coverage: float
    """Share of the question's rarity that supported sentences take up."""
    citation_precision: float | None
    """Share of citations that bear out their sentence, or are needed to (ALCE); None where nothing is cited."""
    citation_recall: float | None
    """Share of sentences that their citations bear out; None where nothing is claimed."""
    agreement: float | None
    """Share of sentences that two sources bear out, less those that one denies; None with fewer than two sources."""
    acceptable: float
    """Calibrated probability that the answer may be shown."""
    limits: tuple[str, ...] = LIMITS

    @property
    def composite(self) -> float:
        """``.4 relevance + .3 accuracy + .3 factual``: a weighted sum, no probability."""
        parts = (self.relevance, self.accuracy, self.factual)
        return sum(weight * part for weight, part in zip(WEIGHTS, parts, strict=True))

    @property
    def weakest(self) -> Support | None:
        """The sentence that is least supported."""
        return min(self.claims, key=lambda claim: claim.supported, default=None)


def indicator(composite: float) -> str:
    """A composite quality in words, as the documents fix them."""
    return next((words for least, words in _INDICATORS if composite >= least), _LOWEST)
