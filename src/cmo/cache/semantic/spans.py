"""What in a question is one thing though it has several words: quantities, names, phrases.

::

    5 µM --quantities--> =5e-06..5e-06mol/L
    TMAO --linker------> trimethylamine n oxide      (an abbreviation of the concept's own name)
    MI   --phrases-----> myocardial infarction       (as `language.toml` has it)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from cmo.cache.semantic.language import Language, fold
from cmo.cache.semantic.signature import Name, Term, Words
from cmo.cache.semantic.tokens import Token, tokens
from cmo.model.concepts import Concept, Kind
from cmo.model.ports import Linker
from cmo.model.quantities import Quantities

_NAMED = frozenset([Kind.METABOLITE, Kind.LIPID, Kind.GENE, Kind.DISEASE, Kind.DRUG, Kind.METHOD])
_SHORT_ENOUGH, _SHORT_NAME = 3, 8
_EMPTY_IN_NAMES = frozenset(["mellitus", "the"])
_CACHED = 4_000
_COMPOUND = re.compile(r"[^\W_][-‐‑/]$")


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens that are one thing, from the first to the last."""

    first: int
    last: int
    term: Term
    """Without words where it is a name: they follow from the tokens."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A concept and all its names, compact."""

    concept: Concept
    forms: frozenset[str]


class Spans:
    """Finds what is one thing. Safe to share between threads."""

    def __init__(self, linker: Callable[[], Linker], quantities: Quantities, language: Language) -> None:
        self._linker = linker
        self._quantities = quantities
        self._language = language
        self._concepts = lru_cache(_CACHED)(self._known)
        self._plain = language.frame | language.verbs | language.function_words

    def given(self, line: str, cut: Sequence[Token]) -> Iterator[Span]:
        """Quantities and names of a line, as spans of its tokens."""
        for start, end, term in (*self._amounts(line), *self._names(line)):
            inside = [n for n, token in enumerate(cut) if token.start < end and start < token.end]
            if inside and cut[inside[0]].start >= start and cut[inside[-1]].end <= end:
                yield Span(inside[0], inside[-1], term)

    def phrases(self, words: Sequence[str]) -> Iterator[Span]:
        """Phrases among canonical words."""
        at = 0
        while at < len(words):
            size, phrase = self._phrase(words, at)
            if phrase:
                yield Span(at, at + size - 1, Term(phrase))
            at += size

    def called(self, term: Term, words: Words) -> Term:
        """A name in the words that stand for all its spellings: an acid as its salt, an abbreviation in full."""
        name = term.name
        known = self._concepts(name.concept) if name else None
        if name is None or known is None:
            return replace(term, words=words)
        if phrase := self._language.phrases.get(words):
            return replace(term, words=phrase)
        words = self._in_full(words)
        if words[-1] == "acid" and len(words) > 1 and words[-2].endswith("ic"):
            salt = (*words[:-2], words[-2][:-2] + "ate")
            words = salt if compact("".join(salt)) in known.forms else words
        full = self._in_full(tuple(map(self._language.canon, (t.printed for t in tokens(known.concept.name)))))
        if not name.preferred and (abbreviates(words, full) or abbreviates(full, words)):
            words = full
        return replace(term, words=words)

    def _amounts(self, line: str) -> Iterator[tuple[int, int, Term]]:
        for quantity in self._quantities(line):
            if quantity.unit or quantity.relation != "=":
                said = f"{quantity.relation}{quantity.low:.4g}..{quantity.high:.4g}{quantity.unit}"
                yield quantity.start, quantity.end, Term((said,))

    def _names(self, line: str) -> Iterator[tuple[int, int, Term]]:
        for mention in self._linker().link_question(line):
            spelled = line[mention.start : mention.end]
            whole = mention.kind in _NAMED and not _COMPOUND.search(line[: mention.start])
            name = self._name(mention.concept, spelled) if whole else None
            if name:
                yield mention.start, mention.end, Term((), name=name)

    def _name(self, concept_id: str, spelled: str) -> Name | None:
        """The name as the vocabulary has it; None where it is misspelled, or a plain word."""
        known = self._concepts(concept_id)
        form = compact(spelled)
        if known is None or not (form in known.forms or form.removesuffix("s") in known.forms):
            return None
        if self._language.canon(spelled) in self._plain:
            return None
        preferred = _salt(form).removesuffix("s") == _salt(compact(known.concept.name)).removesuffix("s")
        return Name(concept_id, known.concept.kind, form, preferred)

    def _known(self, concept_id: str) -> _Known | None:
        concept = self._linker().concept(concept_id)
        if concept is None:
            return None
        return _Known(concept, frozenset(map(compact, (concept.name, *concept.synonyms))))

    def _in_full(self, words: Words) -> Words:
        """With the phrases among them in full."""
        full: list[str] = []
        at = 0
        while at < len(words):
            size, phrase = self._phrase(words, at)
            full += phrase or (w for w in words[at : at + 1] if w not in _EMPTY_IN_NAMES)
            at += size
        return tuple(full)

    def _phrase(self, words: Sequence[str], at: int) -> tuple[int, Words]:
        """How many words from a place on are one phrase, and what stands for it; 1 and nothing where they are none."""
        phrases = self._language.phrases
        for size in range(min(self._language.longest, len(words) - at), 0, -1):
            if found := phrases.get(tuple(words[at : at + size])):
                return size, found
        return 1, ()


def compact(name: str) -> str:
    """A name without case, hyphens, brackets and spaces."""
    return re.sub(r"[\W_]+", "", fold(name))


def _salt(form: str) -> str:
    """An acid by the name of its salt."""
    return form.removesuffix("icacid") + "ate" if form.endswith("icacid") else form


def abbreviates(short: Words, full: Words) -> bool:
    """Whether a short name is made of the letters of several words, in their order, from the first one on."""
    letters, words = "".join(short), " ".join(full)
    if not (_SHORT_ENOUGH <= len(letters) <= _SHORT_NAME < len(words)) or len(full) == 1 or letters[0] != words[0]:
        return False
    if sorted(filter(str.isdigit, letters)) != sorted(filter(str.isdigit, words)):
        return False
    if letters in full or full[-1][0] not in letters[1:]:
        return False
    rest = iter(words)
    return all(letter in rest for letter in letters)
