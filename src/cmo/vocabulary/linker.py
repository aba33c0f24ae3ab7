"""Names to concepts: what the dictionary knows, and what a text defines itself.

::

    text --windows--> tokens --hashes--> matches --definitions, case, plain words--> longest first --> mentions
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cmo.model.concepts import Concept, Mention
from cmo.vocabulary.abbreviations import abbreviations
from cmo.vocabulary.compiled import CompiledVocabulary, Named
from cmo.vocabulary.matches import matches
from cmo.vocabulary.names import WINDOW, Text
from cmo.vocabulary.words import is_plain

_CACHED = 64


@dataclass(frozen=True, slots=True)
class _Candidate:
    start: int
    end: int
    named: tuple[Named, ...]


class DictionaryLinker:
    """Links by exact names; safe to share between threads."""

    def __init__(self, vocabulary: CompiledVocabulary) -> None:
        self._vocabulary = vocabulary
        self._questions = lru_cache(_CACHED)(self._link_question)

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by its id, or by an identifier that it has elsewhere; None where nobody knows it."""
        return self._vocabulary.concept(concept_id)

    def link(self, text: str) -> tuple[Mention, ...]:
        """The concepts that a text names, in its order, not overlapping."""
        meanings = self._definitions(text)
        found = [c for start, end in windows(text) for c in self._candidates(text[start:end], start, meanings)]
        return tuple(self._mention(candidate) for candidate in _longest(found))

    def link_question(self, text: str) -> tuple[Mention, ...]:
        """The same for a question, where misspelled names are found as well."""
        return self._questions(text)

    def _link_question(self, text: str) -> tuple[Mention, ...]:
        return self.link(text)

    def _definitions(self, text: str) -> dict[str, tuple[Named, ...]]:
        """Short forms to what the text says they mean: nothing where no name is known for it."""
        return {short: self._named(text[defined.start : defined.end]) for short, defined in abbreviations(text).items()}

    def _named(self, name: str) -> tuple[Named, ...]:
        text = Text.of(name)
        return next((m.named for m in matches(text, self._vocabulary) if m.last - m.first + 1 == len(text)), ())

    def _candidates(self, window: str, offset: int, meanings: dict[str, tuple[Named, ...]]) -> Iterator[_Candidate]:
        text = Text.of(window)
        for match in matches(text, self._vocabulary):
            start, end = int(text.starts[match.first]), int(text.ends[match.last])
            printed = window[start:end]
            named = meanings.get(printed, () if is_plain(match.form, printed) else match.named)
            if named:
                yield _Candidate(offset + start, offset + end, named)

    def _mention(self, candidate: _Candidate) -> Mention:
        best = candidate.named[0]
        concept = self._vocabulary.load(best.concept)
        return Mention(candidate.start, candidate.end, concept.id, concept.kind, 1.0 / len(candidate.named))


def windows(text: str) -> Iterator[tuple[int, int]]:
    """A text in pieces of at most about `WINDOW` characters, cut at a space."""
    start = 0
    while start < len(text):
        end = start + WINDOW
        if end < len(text):
            end = text.rfind(" ", start + WINDOW // 2, end) + 1 or end
        yield start, min(end, len(text))
        start = end


def _longest(candidates: list[_Candidate]) -> Iterator[_Candidate]:
    """The leftmost, of those the longest, without overlaps."""
    reached = 0
    for candidate in sorted(candidates, key=lambda c: (c.start, -c.end)):
        if candidate.start >= reached:
            yield candidate
            reached = candidate.end
