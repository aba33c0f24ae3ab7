"""What a question asks, in one form for all ways of asking it.

::

    text --tokens--> words --names, quantities, phrases--> pieces --phrasing--> one form --grammar--> Signature

Two questions of equal signature are the same question. Whatever is not understood stays in the signature as printed,
so that not understanding costs a hit and never makes a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cmo.model.concepts import Kind

Words = tuple[str, ...]
ACTING, BETWEEN = "by", "between"
"""The places of who acts, in the active as in the passive, and of what is compared."""


@dataclass(frozen=True, slots=True)
class Name:
    """The concept that some words of a question name."""

    concept: str
    kind: Kind
    spelled: str
    """As printed, in lower case."""
    preferred: bool
    """Whether it is the concept's own name, and no synonym."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, quantity or name that says what a question is about."""

    words: Words
    """In the form that stands for all that mean the same."""
    place: str = ""
    """What introduces it: ``in``, ``from``, `ACTING`; empty for what is acted on or spoken of."""
    name: Name | None = None
    joined: bool = False
    """Whether ``and``, ``or`` or a comma ties it to the term before."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A question, read."""

    asks: Words
    """``what``, ``how many``, ``do`` for yes or no; nothing for keywords."""
    modal: Words
    """``can``, ``should``: where they matter."""
    negations: int
    current: bool
    """Whether it asks for what is so now; such a question is never the same as an earlier one."""
    choice: bool
    """Whether ``or`` stands in it."""
    terms: tuple[Term, ...]
    key: str
    """Equal for questions that are the same."""
    symbols: frozenset[str] = frozenset()
    """Short words with capitals, as printed: CO is not Co."""
    mended: bool = False
    """Whether a misspelled word was understood on the way."""
    too_long: bool = False
    """Whether it has more words than are read; such a question is like no other."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which words may change places with others.

    Where nothing else of its kind stands beside it, a word belongs to whatever there is: plasma TMAO levels are levels of
    TMAO in plasma, however they are put. As soon as there are two of a kind, only the order tells what belongs to what.
    """

    frame: frozenset[str]
    """Nouns and verbs that hold others in place: of these one may stand anywhere."""
    light: frozenset[str]
    """Those that change little where they stand: any number may stand anywhere."""
    axes: Callable[[str], str | None]
    """The axis of a word that lies on one, as ``plasma`` and ``elevated`` do."""

    def key(self, terms: Sequence[Term], loose: frozenset[str] = frozenset()) -> str:
        """Terms by place, in the order in which they hold each other; places that are `loose` count as none."""
        terms = [replace(t, place="") if t.place in loose else t for t in terms]
        places = sorted({t.place for t in terms})
        return "; ".join(f"{place}: {self._ordered([t for t in terms if t.place == place])}" for place in places)

    def framing(self, term: Term) -> bool:
        """Whether it only holds others in place."""
        return term.name is None and _said(term) in self.frame

    def _ordered(self, terms: Sequence[Term]) -> str:
        frame = [t for t in terms if self.framing(t)]
        rest = [t for t in terms if not self.framing(t)]
        axes = [axis for t in rest if (axis := self._axis(t))]
        heavy = sum(_said(t) not in self.light for t in frame)
        if heavy > 1 or len(set(axes)) < len(axes):
            return " > ".join(map(_said, terms))
        if len(rest) - len(axes) <= 1:
            parts = sorted(map(_said, rest))
        else:
            parts = list(map(_said, _settled(rest, whole=terms[0].place == BETWEEN)))
        return " + ".join([*parts, *sorted(map(_said, frame))])

    def _axis(self, term: Term) -> str | None:
        return self.axes(term.words[0]) if term.name is None and len(term.words) == 1 else None


def _said(term: Term) -> str:
    return " ".join(term.words)


def _settled(terms: Sequence[Term], *, whole: bool) -> list[Term]:
    """With what ``and`` joins in the order of the alphabet.

    Between two things all words of each belong together (`whole`); elsewhere only the words beside the ``and`` are
    known to be what it joins.
    """
    groups: list[list[list[Term]]] = []
    for term in terms:
        if term.joined and groups:
            groups[-1].append([term])
        elif whole and groups:
            groups[-1][-1].append(term)
        else:
            groups.append([[term]])
    return [t for group in groups for part in sorted(group, key=lambda p: [_said(t) for t in p]) for t in part]


def key_of(asks: Words, modal: Words, *, negations: int, choice: bool, terms: str) -> str:
    """What two questions that are the same have in common, readable."""
    head = [*asks, *modal, *["not"] * negations, *(["or"] if choice else [])]
    return f"{' '.join(head)} | {terms}"
