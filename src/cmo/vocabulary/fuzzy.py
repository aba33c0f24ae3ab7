"""Misspelled names, for questions only: ``phenylketonurea`` is phenylketonuria.

A word that is no name and no plain English word is compared with the names of similar length that begin with the same
letter. One edit is forgiven, two in long words, and only where one name is nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.words import PLAIN

SHORTEST = 5
_LONG, _EDITS, _EDITS_IF_LONG = 9, 1, 2
_CACHED = 1024


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a word was meant to be."""

    form: str
    similarity: float
    """1 less the share of letters that differ."""


class Speller:
    """Finds the name that a word misspells."""

    def __init__(self, vocabulary: CompiledVocabulary) -> None:
        self._vocabulary = vocabulary
        self.nearest = lru_cache(_CACHED)(self._nearest)

    def _nearest(self, form: str) -> Spelling | None:
        """The one name nearest to a word's form; None if none is near enough, or several are."""
        if len(form) < SHORTEST or not form.isalpha() or form in PLAIN:
            return None
        edits = _EDITS_IF_LONG if len(form) >= _LONG else _EDITS
        near: dict[int, set[str]] = {}
        for name in self._vocabulary.forms_like(form, edits):
            distance = OSA.distance(form, name, score_cutoff=edits)
            if distance <= edits:
                near.setdefault(distance, set()).add(name)
        if not near or len(near[min(near)]) > 1:
            return None
        (name,) = near[min(near)]
        if name in PLAIN:  # a misspelled plain word
            return None
        return Spelling(name, 1 - min(near) / max(len(form), len(name)))
