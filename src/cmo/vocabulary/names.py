"""Names as the vocabulary sees them: the same name, however it is set.

::

    "γ-aminobutyric acids" --tokens--> gamma · aminobutyric · acid --form--> "gammaaminobutyricacid" --> 64 bits

Case, Greek letters, British spelling, primes, hyphens, spaces, commas and a plural s make no difference; digits,
charges and stereo prefixes do, and two numbers never run into each other: ``PC 34:1`` is ``pc34,1``. A form of up to
`SHORT` characters keeps its case, because ``CAT`` is a gene and ``cat`` an animal.

The hash of a form is a polynomial over its characters, so that prefix sums give the hash of every span of a text at
once. It is no proof: whoever finds a name by hash compares the forms as well.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

SHORT = 3
"""Forms of up to this many characters are compared with their case."""
WINDOW = 10_000
"""Characters of a text that are hashed at once."""
_MASK = (1 << 64) - 1
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SEPARATOR = ","
_DASHES = "-‐‑−–"
_TOKEN = re.compile(rf"[^\W\d_][^\W\d_\u0300-\u036f]*(?:[\u0300-\u036f]+[^\W\d_]*)*|\d+|\+|(?<=[\w(])[{_DASHES}](?!\w)")
_BREAK = re.compile(r"[.;:!?](?=\s)|\n\s*\n|[\t<>|=\x00]")
"""No name reaches across one of these."""
_FARTHEST = 4
"""Characters that may stand between two tokens of a name."""
_GREEK = str.maketrans(
    {
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta",
        "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
        "σ": "sigma", "ς": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma",
        "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ß": "beta",
        **dict.fromkeys(_DASHES, "-"),
    }
)  # fmt: skip
_SPELLINGS = (
    (re.compile("[ao]e"), "e"),  # anaemia, oedema, oestrogen, foetal
    (re.compile("sulph"), "sulf"),
    (re.compile("our$"), "or"),  # tumour, colour
    (re.compile("isation$"), "ization"),
    (re.compile("aluminium$"), "aluminum"),
)
_ROMAN = {"II": "2", "III": "3", "IV": "4"}
_LONG_ENOUGH = 4
_KEEPS_S = ("ss", "us", "is")
_MOST_WORDS = 200_000
_LOCK = threading.Lock()


def form(name: str) -> str:
    """The form of a whole name; empty if it holds no letter or digit."""
    return Text.of(name).form(0, -1)


@dataclass(frozen=True, slots=True)
class Word:
    """One token: what does not depend on where it stands."""

    plain: str
    """Greek letters and the like spelled out, case kept."""
    folded: str


class Words:
    """Every token seen so far, by number, with what the hash needs of it; starts anew when it has grown too large."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.words: list[Word] = []
        self.hashes = np.zeros(1024, np.uint64)
        self.lengths = np.zeros(1024, np.int64)
        self.first_digit = np.zeros(1024, np.bool_)
        self.last_digit = np.zeros(1024, np.bool_)
        self.signs = np.zeros(1024, np.bool_)

    def number(self, token: str) -> int:
        """The number of a token."""
        found = self.numbers.get(token)
        if found is not None:
            return found
        with _LOCK:
            return self.numbers[token] if token in self.numbers else self._add(token)

    def _add(self, token: str) -> int:
        number, word = len(self.words), _word(token)
        if number == len(self.hashes):
            self._grow()
        self.hashes[number] = _polynomial(word.folded)
        self.lengths[number] = len(word.folded)
        self.first_digit[number] = word.folded[:1].isdigit()
        self.last_digit[number] = word.folded[-1:].isdigit()
        self.signs[number] = word.plain in {"+", "-"}
        self.words.append(word)
        self.numbers[token] = number  # last: whoever finds the number finds the rest
        return number

    def _grow(self) -> None:
        for name in ("hashes", "lengths", "first_digit", "last_digit", "signs"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))


_words = Words()


def _current() -> Words:
    global _words  # noqa: PLW0603 - a cache; a text that has begun keeps the table that it began with
    if len(_words.words) > _MOST_WORDS:
        _words = Words()
    return _words


@dataclass(frozen=True, slots=True)
class Text:
    """A text as tokens, ready to hash any span of it.

    Arrays are (n,), one entry a token.
    """

    source: str
    table: Words
    numbers: Ints
    starts: Ints
    ends: Ints
    opens: NDArray[np.bool_]
    """Whether a name may start with it: no letter or digit touches it from before."""
    closes: NDArray[np.bool_]
    segments: Ints
    """Spans stay within a segment."""
    places: Ints
    """Where its characters stand in the form of the whole text."""
    before: Hashes
    """Sum of the polynomial over everything before it."""
    through: Hashes
    """Sum up to and including it."""
    inverses: Hashes
    """What takes a sum from its place to the beginning."""
    joints: NDArray[np.bool_]
    """Whether it and the next are numbers, which a separator keeps apart."""

    @classmethod
    def of(cls, source: str) -> Text:
        """Take a text of any length apart; for linking, texts of about `WINDOW` characters at a time."""
        table = _current()
        matches = list(_TOKEN.finditer(source))
        numbers = np.array([table.number(m.group()) for m in matches], np.int64)
        spans = np.array([m.span() for m in matches], np.int64).reshape(-1, 2)
        return cls._of(source, table, numbers, spans[:, 0], spans[:, 1])

    @classmethod
    def _of(cls, source: str, table: Words, numbers: Ints, starts: Ints, ends: Ints) -> Text:
        lengths, hashes = table.lengths[numbers], table.hashes[numbers]
        gaps = starts[1:] - ends[:-1]
        joints = np.zeros(len(numbers), np.bool_)
        joints[:-1] = table.last_digit[numbers[:-1]] & table.first_digit[numbers[1:]]
        joints[:-1] &= gaps > 0
        afters = np.cumsum(lengths + joints)
        places = afters - lengths - joints
        powers, inverses = _powers(int(afters[-1]) + 1 if len(afters) else 1)
        ones = hashes * powers[places]
        separators = np.where(joints, powers[places + lengths] * _CODE_OF_SEPARATOR, np.uint64(0))
        totals = np.cumsum(ones + separators, dtype=np.uint64)
        touching = np.zeros(len(numbers) + 1, np.bool_)
        touching[1:-1] = gaps == 0
        signs = np.zeros(len(numbers) + 2, np.bool_)
        signs[1:-1] = table.signs[numbers]
        return cls(
            source, table, numbers, starts, ends,
            ~touching[:-1] | signs[1:-1] | signs[:-2], ~touching[1:] | signs[1:-1] | signs[2:],
            _segments(source, starts, gaps), places,
            totals - ones - separators, totals - separators, inverses[places], joints,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.numbers)

    def hashes(self, first: Ints, last: Ints) -> Hashes:
        """Hashes of the spans from token `first` to token `last`, both included; arrays of one shape."""
        return mixed((self.through[last] - self.before[first]) * self.inverses[first])

    def form(self, first: int, last: int) -> str:
        """The form of a span of tokens, both included; -1 is the last of the text."""
        return self._joined(first, [word.folded for word in self._words(first, last)])

    def plain(self, first: int, last: int) -> str:
        """The same with its case."""
        return self._joined(first, [word.plain for word in self._words(first, last)])

    def spelled(self, first: int, last: int) -> str:
        """A span as words: folded, or with their case where they are short; what belongs together stays together."""
        parts = [word.folded if len(word.folded) > SHORT else word.plain for word in self._words(first, last)]
        stop = first + len(parts)
        apart = [0, *(self.starts[first + 1 : stop] > self.ends[first : stop - 1]).tolist()]
        return "".join(" " * gap + part for gap, part in zip(apart, parts, strict=True))

    def _words(self, first: int, last: int) -> list[Word]:
        stop = len(self) if last == -1 else last + 1
        words = self.table.words
        return [words[n] for n in self.numbers[first:stop].tolist()]

    def _joined(self, first: int, parts: list[str]) -> str:
        joints = self.joints[first : first + len(parts) - 1]
        if not joints.any():
            return "".join(parts)
        return "".join(p + _SEPARATOR * j for p, j in zip(parts, [*joints.tolist(), False], strict=True))


taken_apart = lru_cache(4)(Text.of)
"""The same of a text that several look at one after another, as they do at a question."""


def mixed(hashes: Hashes) -> Hashes:
    """Spread the polynomial over all 64 bits (the finalizer of SplitMix64): its low bits alone are weak."""
    hashes = hashes ^ (hashes >> np.uint64(30))
    hashes = hashes * np.uint64(0xBF58476D1CE4E5B9)
    hashes = hashes ^ (hashes >> np.uint64(27))
    hashes = hashes * np.uint64(0x94D049BB133111EB)
    return np.asarray(hashes ^ (hashes >> np.uint64(31)), np.uint64)


def polynomial_sums(codes: NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Sums of a polynomial over characters before each of them, and what takes a sum from its place to the beginning.

    The hash of characters i to j is ``(sums[j] - sums[i]) * inverses[i]``.
    """
    powers, inverses = _powers(len(codes) + 1)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(mixed(codes.astype(np.uint64)) * powers[: len(codes)], dtype=np.uint64, out=sums[1:])
    return sums, inverses


def _segments(source: str, starts: Ints, gaps: Ints) -> Ints:
    marks = np.zeros(len(starts) + 1, np.int64)
    marks[1:-1] = gaps > _FARTHEST
    breaks = np.array([m.start() for m in _BREAK.finditer(source)], np.int64)
    np.add.at(marks, np.searchsorted(starts, breaks), 1)
    return np.asarray(np.cumsum(marks[:-1]), np.int64)


def _word(token: str) -> Word:
    plain = unicodedata.normalize("NFKC", token.translate(_GREEK)).translate(_GREEK)
    return Word(plain, _folded(_ROMAN.get(plain, plain)))


def _folded(plain: str) -> str:
    folded = _singular(plain).casefold()
    for pattern, replacement in _SPELLINGS:
        folded = pattern.sub(replacement, folded)
    return folded


def _singular(word: str) -> str:
    """A word without its plural s: acids, PCs, deficiencies; not gas, AIDS, sepsis, virus."""
    if not word.endswith("s") or word.endswith(_KEEPS_S):
        return word
    if word.endswith("ies") and len(word) > _LONG_ENOUGH:
        return word[:-3] + "y"
    return word[:-1] if len(word) >= _LONG_ENOUGH or word[:-1].isupper() else word


def _code(character: str) -> int:
    value = (ord(character) + 1) * 0xD6E8FEB86659FD93 & _MASK
    return (value ^ value >> 32) & _MASK


_CODE_OF_SEPARATOR = np.uint64(_code(_SEPARATOR))


def _polynomial(folded: str) -> int:
    total, power = 0, 1
    for character in folded:
        total = total + _code(character) * power & _MASK
        power = power * _BASE & _MASK
    return total


_known_powers = (np.ones(1, np.uint64), np.ones(1, np.uint64))


def _powers(count: int) -> tuple[Hashes, Hashes]:
    global _known_powers  # noqa: PLW0603 - a table that only grows
    if len(_known_powers[0]) < count:
        size = max(count, 4 * WINDOW)
        _known_powers = (_geometric(_BASE, size), _geometric(_INVERSE, size))
    return _known_powers


def _geometric(base: int, size: int) -> Hashes:
    row = np.full(size, base, np.uint64)
    row[0] = 1
    return np.cumprod(row, dtype=np.uint64)
