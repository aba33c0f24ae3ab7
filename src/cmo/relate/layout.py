"""A window of text made countable: each name is one term, so that pairs are judged all at once.

::

    "TMAO levels were elevated in heart failure." --> @0 levels were elevated in @2 .
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cmo.model.concepts import Kind, Mention
from cmo.relate.cues import Cues

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CHEMICAL, GENE, DISEASE, OTHER, SETTING = range(5)
CLASS: Final[Mapping[Kind, int]] = {
    Kind.METABOLITE: CHEMICAL, Kind.LIPID: CHEMICAL, Kind.DRUG: CHEMICAL, Kind.GENE: GENE, Kind.DISEASE: DISEASE,
    Kind.OTHER: OTHER, Kind.PATHWAY: SETTING, Kind.ORGANISM: SETTING, Kind.SPECIMEN: SETTING, Kind.METHOD: SETTING,
}  # fmt: skip
"""What a kind is to the model of pairs; pairs with a setting are judged by rules."""
NAMES: Final = ("@0", "@1", "@2", "@3", "@4")
"""The term that stands for a name, by class."""
MOST_MENTIONS = 200
"""A window's mentions beyond these are not paired: the work grows with their square, and no abstract has so many."""
_WORD = re.compile(r"[^\W\d_]+|\d[\d.,]*|[^\w\s]|_")
"""Between them they cover all that is not white space."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some sentences that are read together: an abstract with its title, or a stretch of one section."""

    text: str
    sentences: Sequence[tuple[int, int]]
    """Half-open spans, in order."""
    mentions: Sequence[Mention]
    """In the order of the text; several may share a span where a name means several concepts."""
    titled: bool = False
    """The first sentence is a title."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A window in columns."""

    terms: list[str]
    """Words in lower case, numbers, single signs, and one of `NAMES` for each name."""
    cumulated: NDArray[np.int32]
    """(terms + 1, groups): how many cues of a group stand before a term."""
    bounds: Ints
    """(sentences + 1,): the first term of each sentence, and the number of terms."""
    place: Ints
    """(mentions,): the term that is the name; never falls."""
    sentence: Ints
    """(mentions,)"""
    concept: Ints
    """(mentions,): number of the concept."""
    concepts: list[str]
    """Ids in the order in which they are first named."""
    kinds: list[Kind]
    """One a concept: that of its first mention."""
    classes: Ints
    """(concepts,): one of `CHEMICAL` to `SETTING`."""
    titled: bool
    left_out: int
    """Mentions beyond `MOST_MENTIONS`."""

    @property
    def sentences(self) -> int:
        """How many sentences it has."""
        return len(self.bounds) - 1


def lay_out(window: Window, cues: Cues) -> Layout:
    """Count a window's words and place its mentions among them; mentions outside all sentences are left out."""
    sentence, mentions = _seated(window)
    words, starts, ends = _words(window.text)
    first = np.searchsorted(ends, [m.start for m in mentions], "right")
    last = np.searchsorted(starts, [m.end for m in mentions], "left")
    inner = np.zeros(len(words), np.bool_)
    for m, begin, end in zip(mentions, first.tolist(), last.tolist(), strict=True):
        inner[begin + 1 : end] = True
        if begin < len(words) and not inner[begin]:
            words[begin] = NAMES[CLASS[m.kind]]
    number = np.cumsum(~inner) - 1
    terms = [word for word, hidden in zip(words, inner.tolist(), strict=True) if not hidden]
    openings = np.searchsorted(starts, [start for start, _ in window.sentences])
    numbers: dict[str, int] = {}
    kinds: list[Kind] = []
    for m in mentions:
        if m.concept not in numbers:
            numbers[m.concept] = len(numbers)
            kinds.append(m.kind)
    bounds = np.append(np.append(number, len(terms))[openings], len(terms))
    return Layout(
        terms=terms,
        cumulated=_cumulated(terms, cues),
        bounds=bounds.astype(np.int64),
        place=number[first] if len(first) else np.zeros(0, np.int64),
        sentence=sentence,
        concept=np.array([numbers[m.concept] for m in mentions], np.int64),
        concepts=list(numbers),
        kinds=kinds,
        classes=np.array([CLASS[kind] for kind in kinds], np.int64),
        titled=window.titled,
        left_out=max(0, len(window.mentions) - MOST_MENTIONS),
    )


def _seated(window: Window) -> tuple[Ints, list[Mention]]:
    """The mentions that stand in a sentence, and in which."""
    mentions = window.mentions[:MOST_MENTIONS]
    if not mentions or not window.sentences:
        return np.zeros(0, np.int64), []
    openings, closings = np.array(window.sentences, np.int64).T
    starts = np.array([m.start for m in mentions], np.int64)
    sentence = np.searchsorted(openings, starts, "right") - 1
    inside = (sentence >= 0) & (starts < closings[sentence])
    return sentence[inside], [m for m, ok in zip(mentions, inside.tolist(), strict=True) if ok]


def _words(text: str) -> tuple[list[str], Ints, Ints]:
    found = list(_WORD.finditer(text))
    spans = np.array([m.span() for m in found], np.int64).reshape(-1, 2)
    return [m.group().lower() for m in found], spans[:, 0], spans[:, 1]


def _cumulated(terms: Sequence[str], cues: Cues) -> NDArray[np.int32]:
    counts = np.zeros((len(terms) + 1, len(cues.groups)), np.int32)
    of = cues.of
    hits = [(n, column) for n, term in enumerate(terms, 1) for column in of(term)]
    if hits:
        rows, columns = zip(*hits, strict=True)
        counts[rows, columns] = 1
    return np.cumsum(counts, axis=0, dtype=np.int32)
