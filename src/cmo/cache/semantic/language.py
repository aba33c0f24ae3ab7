"""What the guard knows of the language of questions, from `language.toml`: forms of a word, words that mean the same.

::

    Quantified --fold--> quantified --lemma--> quantify --synonyms--> measure

Whatever it does not know stays as it is printed, and must then stand in both questions.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

Words = tuple[str, ...]
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "π": "pi", "σ": "sigma", "ς": "sigma", "τ": "tau", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "ρ": "rho", "ν": "nu", "ξ": "xi", "ι": "iota",
}  # fmt: skip
_SIGNS = {"↑": "up", "↓": "down", "→": "to", "&": "and"}
_SHORT = 3
_UNITS = "seconds?|minutes?|hours?|days?|weeks?|months?|years?|fold|times"
_CACHED = 20_000
_NO_PLURAL = ("ss", "us", "is", "as", "sis")
_ES = ("sses", "xes", "ches", "shes", "zes")


class Language:
    """Words of questions. Frozen after it was made; safe to share."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        spelling = facts["spelling"]
        self._inside: list[Sequence[str]] = spelling["inside"]
        self._at_end: list[Sequence[str]] = spelling["at_end"]
        self._numbers: Mapping[str, str] = facts["number"]["words"]
        self.roman: Mapping[str, str] = facts["number"]["roman"]
        self._lemmas = {self._spelled(form): self._spelled(base) for form, base in _forms(facts)}
        self._synonyms: dict[str, str] = {}
        for group in facts["same"]["groups"]:
            for word in group:
                self._synonyms[self._lemma(self._spelled(word))] = self._lemma(self._spelled(group[0]))
        self.together = frozenset(facts["kept"]["together"])
        """Pairs of words that are read as they are printed."""
        self.canon = lru_cache(_CACHED)(self._canon)
        """The word that stands for a printed one."""
        self.phrases: dict[Words, Words] = {}
        """Names of several words, and short ones, to the name that stands for all of them."""
        for group in facts["phrases"]["groups"]:
            first = self.words(group[0])
            self.phrases |= {self.words(name): first for name in group}
        self.longest = max(map(len, self.phrases))
        self.void = self._set(facts["void"]["words"])
        self.soft = self._set(facts["soft"]["words"])
        self.soft_of_what = self._set(facts["soft"]["of_what"])
        self.frame = self._set(facts["frame"]["words"])
        self.light = self._set(facts["frame"]["light"])
        self.of_for = self._set(facts["of_for"]["words"])
        self.persons = self._set(facts["persons"]["words"])
        self.before_letter = self._set(facts["number"]["before_letter"])
        """Words behind which ``a`` is a letter and no article."""
        self.before_roman = self._set(facts["number"]["before_roman"])
        self.time = self._set(facts["time"]["words"])
        self.settled = tuple(self.words(phrase) for phrase in facts["time"]["settled"])
        self.verbs = self._set([*facts["verbs"]["regular"], *(v[0] for v in facts["verbs"]["irregular"])])
        self.directions = self._set(["up", "down"])
        self.intransitive = self._set(facts["verbs"]["intransitive"])
        self.axes = {self.canon(word): name for name, words in facts["axes"].items() for word in words}
        """The axis that a word lies on."""
        self._spoken: Mapping[str, str] = {**facts["units"]["spoken"], **facts["grammar"]["spoken_numbers"]}
        spoken = "|".join(sorted(facts["units"]["spoken"], key=len, reverse=True))
        self._amounts = re.compile(rf"(?i)(?<=\d )(?P<unit>{spoken})\b|\b(?P<minus>minus )(?=\d)")
        numbers = "|".join(facts["grammar"]["spoken_numbers"])
        self._counts = re.compile(rf"(?i)\b({numbers})(?=[ -](?:{_UNITS}|{spoken})\b)")
        self.loose = frozenset(facts["grammar"]["loose"])
        """Places that seldom change what is asked."""
        self.grammar = facts["grammar"]
        self.function_words = frozenset(_function_words(facts["grammar"]))
        """Words that are read for what they do in a question."""
        self.known = frozenset(self._vocabulary(facts))
        """Folded forms of all words that are written down here."""

    @classmethod
    def shipped(cls) -> Language:
        """As `language.toml` has it."""
        return _shipped()

    def amounts(self, line: str) -> str:
        """A line with its quantities as they are printed in papers: 15 micromolar is 15 µM, one day is 1 day."""
        line = self._counts.sub(lambda m: self._spoken[m.group().lower()], line)
        return self._amounts.sub(lambda m: self._spoken[m["unit"].lower()] if m["unit"] else "-", line)

    def words(self, text: str) -> Words:
        """The words of a plain phrase."""
        return tuple(map(self.canon, re.findall(r"[^\W_]+", text)))

    def _set(self, words: Sequence[str]) -> frozenset[str]:
        return frozenset(" ".join(self.words(word)) for word in words)

    def _canon(self, printed: str) -> str:
        lemma = self._lemma(self._spelled(fold(printed)))
        return self._synonyms.get(lemma, lemma)

    def _spelled(self, folded: str) -> str:
        for old, new in self._inside:
            if old in folded:
                folded = folded.replace(old, new)
        for old, new in self._at_end:
            if folded.endswith(old):
                return folded[: -len(old)] + new
        return folded

    def _lemma(self, word: str) -> str:
        if word in self._lemmas:
            return self._lemmas[word]
        if word in self._numbers:
            return self._numbers[word]
        return singular(word)

    def _vocabulary(self, facts: Mapping[str, Any]) -> Iterator[str]:
        yield from self._lemmas
        lists = (facts["void"], facts["soft"], facts["frame"], facts["persons"], facts["time"], facts["of_for"])
        phrases = [
            *(word for part in lists for word in part["words"]),
            *(word for part in ("same", "phrases") for group in facts[part]["groups"] for word in group),
            *(word for words in facts["axes"].values() for word in words),
        ]
        for phrase in phrases:
            for word in map(self._spelled, map(fold, phrase.split())):
                yield from (word, word + "s")


def fold(printed: str) -> str:
    """A word without case, accents and Greek: ``Α-Tocophérol`` is spelled with plain letters."""
    if printed in _SIGNS:
        return _SIGNS[printed]
    plain = unicodedata.normalize("NFKD", printed.casefold())
    letters = (_GREEK.get(letter, letter) for letter in plain if not unicodedata.combining(letter))
    return "".join(letters).replace("’", "'").removesuffix("'s").replace("'", "")


def singular(word: str) -> str:
    """A noun without its plural: by the shape of the word alone, so that both questions are treated alike."""
    if len(word) <= _SHORT or not word.endswith("s") or word.endswith(_NO_PLURAL) or not word.isalpha():
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_ES) else word[:-1]


def _forms(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for base in facts["verbs"]["regular"]:
        yield from ((form, base) for form in _inflected(base))
    for forms in facts["verbs"]["irregular"]:
        yield from ((form, forms[0]) for form in forms)
    for base, forms in facts["irregular"].items():
        yield from ((form, base) for form in (base, *forms))


def _function_words(grammar: Mapping[str, Any]) -> Iterator[str]:
    yield "of"
    for part in ("questions", "helpers", "negations", "joins", "modals", "places"):
        yield from grammar[part]


def _inflected(base: str) -> Iterator[str]:
    if base.endswith("e"):
        return iter((base, base + "s", base + "d", base[:-1] + "ing"))
    if base.endswith("y") and base[-2] not in "aeiou":
        return iter((base, base[:-1] + "ies", base[:-1] + "ied", base + "ing"))
    plural = "es" if base.endswith(("s", "x", "ch", "sh")) else "s"
    return iter((base, base + plural, base + "ed", base + "ing"))


@lru_cache(maxsize=1)
def _shipped() -> Language:
    text = files("cmo.cache.semantic").joinpath("language.toml").read_text("utf-8")
    return Language(tomllib.loads(text))
