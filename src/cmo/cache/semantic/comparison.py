"""What two questions do not share, and whether it matters.

::

    words of both --pair--> same word | same concept | misspelled      --left over--> differences | slight ones
    places and order of what was paired                                --unlike-----> roles

Guards are hard: a difference that is not known to be slight keeps two questions apart, however alike they look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rapidfuzz.distance import OSA

from cmo.cache.semantic.signature import Name, Order, Signature, Term
from cmo.model.concepts import Kind

_SPELLED_ALIKE = 4
"""Letters at the beginning of a word that two names of a thing have in common if one is the other with something more."""
_SHORTEST_SWAPPED, _SHORTEST_MISSPELLED, _HEAD, _TAIL = 4, 6, 2, 3
_ENDINGS = (
    "ase", "ose", "ate", "ite", "ide", "ine", "ane", "ene", "yne", "ol", "al", "one", "yl", "ic", "in", "an", "um", "us",
    "is", "ia", "oma", "emia", "uria", "osis", "itis", "or", "er", "ist", "ism",
)  # fmt: skip
"""What tells one substance, enzyme or disease from another of the same stem."""
_ENOUGH = 2
_YES_OR_NO, _IN = "do", "in"
_CALLED_BY_SYNONYM = frozenset([Kind.METABOLITE, Kind.LIPID, Kind.GENE, Kind.DRUG])


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two questions differ."""

    guard: str
    """Which guard says so: ``direction``, ``specimen``, ``roles``, ``number``, ``words`` ..."""
    left: str
    right: str

    def __str__(self) -> str:
        """``direction: up / down``."""
        return f"{self.guard}: {self.left or '–'} / {self.right or '–'}"


@dataclass(slots=True)
class Comparison:
    """Two questions side by side."""

    differences: list[Difference] = field(default_factory=list)
    """Any of them keeps the questions apart."""
    slight: list[str] = field(default_factory=list)
    """Words of one alone that seldom change what is asked."""
    misspelled: int = 0
    synonyms: int = 0
    moved: bool = False
    """Whether words stand in places that seldom change what is asked."""
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    """What is left over of each."""


@dataclass(frozen=True, slots=True)
class Guards:
    """Compares signatures; pure.

    Args:
        order: which words may change places.
        soft: words that one question alone may hold.
        soft_of_what: the same, where a question does not ask for yes or no.
        axes: the axis of a word that lies on one.
        loose: places that seldom change what is asked.
        knows: whether a word exists, so that it misspells no other.
    """

    order: Order
    soft: frozenset[str]
    soft_of_what: frozenset[str]
    axes: Callable[[str], str | None]
    loose: frozenset[str]
    knows: Callable[[str], bool]

    def compare(self, a: Signature, b: Signature) -> Comparison:
        """All differences of two questions."""
        seen = Comparison()
        if a.too_long or b.too_long:
            seen.differences.append(Difference("length", "", "more than is read"))
            return seen
        seen.differences += _heads(a, b)
        if a.current or b.current:
            seen.differences.append(Difference("time", "asks for what is so now", ""))
        if not (self._contents(a.terms) and self._contents(b.terms)):
            seen.differences.append(Difference("content", "", "says too little"))
        left, right = list(a.terms), list(b.terms)
        self._pair_synonyms(left, right, seen)
        extra_left, extra_right = _extra(left, right)
        self._pair_misspelled(extra_left, extra_right, right, seen)
        extra_left, extra_right = _extra(left, right)
        seen.left, seen.right = tuple(extra_left.elements()), tuple(extra_right.elements())
        soft = self.soft if _YES_OR_NO in a.asks else self.soft | self.soft_of_what
        self._judge(seen, len(self._contents(left) & self._contents(right)), soft)
        if not seen.differences:
            mine, theirs = _without(left, extra_left), _without(right, extra_right)
            self._judge_order(_grouped(mine, theirs), _grouped(theirs, mine), seen)
        return seen

    def _pair_synonyms(self, left: list[Term], right: list[Term], seen: Comparison) -> None:
        """Let names of one concept be called alike, where one is known to be the other."""
        for one in left:
            for m, other in enumerate(right):
                if one.words != other.words and one.name and other.name and _same_thing(one.name, other.name):
                    right[m] = replace(other, words=one.words)
                    seen.synonyms += 1

    def _pair_misspelled(self, left: Counter[str], right: Counter[str], terms: list[Term], seen: Comparison) -> None:
        """Let a word of the right question that is a slip of one of the left, or the reverse, be spelled alike."""
        for one in list(left):
            other = next((word for word in right if self._misspells(one, word)), None)
            if other is not None:
                _rename(terms, other, one)
                right.pop(other)
                seen.misspelled += 1

    def _misspells(self, one: str, other: str) -> bool:
        """Whether one is a slip of the other: one of them no word, one edit, neither at its head nor to another ending."""
        if not (one.isalpha() and other.isalpha()) or self.knows(one) == self.knows(other):
            return False
        if sorted(one) == sorted(other) and len(one) >= _SHORTEST_SWAPPED:
            return OSA.distance(one, other, score_cutoff=1) <= 1
        if min(len(one), len(other)) < _SHORTEST_MISSPELLED or one[:_HEAD] != other[:_HEAD]:
            return False
        wrong, right = (other, one) if self.knows(one) else (one, other)
        if wrong.removesuffix("e") == right.removesuffix("e"):
            return True
        changed = wrong[-_TAIL:] != right[-_TAIL:] and wrong.endswith(_ENDINGS)
        return not changed and OSA.distance(one, other, score_cutoff=1) <= 1

    def _contents(self, terms: Sequence[Term]) -> frozenset[str]:
        return frozenset(word for t in terms if not self.order.framing(t) for word in t.words)

    def _judge(self, seen: Comparison, shared: int, soft: frozenset[str]) -> None:
        """Whether what is left over matters; even a slight word does where the questions share little else."""
        left = [word for word in seen.left if word not in soft]
        right = [word for word in seen.right if word not in soft]
        seen.slight = [word for word in (*seen.left, *seen.right) if word in soft]
        if not (left or right) and seen.slight and (shared < _ENOUGH or (seen.left and seen.right)):
            seen.differences.append(Difference("words", " ".join(seen.left), " ".join(seen.right)))
        for word in left:
            axis = self.axes(word)
            against = next((w for w in right if axis and self.axes(w) == axis), "")
            if against:
                right.remove(against)
            seen.differences.append(Difference(axis or _guard(word), word, against))
        seen.differences += [Difference(self.axes(word) or _guard(word), "", word) for word in right]

    def _judge_order(self, left: Sequence[Term], right: Sequence[Term], seen: Comparison) -> None:
        mine, theirs = self.order.key(left), self.order.key(right)
        if mine == theirs:
            return
        if (
            self._one_content(left, right) and self.order.key(left, self.loose) == self.order.key(right, self.loose)
        ) or self._specimen_moved(left, right):
            seen.moved = True
        else:
            seen.differences.append(Difference("roles", mine, theirs))

    def _one_content(self, left: Sequence[Term], right: Sequence[Term]) -> bool:
        return len({t.words for t in (*left, *right) if not self.order.framing(t)}) == 1

    def _specimen_moved(self, left: Sequence[Term], right: Sequence[Term]) -> bool:
        """Whether only the specimen stands elsewhere: plasma lactate, lactate in plasma."""
        mine, theirs = ([t for t in terms if self._is_specimen(t)] for terms in (left, right))
        if len(mine) != 1 or len(theirs) != 1 or _IN not in (mine[0].place, theirs[0].place):
            return False
        rests = [t for t in left if t is not mine[0]], [t for t in right if t is not theirs[0]]
        held = all(
            spot[0].place == _IN or any(t.place == spot[0].place and not self.order.framing(t) for t in rest)
            for spot, rest in zip((mine, theirs), rests, strict=True)
        )
        return held and self.order.key(rests[0]) == self.order.key(rests[1])

    def _is_specimen(self, term: Term) -> bool:
        return len(term.words) == 1 and self.axes(term.words[0]) == "specimen"


def _heads(a: Signature, b: Signature) -> list[Difference]:
    told = (
        ("question", *_asked(a, b)),
        ("modal", " ".join(a.modal), " ".join(b.modal)),
        ("negation", " ".join(["not"] * a.negations), " ".join(["not"] * b.negations)),
        ("choice", "or" * a.choice, "or" * b.choice),
    )
    found = [Difference(guard, left, right) for guard, left, right in told if left != right]
    mine = {symbol.lower(): symbol for symbol in a.symbols}
    cased = [(mine[s.lower()], s) for s in b.symbols if mine.get(s.lower(), s) != s]
    return found + [Difference("case", left, right) for left, right in sorted(cased)]


def _asked(a: Signature, b: Signature) -> tuple[str, str]:
    """Keywords may ask what: a question without a question word is not known to ask anything else."""
    left, right = " ".join(a.asks), " ".join(b.asks)
    return ("", "") if {left, right} == {"", "what"} else (left, right)


def _same_thing(one: Name, other: Name) -> bool:
    """Whether two names of a concept are known to mean the same thing, and not a form or a part of it."""
    if one.concept != other.concept or not (one.preferred or other.preferred) or one.kind not in _CALLED_BY_SYNONYM:
        return False
    return one.spelled[:_SPELLED_ALIKE] not in other.spelled and other.spelled[:_SPELLED_ALIKE] not in one.spelled


def _extra(left: Sequence[Term], right: Sequence[Term]) -> tuple[Counter[str], Counter[str]]:
    mine, theirs = (Counter(word for term in terms for word in term.words) for terms in (left, right))
    return mine - theirs, theirs - mine


def _rename(terms: list[Term], old: str, new: str) -> None:
    for n, term in enumerate(terms):
        if old in term.words:
            terms[n] = replace(term, words=tuple(new if word == old else word for word in term.words))


def _without(terms: Sequence[Term], extra: Counter[str]) -> list[Term]:
    kept, rest = [], Counter(extra)
    for term in terms:
        words = []
        for word in term.words:
            if rest[word] > 0:
                rest[word] -= 1
            else:
                words.append(word)
        if words:
            kept.append(replace(term, words=tuple(words)))
    return kept


def _grouped(terms: Sequence[Term], others: Sequence[Term]) -> list[Term]:
    """Terms, with words as one where the other question has them as one name."""
    names = [t.words for t in others if len(t.words) > 1]
    kept: list[Term] = []
    at = 0
    while at < len(terms):
        size = next((n for name in names if (n := _spells(terms[at:], name))), 1)
        words = tuple(word for term in terms[at : at + size] for word in term.words)
        kept.append(replace(terms[at], words=words))
        at += size
    return kept


def _spells(terms: Sequence[Term], name: tuple[str, ...]) -> int:
    """How many terms from the first on, all in one place, are together a name; 0 where they are not."""
    words: tuple[str, ...] = ()
    for size, term in enumerate(terms, 1):
        words += term.words
        if term.place != terms[0].place or len(words) > len(name):
            return 0
        if words == name:
            return size
    return 0


def _guard(word: str) -> str:
    return "number" if any(map(str.isdigit, word)) else "words"
