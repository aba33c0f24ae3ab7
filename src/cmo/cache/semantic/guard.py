"""Whether two questions are the same question, so that the answer to one may serve the other.

::

    a, b --same words, written otherwise-----------------------> same
    a, b --read--> signatures --equal--------------------------> same
                              --a guard sees a difference------> different
                              --neither--> likeness >= threshold -> same, else unsure

Only *same* is a hit. A signature says why; so does every guard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cmo.cache.normal import normalised
from cmo.cache.semantic.comparison import Comparison, Guards
from cmo.cache.semantic.language import Language, fold
from cmo.cache.semantic.lexicon import Lexicon
from cmo.cache.semantic.likeness import Likeness, features, grams
from cmo.cache.semantic.reading import QuestionReader
from cmo.cache.semantic.signature import Signature
from cmo.kit.text import clean_line
from cmo.model.ports import Embedder, Linker
from cmo.model.quantities import Quantities


class Verdict(StrEnum):
    """What the guard says of two questions."""

    SAME = "same"
    DIFFERENT = "different"
    """A guard sees in what."""
    UNSURE = "unsure"
    """No guard sees a difference, but they are not alike enough; no hit."""


@dataclass(frozen=True, slots=True)
class Sameness:
    """A verdict with its reasons."""

    value: Verdict
    probability: float
    """That both ask the same; by the model, so a guard may say different in spite of it."""
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether it is a hit."""
        return self.value is Verdict.SAME


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, read: what a cache keeps of it."""

    text: str
    form: str
    """The one form of questions that are written differently and ask the same: what the exact cache goes by."""
    signature: Signature
    grams: frozenset[str]

    @property
    def comparable(self) -> bool:
        """Whether it may be the same as another question at all: not about what is so now, and read to its end."""
        return not (self.signature.current or self.signature.too_long)


class SemanticGuard:
    """Compares questions. Safe to share between threads.

    Args:
        linker: names to concepts.
        quantities: the quantities of a text, in units that can be compared.
        embedder: texts to vectors.
        likeness: how likely it is that questions ask the same.
    """

    def __init__(
        self, linker: Callable[[], Linker], quantities: Quantities, embedder: Callable[[], Embedder], likeness: Likeness
    ) -> None:
        self._embedder = embedder
        self._likeness = likeness
        self._lexicon = Lexicon.shipped()
        language = Language.shipped()
        self._reader = QuestionReader(linker, quantities, language, self._lexicon)
        self._guards = Guards(
            self._reader.order,
            language.soft,
            language.soft_of_what,
            language.axes.get,
            language.loose,
            self._lexicon.knows_form,
        )

    def same(self, a: str, b: str) -> Sameness:
        """Whether two questions are the same question."""
        embedder = self._embedder()
        cosine = float(np.dot(embedder.encode_query(clean_line(a)), embedder.encode_query(clean_line(b))))
        return self.judge(self.read(a), self.read(b), cosine)

    def read(self, text: str) -> Asked:
        """A question as it is compared."""
        line = clean_line(text)
        return Asked(line, normalised(line), self._reader.read(line), grams(fold(line)))

    def judge(self, a: Asked, b: Asked, cosine: float) -> Sameness:
        """Compare questions whose vectors have a cosine."""
        if a.form == b.form:
            return Sameness(Verdict.SAME, 1.0, ("the same words",))
        seen, values = self.compare(a, b, cosine)
        probability = self._likeness.probability(values)
        if seen.differences:
            return Sameness(Verdict.DIFFERENT, probability, tuple(map(str, seen.differences)))
        if a.signature.key == b.signature.key:
            return Sameness(Verdict.SAME, probability, (f"signature: {a.signature.key}",))
        value = Verdict.SAME if probability >= self._likeness.threshold else Verdict.UNSURE
        return Sameness(value, probability, (f"likeness: {probability:.3f}", *_slight(seen)))

    def compare(self, a: Asked, b: Asked, cosine: float) -> tuple[Comparison, dict[str, float]]:
        """What the guards see, and the features that the model judges by."""
        seen = self._guards.compare(a.signature, b.signature)
        return seen, features(a.signature, b.signature, seen, cosine, (a.grams, b.grams), self._lexicon)


def _slight(seen: Comparison) -> tuple[str, ...]:
    told = [f"slight: {' '.join(seen.slight)}"] if seen.slight else []
    told += ["a word is misspelled"] if seen.misspelled else []
    told += ["a synonym"] if seen.synonyms else []
    return (*told, *(["places differ"] if seen.moved else []))
