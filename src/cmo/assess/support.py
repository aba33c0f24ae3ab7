"""Claims against evidence: how far each is supported or contradicted, with reasons.

::

    claims ──> word for word in the evidence? ──yes──> supported, nothing is encoded
        └──no──> vectors of what is not known yet, all in one batch ──> comparison ──> heads
                                                                                └──> flags
                                                     doubtful ones, where a model is set ──> entailment
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np

from cmo.assess.comparison import Comparison, covered
from cmo.assess.entailment import settled
from cmo.assess.heads import Heads
from cmo.assess.lacking import lacking
from cmo.assess.reading import Read, read
from cmo.assess.reasons import reasons
from cmo.assess.words import Rarity, stem, terms
from cmo.kit.text import clean_line
from cmo.model.assessments import Claim, Support
from cmo.model.concepts import Kind
from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder, Entailment, Linker
from cmo.model.quantities import Quantities

T = TypeVar("T")

VERBATIM = 0.99
"""Probability of support where a claim stands in the evidence word for word."""
MOST_SENTENCES = 32
"""Of evidence that one claim is compared with; of more, those that share the most of its words."""
LONGEST = 1_000
"""Characters of a sentence that are read."""
_KEPT = 4_096
"""Sentences whose reading and vector are remembered: an answer's sources come again."""
_SURE = 0.8
"""Names that were linked with less confidence are not missed."""
_SPEAKS, _RARE, _MOST_OF_IT = 0.5, 0.5, 0.3
"""Share of a claim that the evidence must hold before a name is missed, rarity of a missing word (tenths of an idf), and
how much of a name's words is enough to have found it."""
_NAMES = frozenset({Kind.METABOLITE, Kind.LIPID, Kind.DRUG, Kind.GENE, Kind.DISEASE})
"""What is missed when it is another; whether patients or humans are named says little."""
_LETTERS = re.compile(r"\w+")


class SupportScorer:
    """Scores claims. Threads may share it.

    Args:
        embedder: sentences to vectors.
        figures: a text to the quantities in it.
        linker: names to concepts; without it no name is missed.
        entailment: a language-inference model that is asked about doubtful claims; None does without.
        heads: the weights; those that ship, by default.
    """

    def __init__(
        self,
        embedder: Embedder,
        figures: Quantities,
        *,
        linker: Linker | None = None,
        entailment: Entailment | None = None,
        heads: Heads | None = None,
    ) -> None:
        self._embedder = embedder
        self._figures = figures
        self._linker = linker
        self._entailment = entailment
        self._heads = heads or Heads.shipped()
        self._rarity = Rarity.shipped()
        self._read: _Kept[Read] = _Kept()
        self._vectors: _Kept[FloatArray] = _Kept()
        self._concepts: _Kept[dict[str, str]] = _Kept()

    def score(self, claims: Sequence[Claim]) -> list[Support]:
        """Judge claims; what has to be encoded is encoded together."""
        tidy = [self._tidy(claim) for claim in claims]
        comparisons = self.compare(tidy)
        found = [self._judge(claim, comparison) for claim, comparison in zip(tidy, comparisons, strict=True)]
        judged = settled(found, [claim.evidence for claim in tidy], self._entailment)
        return [_placed(*one) for one in zip(judged, tidy, claims, strict=True)]

    def compare(self, claims: Sequence[Claim], *, exact: bool = True) -> list[Comparison | None]:
        """Claims with their evidence read and aligned.

        None where there is no evidence; where `exact`, as well for a claim that stands in it word for word.
        """
        wanted = [bool(c.evidence) and not (exact and stands_in(c.text, c.evidence)) for c in claims]
        vectors = self.vectors(claim for claim, want in zip(claims, wanted, strict=True) if want)
        return [self._comparison(claim, vectors) if want else None for claim, want in zip(claims, wanted, strict=True)]

    def encode(self, claims: Sequence[Claim]) -> None:
        """Encode ahead, in one batch, what will be needed; the first claim with its evidence in any case."""
        tidy = [self._tidy(claim) for claim in claims]
        self.vectors([*tidy[:1], *(c for c in tidy[1:] if c.evidence and not stands_in(c.text, c.evidence))])

    def vectors(self, claims: Iterable[Claim]) -> dict[str, FloatArray]:
        """Vectors of all sentences, those that are known taken as they are."""
        known: dict[str, FloatArray] = {}
        wanted: dict[str, None] = {}
        for claim in claims:
            known.update(claim.vectors)
            wanted.update(dict.fromkeys((claim.text, *claim.evidence)))
        for text in wanted.keys() - known.keys():
            remembered = self._vectors.get(text)
            if remembered is not None:
                known[text] = remembered
        missing = [text for text in wanted if text not in known]
        for text, passage in zip(missing, self._embedder.encode_passages(missing, [()] * len(missing)), strict=True):
            known[text] = passage.vector
            self._vectors.put(text, passage.vector)
        return known

    def reading(self, text: str) -> Read:
        """A sentence, read."""
        known = self._read.get(text)
        if known is None:
            known = read(text, self._rarity, self._figures)
            self._read.put(text, known)
        return known

    def _tidy(self, claim: Claim) -> Claim:
        text = clean_line(claim.text)[:LONGEST]
        lines = {clean_line(line)[:LONGEST]: line for line in claim.evidence}
        evidence = [line for line in lines if line]
        vectors = {line: claim.vectors[whole] for line, whole in lines.items() if whole in claim.vectors}
        if len(evidence) > MOST_SENTENCES and not stands_in(text, evidence):
            mine = self.reading(text)
            shares = np.array([covered(mine, [self.reading(line)]) for line in evidence])
            evidence = [evidence[n] for n in sorted(np.argsort(-shares, kind="stable")[:MOST_SENTENCES].tolist())]
        return Claim(text, evidence, vectors)

    def _comparison(self, claim: Claim, vectors: Mapping[str, FloatArray]) -> Comparison:
        cosines = np.stack([vectors[line] for line in claim.evidence]) @ vectors[claim.text]
        return Comparison(self.reading(claim.text), [self.reading(line) for line in claim.evidence], cosines)

    def _judge(self, claim: Claim, comparison: Comparison | None) -> Support:
        weight = self.reading(claim.text).weight
        if comparison is None:
            if not claim.evidence:
                return Support(claim.text, 0.0, 0.0, None, weight=weight)
            best = _place(claim.text, claim.evidence)
            return Support(claim.text, VERBATIM, 0.0, best, verbatim=True, weight=weight)
        supported, contradicted = self._heads.weigh(comparison.values)
        why = reasons(comparison, self._missing(claim, comparison), doubtful=contradicted > supported)
        best, rest = comparison.nearest[0], self._unknown(claim, comparison)
        return Support(claim.text, supported, contradicted, best, why, weight=weight, lacking=rest)

    def _missing(self, claim: Claim, comparison: Comparison) -> list[str]:
        """Names that the evidence has under none of their names.

        They are sought only where the evidence speaks of the claim and a rare word is missing; a name counts as found
        where most of its words are.
        """
        values = comparison.values
        if self._linker is None or values["covered_by_three"] < _SPEAKS or values["rarest_missing"] < _RARE:
            return []
        named = self._named(claim.text)
        lacking = {concept: name for concept, name in named.items() if not self._worded(name, comparison)}
        if not lacking:
            return []
        theirs = {concept for line in claim.evidence for concept in self._named(line)}
        return [name for concept, name in lacking.items() if concept not in theirs]

    def _unknown(self, claim: Claim, comparison: Comparison) -> tuple[str, ...]:
        """Words that the evidence lacks, those apart that belong to a name which it has under another name only."""
        missing = lacking(comparison)
        if not missing or self._linker is None:
            return missing
        said = frozenset(s for line in comparison.evidence for s in line.stems)
        absent = {word for word in missing if stem(word) not in said}
        named = {concept: absent.intersection(terms(name)) for concept, name in self._named(claim.text).items()}
        if not any(named.values()):
            return missing
        theirs = {concept for line in claim.evidence for concept in self._named(line)}
        renamed = frozenset().union(*(words for concept, words in named.items() if concept in theirs))
        return tuple(word for word in missing if word not in renamed)

    def _worded(self, name: str, comparison: Comparison) -> bool:
        """Whether the words of a name stand in the evidence."""
        parts = self.reading(name).weights
        held = sum(weight * comparison.held.get(s, 0.0) for s, weight in parts.items())
        acronyms = frozenset().union(*(sentence.acronyms for sentence in comparison.evidence))
        return held >= _MOST_OF_IT * sum(parts.values()) or any(_short_for(short, name) for short in acronyms)

    def _named(self, text: str) -> dict[str, str]:
        """Concepts of a sentence, each with its name there."""
        known = self._concepts.get(text)
        if known is None:
            assert self._linker is not None
            sure = (m for m in self._linker.link(text) if m.confidence >= _SURE and m.kind in _NAMES)
            known = {m.concept: text[m.start : m.end] for m in sure}
            self._concepts.put(text, known)
        return known


def stands_in(text: str, evidence: Sequence[str]) -> bool:
    """Whether a claim stands in the evidence word for word, as whole sentences."""
    return bool(_plain(text)) and (
        any(_plain(text) == _plain(line) for line in evidence) or _plain(text) in _runs(evidence)
    )


def _short_for(acronym: str, name: str) -> bool:
    """Whether its letters stand in a name in their order, the first at its beginning: CDCA, chenodeoxycholic acid."""
    letters = iter(name.casefold())
    return name.casefold().startswith(acronym[0]) and all(letter in letters for letter in acronym)


def _runs(evidence: Sequence[str]) -> set[str]:
    """Two sentences that follow each other, as one."""
    return {f"{_plain(one)} {_plain(two)}" for one, two in pairwise(evidence)}


def _placed(support: Support, tidy: Claim, claim: Claim) -> Support:
    """With the nearest sentence counted in the evidence as it was given."""
    if support.best is None or len(tidy.evidence) == len(claim.evidence):
        return support
    wanted = tidy.evidence[support.best]
    return replace(support, best=next(n for n, e in enumerate(claim.evidence) if clean_line(e)[:LONGEST] == wanted))


def _place(text: str, evidence: Sequence[str]) -> int:
    """The sentence that says it, or else the first of the two that do."""
    plain, lines = _plain(text), [_plain(line) for line in evidence]
    runs = (n for n, two in enumerate(pairwise(lines)) if plain == " ".join(two))
    return lines.index(plain) if plain in lines else next(runs, 0)


def _plain(text: str) -> str:
    return " ".join(_LETTERS.findall(text.casefold()))


class _Kept(Generic[T]):
    """The last few things by their text. Threads may share it."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._things: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> T | None:
        """What is kept, and so kept longer."""
        with self._lock:
            found = self._things.get(text)
            if found is not None:
                self._things.move_to_end(text)
            return found

    def put(self, text: str, thing: T) -> None:
        """Keep it; the oldest goes."""
        with self._lock:
            self._things[text] = thing
            if len(self._things) > self._most:
                self._things.popitem(last=False)
