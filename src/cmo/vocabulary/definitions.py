"""What a text's own definitions make of its candidates: a short form means what the text says it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cmo.vocabulary.abbreviations import Abbreviation, abbreviations
from cmo.vocabulary.candidates import Candidate, Source
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.names import Text

MOST = 300
"""Definitions of one text that are heeded, so that a text made of definitions costs no more than its length."""


def apply_definitions(text: str, found: list[Candidate], vocabulary: CompiledVocabulary) -> list[Candidate]:
    """Candidates of a text, where defined short forms mean their long forms.

    A short form whose long form nobody knows loses the meaning that the dictionary has for it.
    """
    defined = list(abbreviations(text).values())[:MOST]
    if not defined:
        return found
    ends: dict[int, list[Candidate]] = {}
    for candidate in found:
        ends.setdefault(candidate.end, []).append(candidate)
    places: dict[tuple[int, int], Candidate | None] = {}
    for abbreviation in defined:
        meaning = _meaning(text, abbreviation, ends.get(abbreviation.end, ()), vocabulary)
        if (
            meaning and meaning.start > abbreviation.start
        ):  # the letters of the short form say where the long one begins
            places[abbreviation.start, abbreviation.end] = replace(meaning, start=abbreviation.start)
        for start, end in _occurrences(text, abbreviation.short):
            places[start, end] = replace(meaning, start=start, end=end) if meaning else None
    kept = [c for c in found if (c.start, c.end) not in places or (places[c.start, c.end] is None and _stays(c))]
    return [*kept, *(meaning for meaning in places.values() if meaning)]


def _stays(candidate: Candidate) -> bool:
    """Whether a candidate outlives a definition that nobody knows: what was tagged for its context does, nameless."""
    return candidate.source is Source.TAGGER and not candidate.named


def _meaning(
    text: str, defined: Abbreviation, ending: Sequence[Candidate], vocabulary: CompiledVocabulary
) -> Candidate | None:
    """What the long form is: the best candidate that ends with it."""
    able = [c for c in ending if c.start <= defined.start or c.source is Source.TAGGER]
    if not able:
        return None
    best = max(able, key=lambda c: (c.source, c.start == defined.start, c.end - c.start))
    named, spelled = best.named, best.spelled
    if best.start > defined.start or not named:
        long = Text.of(text[defined.start : defined.end])
        named, spelled = vocabulary.lookup(long.source), long.spelled(0, -1)
    return replace(best, named=named, spelled=spelled, form=defined.short, source=Source.DEFINITION, plain=False)


def _occurrences(text: str, short: str) -> Iterator[tuple[int, int]]:
    """Where a short form stands as a word of its own, also in the plural."""
    start = text.find(short)
    while start >= 0:
        end = start + len(short)
        after = end + (text[end : end + 1] == "s")
        if not (start and text[start - 1].isalnum()):
            if not text[end : end + 1].isalnum():
                yield start, end
            elif not text[after : after + 1].isalnum():
                yield start, after
        start = text.find(short, end)
