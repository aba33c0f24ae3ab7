"""A question to its signature: names by the linker, quantities by their units, the rest by the language of questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from cmo.cache.semantic.grammar import Grammar
from cmo.cache.semantic.language import Language, fold
from cmo.cache.semantic.lexicon import Lexicon
from cmo.cache.semantic.phrasing import Phrasing
from cmo.cache.semantic.signature import Order, Signature, Term, key_of
from cmo.cache.semantic.spans import Spans
from cmo.cache.semantic.tokens import Token, tokens
from cmo.kit.text import clean_line
from cmo.model.ports import Linker
from cmo.model.quantities import Quantities

MOST_CHARS, MOST_WORDS = 400, 60
_PRIVATE = range(0xE000, 0xF8FF)
_SHORTEST_MENDED, _SHORTEST_SWAPPED = 5, 3
_PAST = frozenset(["was", "were", "did", "had"])
_SYMBOL = 3
_STOPS = frozenset([";", ","])
_LATELY = re.compile(r"20[2-9]\d")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One or more tokens that are read as one."""

    word: str
    """In canonical form."""
    term: Term | None = None
    """Where it is a name or a quantity."""
    mended: bool = False


class QuestionReader:
    """Reads questions. Safe to share between threads."""

    def __init__(
        self, linker: Callable[[], Linker], quantities: Quantities, language: Language, lexicon: Lexicon
    ) -> None:
        self._spans = Spans(linker, quantities, language)
        self._language = language
        self._lexicon = lexicon
        self._grammar = Grammar(language)
        self._phrasing = Phrasing.shipped(
            language.persons, frozenset(language.grammar["places"]), language.verbs - language.intransitive
        )
        self.order = Order(language.frame | (language.verbs - language.directions), language.light, language.axes.get)

    def read(self, text: str) -> Signature:
        """The signature of a question."""
        line = self._language.amounts(clean_line(text))
        cut = self._joined(tokens(line[: MOST_CHARS + 1]))
        if len(line) > MOST_CHARS or len(cut) > MOST_WORDS:
            return Signature((), (), negations=0, current=False, choice=False, terms=(), key="", too_long=True)
        pieces = list(self._pieces(line, cut))
        letters = iter(map(chr, _PRIVATE))
        names: dict[str, Term] = {}
        words: list[str] = []
        for piece in pieces:
            word = piece.word
            if piece.term:
                names[word := next(letters)] = piece.term
            words.append(word)
        parsed = self._grammar.parse(self._phrasing.brought_to_form(" ".join(words)).split(), names)
        past = "when" in parsed.asks and any(token.printed.lower() in _PAST for token in cut)
        modal = (*parsed.modal, *(["past"] if past else []))
        ordered = self.order.key(parsed.terms)
        return Signature(
            parsed.asks,
            modal,
            parsed.negations,
            self._current([piece.word for piece in pieces]),
            parsed.choice,
            parsed.terms,
            key_of(parsed.asks, modal, negations=parsed.negations, choice=parsed.choice, terms=ordered),
            _symbols(cut[1:]) if line.upper() != line else frozenset(),
            any(piece.mended for piece in pieces),
        )

    def _joined(self, cut: Sequence[Token]) -> list[Token]:
        """With pairs as one word that mean something else together: how high is not how to raise."""
        kept: list[Token] = []
        for token in cut:
            before, word = fold(kept[-1].printed) if kept else "", fold(token.printed)
            if f"{before} {word}" in self._language.together or (before == "how" and word in self._grammar.of_how):
                kept[-1] = Token(kept[-1].start, token.end, f"{before}-{word}")
            else:
                kept.append(token)
        return kept

    def _pieces(self, line: str, cut: Sequence[Token]) -> Iterator[_Piece]:
        """Tokens, those of a quantity, a name or a phrase as one: of those that overlap the leftmost, the longest."""
        spans = list(self._spans.given(line, cut))
        named = {n for span in spans for n in range(span.first, span.last + 1)}
        words = [self._word(token, known=n in named) for n, token in enumerate(cut)]
        plain = [word for word, _ in words]
        spans += self._spans.phrases(plain)
        shouting = line.upper() == line
        at = 0
        for span in sorted(spans, key=lambda s: (s.first, -s.last)):
            if span.first >= at:
                yield from (self._piece(cut, words, n, shouting=shouting) for n in range(at, span.first))
                at = span.last + 1
                said = tuple(plain[span.first : at])
                yield _Piece(" ".join(said), span.term if span.term.words else self._spans.called(span.term, said))
        yield from (self._piece(cut, words, n, shouting=shouting) for n in range(at, len(cut)))

    def _word(self, token: Token, *, known: bool) -> tuple[str, bool]:
        """The canonical word, and whether it was misspelled."""
        folded = fold(token.printed)
        meant = "" if known or token.printed in _STOPS else self._meant(folded)
        return self._language.canon(meant or folded), bool(meant)

    def _piece(self, cut: Sequence[Token], words: Sequence[tuple[str, bool]], at: int, *, shouting: bool) -> _Piece:
        language, printed, (word, mended) = self._language, cut[at].printed, words[at]
        if cut[at].shouted and not shouting and word in language.void | language.function_words:
            return _Piece(printed, Term((printed,)))
        if word == "a" and at and ((printed == "A" and not shouting) or words[at - 1][0] in language.before_letter):
            return _Piece(printed, Term(("A",)))
        if at and words[at - 1][0] in language.before_roman and fold(printed) in language.roman:
            return _Piece(language.roman[fold(printed)])
        return _Piece(word, mended=mended)

    def _meant(self, folded: str) -> str:
        """The word of the language that an unknown one misspells; empty where it is known, or might be another."""
        if len(folded) < _SHORTEST_SWAPPED or not folded.isalpha() or self._lexicon.knows(folded):
            return ""
        known = self._language.known
        if folded in known or self._language.canon(folded) in known:
            return ""
        if len(folded) < _SHORTEST_MENDED:
            near = [word for word in known if len(word) == len(folded) and OSA.distance(folded, word) == 1]
            near = [word for word in near if sorted(word) == sorted(folded)]
        else:
            near = [word for word in known if word[0] == folded[0] and OSA.distance(folded, word, score_cutoff=1) == 1]
        meanings = {self._language.canon(word) for word in near}
        return near[0] if len(meanings) == 1 else ""

    def _current(self, words: Sequence[str]) -> bool:
        line = f" {' '.join(words)} "
        for phrase in self._language.settled:
            line = line.replace(f" {' '.join(phrase)} ", " ")
        return any(word in self._language.time or _LATELY.fullmatch(word) for word in line.split())


def _symbols(cut: Sequence[Token]) -> frozenset[str]:
    return frozenset(t.printed for t in cut if len(t.printed) <= _SYMBOL and t.printed != t.printed.lower())
