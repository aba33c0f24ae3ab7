"""Words as the index sees them: stems, and grams of four characters.

A word is taken apart and put together, so that what one author writes "IL-6" and another "IL6" or "IL 6" meets:
``il``, ``6``, ``il6``. Greek letters become their names. Grams of four characters find what stemming misses
(hydroxylase, dehydroxylation) and what is spelled in several ways.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import chain

import tantivy

GRAM = 4
ALPHABET = "_abcdefghijklmnopqrstuvwxyz0123456789"
GRAMS = len(ALPHABET) ** GRAM
"""How many grams there are: their numbers need 21 bits."""
STEM_BITS = 24
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Δ": "delta", "Ω": "omega", "Σ": "sigma", "Φ": "phi", "Ψ": "psi",
}  # fmt: skip
_SPELLED = str.maketrans(_GREEK)
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
        "from",
        "were",
        "been",
        "being",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "done",
        "can",
        "could",
        "may",
        "might",
        "shall",
        "should",
        "would",
        "which",
        "who",
        "whom",
        "whose",
        "what",
        "when",
        "where",
        "why",
        "how",
        "than",
        "also",
        "its",
        "them",
        "he",
        "she",
        "his",
        "her",
        "we",
        "our",
        "us",
        "you",
        "your",
        "i",
        "am",
        "between",
        "during",
        "through",
        "about",
        "against",
        "after",
        "before",
        "above",
        "below",
        "over",
        "under",
        "again",
        "further",
        "once",
        "here",
        "all",
        "any",
        "both",
        "each",
        "few",
        "more",
        "most",
        "other",
        "some",
        "only",
        "own",
        "same",
        "so",
        "too",
        "very",
        "just",
        "because",
        "while",
        "until",
    ]
)
_WORD = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
_PART = re.compile(r"[a-z0-9]+")
_RUN = re.compile(r"[a-z]+|[0-9]+")
_PLACE = {character: n for n, character in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True)
class Lexemes:
    """A text as counts."""

    stems: Counter[str]
    grams: Counter[int]


def lexemes(text: str) -> Lexemes:
    """Counts of a text's stems and grams."""
    words = _WORD.findall(_plain(text))
    # A counter counts an iterable in C; adding up by hand, each word once, takes three times as long.
    return Lexemes(Counter(chain.from_iterable(map(_stems, words))), Counter(chain.from_iterable(map(_grams, words))))


def stems(text: str) -> list[str]:
    """The stems of a text in order, stop words gone."""
    return list(chain.from_iterable(map(_stems, _WORD.findall(_plain(text)))))


def grams(text: str) -> set[int]:
    """The numbers of a text's grams."""
    return set(chain.from_iterable(map(_grams, _WORD.findall(_plain(text)))))


@lru_cache(maxsize=200_000)
def stem_number(stem: str) -> int:
    """A number of `STEM_BITS` bits for a stem, the same everywhere."""
    return int.from_bytes(blake2b(stem.encode(), digest_size=4).digest(), "little") & ((1 << STEM_BITS) - 1)


def numbered(stems: Counter[str]) -> Counter[int]:
    """Counts by number; stems that share a number are added up."""
    return Counter(map(stem_number, stems.elements()))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_SPELLED).lower()


@lru_cache(maxsize=200_000)
def _stems(word: str) -> tuple[str, ...]:
    parts = _PART.findall(word)
    found = [part for part in parts if part not in STOP_WORDS]
    if len(parts) > 1:
        found.append("".join(parts))
    for part in parts:
        runs = _RUN.findall(part)
        if len(runs) > 1:
            found += [run for run in runs if len(run) > 1 and run not in STOP_WORDS]
    return tuple(stem for part in found for stem in _stemmer().analyze(part))


@lru_cache(maxsize=200_000)
def _grams(word: str) -> tuple[int, ...]:
    found = []
    for part in _PART.findall(word):
        if part not in STOP_WORDS:
            framed = f"_{part}_"
            found += [_number(framed[n : n + GRAM]) for n in range(max(1, len(framed) - GRAM + 1))]
    return tuple(found)


def _number(gram: str) -> int:
    number = 0
    for character in gram:
        number = number * len(ALPHABET) + _PLACE[character]
    return number


@cache
def _stemmer() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.stemmer("english")).build()
