"""Names to concepts, the same for papers and questions.

::

    text --windows--> candidates --definitions in the text--> the best of those that overlap --context--> mentions

A name that the tagger finds and no vocabulary has is a concept of its own, ``NAME:disease:adynamic bone disease``, so
that papers that speak of it meet; so is a lipid species, ``LIPID:PC 34:1``. Such a concept follows from its id.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter

from cmo.model.concepts import Concept, Guess, Kind, Mention
from cmo.vocabulary import lipids
from cmo.vocabulary.candidates import KNOWN_ENOUGH, SURE, Candidate, Source, candidates, of_chains, of_kind
from cmo.vocabulary.codes import measured
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.confidence import LinkConfidence
from cmo.vocabulary.credible import credible
from cmo.vocabulary.definitions import apply_definitions
from cmo.vocabulary.fuzzy import SHORTEST, Speller, Spelling
from cmo.vocabulary.matches import matches
from cmo.vocabulary.meanings import Linked, linked
from cmo.vocabulary.names import SHORT, WINDOW, Text, form
from cmo.vocabulary.own import NAMED, guesses
from cmo.vocabulary.tagger import TAGS, Tagger
from cmo.vocabulary.words import PLAIN

_CACHED = 64
_WORDS_CACHED = 20_000
_WORD = re.compile(r"[^\W\d_]+")
_start = attrgetter("start")
_TAGGED = frozenset({*TAGS, Kind.LIPID, Kind.DRUG})


class DictionaryLinker:
    """Links by names of a vocabulary, by definitions in the text and, if there is one, by a tagger.

    Safe to share between threads.
    """

    def __init__(
        self,
        vocabulary: CompiledVocabulary,
        tagger: Tagger | None = None,
        confidence: LinkConfidence | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._tagger = tagger
        self._confidence = confidence or LinkConfidence.shipped()
        self._speller = Speller(vocabulary)
        self._questions = lru_cache(_CACHED)(self._link_question)
        self._guesses = lru_cache(_CACHED)(lambda text: tuple(guesses(text)))
        self._meant = lru_cache(_WORDS_CACHED)(self._meant_by)

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by its id, or by an identifier that it has elsewhere; None where nobody knows it."""
        return self._vocabulary.concept(concept_id) or self._of_its_name(concept_id)

    def link(self, text: str) -> tuple[Mention, ...]:
        """The concepts that a text names, in its order, not overlapping; abbreviations as the text defines them."""
        return self._mentions(self.names(text))

    def names(self, text: str) -> list[Linked]:
        """What `link` goes by, before it is judged how likely it is."""
        found = apply_definitions(text, self._candidates(text), self._vocabulary)
        return linked(chosen(c for c in _vouched(found, text) if _counts(c) and credible(c, text)))

    def link_question(self, text: str) -> tuple[Mention, ...]:
        """The same for a question, where misspelled names are found as well."""
        return self._questions(text)

    def guesses(self, text: str) -> tuple[Guess, ...]:
        """What the spans of a question are called where only papers know them, the longest first."""
        return self._guesses(text)

    def _link_question(self, text: str) -> tuple[Mention, ...]:
        seen = [*self._candidates(text), *of_chains(text[:WINDOW], self._vocabulary, asked=True)]
        found = apply_definitions(text, seen, self._vocabulary)
        kept = chosen(c for c in found if _counts_in_question(c) and credible(c, text))
        return self._mentions(linked(chosen([*kept, *self._misspelled(text, kept)])))

    def _misspelled(self, text: str, found: Sequence[Candidate]) -> Iterator[Candidate]:
        """Words that nothing has linked and that misspell a name."""
        for word in _WORD.finditer(text[:WINDOW]):
            start, end = word.span()
            if any(c.start < end and start < c.end for c in found if c.named):
                continue
            meant = self._meant(word.group())
            if meant and (named := self._vocabulary.lookup(meant.form)):
                yield Candidate(
                    start, end, named[0].kind, named, meant.form, Source.MISSPELLED, meant.similarity, meant.form
                )  # fmt: skip

    def _meant_by(self, word: str) -> Spelling | None:
        """What a word misspells; most words of a question are plain, which is seen without folding them."""
        return None if len(word) < SHORTEST or word.lower() in PLAIN else self._speller.nearest(form(word))

    def _candidates(self, text: str) -> list[Candidate]:
        return [
            candidate
            for start, end in windows(text)
            for candidate in candidates(text[start:end], start, self._vocabulary, self._tagger)
        ]

    def id_of(self, one: Linked) -> str:
        """Id of the concept that a candidate means."""
        return one.mention(self._vocabulary, self._confidence).concept

    def _mentions(self, found: Iterable[Linked]) -> tuple[Mention, ...]:
        return tuple(one.mention(self._vocabulary, self._confidence) for one in found)

    def _of_its_name(self, concept_id: str) -> Concept | None:
        if concept_id.startswith(lipids.PREFIX):
            name = concept_id.removeprefix(lipids.PREFIX)
            return Concept(concept_id, name, Kind.LIPID, parents=tuple(self._broader(name)))
        prefix, _, rest = concept_id.partition(":")
        kind, _, name = rest.partition(":")
        if f"{prefix}:" == NAMED and kind in Kind.__members__.values() and name:
            return Concept(concept_id, name, Kind(kind), parents=tuple(self._head(name, Kind(kind))))
        return None

    def _head(self, name: str, kind: Kind) -> Iterator[str]:
        """Id of the longest known name that it ends with: end-stage renal failure is a renal failure."""
        text = Text.of(name[:WINDOW])
        for match in matches(text, self._vocabulary):
            if match.last == len(text) - 1 and (named := of_kind(match.named, kind)):
                yield self._vocabulary.load(named[0].concept).id
                return

    def _broader(self, species: str) -> Iterator[str]:
        """Ids of what a lipid species is one of: its sum composition, and its class if the vocabulary has it."""
        for name in lipids.parents(species):
            if named := self._vocabulary.lookup(name):
                yield self._vocabulary.load(named[0].concept).id
            elif name != species and ":" in name:
                yield f"{lipids.PREFIX}{name}"


def windows(text: str) -> Iterator[tuple[int, int]]:
    """A text in pieces of at most about `WINDOW` characters, cut at a space."""
    start = 0
    while start < len(text):
        end = start + WINDOW
        if end < len(text):
            end = text.rfind(" ", start + WINDOW // 2, end) + 1 or end
        yield start, min(end, len(text))
        start = end


def chosen(found: Iterable[Candidate]) -> list[Candidate]:
    """Those that stay where candidates overlap: the better source, then the leftmost, then the longest; in order."""
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda c: (-c.source, c.start, -c.end, -c.tagged)):
        place = bisect(kept, candidate.start, key=_start)
        free = place == len(kept) or kept[place].start >= candidate.end
        if free and (place == 0 or kept[place - 1].end <= candidate.start):
            kept.insert(place, candidate)
    return kept


def _vouched(found: Iterable[Candidate], text: str) -> Iterator[Candidate]:
    """Candidates, of which the tagger need not be asked about codes of amino acids that are measured."""
    for candidate in found:
        known = candidate.source is Source.DICTIONARY and measured(text, candidate.start, candidate.end)
        yield replace(candidate, tagged=1.0, plain=False) if known else candidate


def _counts(candidate: Candidate) -> bool:
    """Whether a candidate is taken for a name."""
    if candidate.source is Source.TAGGER and not candidate.named:
        return not _figures(candidate.spelled)
    if candidate.source is not Source.DICTIONARY:
        return True
    if candidate.plain:
        return False
    unsure = len(candidate.form) <= SHORT and candidate.kind in _TAGGED
    return not unsure or candidate.tagged >= KNOWN_ENOUGH


def _figures(spelled: str) -> bool:
    """Whether an unknown name is rather a run of figures, as a table leaves them."""
    words = spelled.split()
    return 2 * sum(word.isdigit() for word in words) > len(words)


def _counts_in_question(candidate: Candidate) -> bool:
    """A question is too short for the tagger to deny a known name, or to be believed about an unknown one."""
    if candidate.source is Source.TAGGER and not candidate.named:
        return candidate.tagged >= SURE
    return not candidate.plain
