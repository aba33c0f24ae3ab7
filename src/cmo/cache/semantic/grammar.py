"""The words of a question, brought to one form, as terms in their places.

::

    what effect of X on Y in Z --> asks what; effect, X; on: Y; in: Z
    do X up Y                  --> asks do;   up, Y; by: X            (X acts on Y)
    be Y up by X               --> asks do;   up, Y; by: X

This is no parser of English: it tells apart who acts and what is acted on, what is before and after, in and on. What
it gets wrong, it gets wrong the same way in questions of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cmo.cache.semantic.language import Language
from cmo.cache.semantic.signature import ACTING, Term, Words

_OPEN = frozenset(["than", "vs", "from", "without", "instead", "except"])
"""Prepositions that another may follow: than in, from within."""
_YES_OR_NO, _DONE = "do", "do …"
_BREAK = ";"
_AS_ASKED = {"which": "what", "whom": "who"}
_BREAKS = frozenset([";", ","])


@dataclass(slots=True)
class _Run:
    """Terms with the same place, one after the other; `of` parts them."""

    place: str
    clause: int
    parts: list[list[Term]] = field(default_factory=lambda: [[]])
    asked: bool = False
    """Whether it asks who acts: by what. Then nothing else has to stand in it."""

    def terms(self) -> list[Term]:
        """Levels of X in the order of X levels; what a preposition without words behind it refers to stands elsewhere."""
        stranded = [Term((f"{self.place or 'of'} …",), self.place)] if self.open and not self.parts[-1] else []
        return [*(term for part in reversed(self.parts) for term in part), *stranded]

    @property
    def open(self) -> bool:
        """Whether words are expected."""
        return not self.asked and (bool(self.place) or len(self.parts) > 1)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a question asks, and of what."""

    asks: Words
    modal: Words
    negations: int
    choice: bool
    terms: tuple[Term, ...]


class Grammar:
    """Puts words in their places; pure."""

    def __init__(self, language: Language) -> None:
        facts = language.grammar
        self.questions = frozenset(facts["questions"])
        self.of_how = frozenset(facts["of_how"])
        """Words that ``how`` asks with: many, long."""
        self.helpers = frozenset(facts["helpers"])
        self.negations = frozenset(facts["negations"])
        self.joins = frozenset(facts["joins"])
        self.modals: Mapping[str, str] = facts["modals"]
        self.places: Mapping[str, str] = facts["places"]
        self.verbs, self.persons, self.of_for = language.verbs, language.persons, language.of_for
        self.void, self.intransitive = language.void, language.intransitive
        self.words = language.function_words

    def parse(self, words: Sequence[str], names: Mapping[str, Term]) -> Parsed:
        """Terms in their places; `names` are the words that are terms already."""
        walk = _Walk(self, words, names)
        for at in range(len(words)):
            walk.step(at)
        asked = tuple(walk.asks) or ((_YES_OR_NO,) if self._opens(words) else ())
        terms = tuple(term for run in walk.runs for term in run.terms())
        return Parsed(asked, tuple(sorted(walk.modals)), walk.negations, "or" in words, terms)

    def _opens(self, words: Sequence[str]) -> bool:
        """Whether a helping verb stands first, or first behind a comma: in women, are ...?"""
        helping = self.helpers | self.modals.keys()
        return any(word in helping and (at == 0 or words[at - 1] in _BREAKS) for at, word in enumerate(words))

    def question(self, words: Sequence[str], at: int) -> str:
        """The question word at a place; empty where there is none."""
        word = words[at]
        if word == "which" and at > 0 and words[at - 1] not in self.places:
            word = "what"
        if word not in self.questions and word != "which" and not word.startswith("how-"):
            return ""
        return _AS_ASKED.get(word, word)

    def acts(self, words: Sequence[str], at: int, *, helped: bool) -> bool:
        """Whether the verb at a place has a subject before it, and an object behind it.

        What does X produce: after a helping verb (`helped`) the object may have gone ahead.
        """
        if at == 0 or words[at] not in self.verbs or self._closed(words[at - 1]) or words[at - 1] in self.void:
            return False
        behind = words[at + 1] if at + 1 < len(words) else _BREAK
        if not self._closed(behind):
            return helped or words[at - 1] not in self.verbs
        return helped and words[at] not in self.intransitive

    def _closed(self, word: str) -> bool:
        return word in self.words or word == _BREAK


@dataclass(slots=True)
class _Walk:
    """One way through the words of a question."""

    grammar: Grammar
    words: Sequence[str]
    names: Mapping[str, Term]
    runs: list[_Run] = field(default_factory=lambda: [_Run("", 0)])
    asks: list[str] = field(default_factory=list)
    modals: set[str] = field(default_factory=set)
    negations: int = 0
    clause: int = 0
    helper: str = ""
    """The last helping verb of the clause."""
    joined: bool = False

    def step(self, at: int) -> None:
        """Read one word."""
        grammar, word = self.grammar, self.words[at]
        if word in self.names:
            self._add(self.names[word])
        elif asked := grammar.question(self.words, at):
            self._ask(at, asked)
        elif word == _YES_OR_NO and self._ends(at):
            self._add(Term((_DONE,)))
        elif word in grammar.words or word == _BREAK:
            self._serve(at)
        elif word not in grammar.void:
            self._say(at)

    def _serve(self, at: int) -> None:
        """Read a word that says how others hang together."""
        grammar, word = self.grammar, self.words[at]
        if word in grammar.helpers or word in grammar.modals:
            self._help(word)
        elif word in grammar.negations:
            self.negations += 1
        elif word in grammar.joins:
            self.joined = True
        elif word == _BREAK:
            self._new_clause(keep=False)
        elif word == "of":
            self.runs[-1].parts.append([])
        elif word in grammar.places:
            self._place(at)

    def _ask(self, at: int, asked: str) -> None:
        before = self.words[at - 1] if at else ""
        keep = before in self.grammar.places or before == "of"
        self.asks.append(asked)
        self._new_clause(keep=keep)
        self.runs[-1].asked = keep and self.runs[-1].place == ACTING

    def _ends(self, at: int) -> bool:
        """Whether a verb stands at the end of what is said: what does it do, what is there to do for it."""
        behind = self.words[at + 1] if at + 1 < len(self.words) else _BREAK
        return at > 0 and (behind in _BREAKS or behind in self.grammar.places)

    def _help(self, word: str) -> None:
        if word in self.grammar.modals:
            self.modals.add(self.grammar.modals[word])
        self._new_clause(keep=False)
        self.helper = word

    def _place(self, at: int) -> None:
        grammar, place = self.grammar, self.grammar.places[self.words[at]]
        last = self._last()
        if (place == "with" and last in grammar.persons) or (place == "for" and last in grammar.of_for):
            self.runs[-1].parts.append([])
            return
        before = self.words[at - 1] if at else ""
        if grammar.places.get(before) in _OPEN:
            place = f"{grammar.places[before]} {place}"
        self.runs.append(_Run(place, self.clause))
        self.joined = False

    def _say(self, at: int) -> None:
        word = self.words[at]
        if self.helper != "be" and self.grammar.acts(self.words, at, helped=bool(self.helper)):
            for run in self.runs:
                if run.clause == self.clause and not run.place:
                    run.place = ACTING
                    run.parts = [[replace(t, place=ACTING) for t in part] for part in run.parts]
            self.runs.append(_Run("", self.clause))
        self._add(Term((word,)))

    def _add(self, term: Term) -> None:
        run = self.runs[-1]
        joined = self.joined and bool(run.parts[-1])
        run.parts[-1].append(replace(term, place=run.place, joined=joined))
        self.joined = False

    def _last(self) -> str:
        part = self.runs[-1].parts[-1]
        return " ".join(part[-1].words) if part else ""

    def _new_clause(self, *, keep: bool) -> None:
        self.clause += 1
        self.joined = False
        self.helper = ""
        if not keep:
            self.runs.append(_Run("", self.clause))
