"""How well names are found and linked: strict spans, and the concepts that a text is about.

A span is right if it begins and ends where people marked it, and is of the same type. Concepts are compared as sets a
text: only those that the vocabulary can be asked for by the file's own identifiers count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cmo.bench.annotated import KINDS, TYPES, Annotated
from cmo.bench.metrics import RESAMPLES
from cmo.model.concepts import Concept, Mention
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.linker import windows
from cmo.vocabulary.matches import matches
from cmo.vocabulary.names import Text

_DIGITS = 4
_ALIASES = (("OMIM:", "MIM:"), ("NCBI Gene:", "NCBIGENE:"), ("NCBI Taxonomy:", "NCBITAXON:"))


class Links(Protocol):
    """What is measured."""

    def link(self, text: str) -> tuple[Mention, ...]:
        """The concepts that a text names."""
        ...

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by any identifier."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean over all texts, with a 95 % bootstrap interval over texts for the last."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    marked: int
    """How many there are to find."""


@dataclass(frozen=True, slots=True)
class LinkingScores:
    """What one linker reaches on one file."""

    spans: Score
    by_type: Mapping[str, Score]
    concepts: Score | None
    """None where the file gives no identifiers that the vocabulary knows."""
    texts: int
    texts_per_second: float

    def as_json(self) -> dict[str, Any]:
        """``precision``, ``recall`` and ``f1`` of spans at the top."""
        facts: dict[str, Any] = {**asdict(self.spans), "by_type": {t: asdict(s) for t, s in self.by_type.items()}}
        facts["concepts"] = asdict(self.concepts) if self.concepts else None
        return {**facts, "texts": self.texts, "texts_per_second": self.texts_per_second}


@dataclass(slots=True)
class _Counts:
    """Right, found and marked, one row a text."""

    rows: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, found: set[Any], marked: set[Any]) -> None:
        self.rows.append((len(found & marked), len(found), len(marked)))

    def score(self) -> Score:
        counts = np.array(self.rows or [(0, 0, 0)], np.float64)
        picks = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
        low, high = np.quantile(_f1(counts[picks].sum(axis=1)), [0.025, 0.975])
        right, found, marked = counts.sum(axis=0).tolist()
        whole = float(_f1(counts.sum(axis=0)))
        values = (right / max(1, found), right / max(1, marked), whole, float(low), float(high))
        precision, recall, f1, least, most = (round(value, _DIGITS) for value in values)
        return Score(precision, recall, f1, least, most, int(marked))


def evaluate(
    linker: Links, texts: Sequence[Annotated], progress: Callable[[int], None] = lambda _: None
) -> LinkingScores:
    """Link texts and compare with what people marked; types that nobody marked in them are not judged."""
    types = [t for t in TYPES if any(g.type == t for text in texts for g in text.gold)]
    spans, by_type, concepts = _Counts(), {t: _Counts() for t in types}, _Counts()
    seconds = 0.0
    for number, text in enumerate(texts, 1):
        begun = time.perf_counter()
        mentions = linker.link(text.text)
        seconds += time.perf_counter() - begun
        found = {(m.start, m.end, KINDS[m.kind]) for m in mentions if KINDS.get(m.kind) in types}
        marked = {(g.start, g.end, g.type) for g in text.gold}
        spans.add(found, marked)
        for kind, counts in by_type.items():
            counts.add({f for f in found if f[2] == kind}, {m for m in marked if m[2] == kind})
        concepts.add(*_concepts(linker, text, mentions, types))
        progress(number)
    about = concepts.score()
    return LinkingScores(
        spans.score(), {t: c.score() for t, c in by_type.items()}, about if about.marked else None, len(texts),
        round(len(texts) / max(seconds, 1e-9), 1),
    )  # fmt: skip


def _concepts(
    linker: Links, text: Annotated, mentions: Sequence[Mention], types: Sequence[str]
) -> tuple[set[str], set[str]]:
    """Ids found and ids marked; a name whose marked ids nobody can be asked for is left out of both."""
    marked, foreign = set(), set()
    for gold in text.gold:
        known = {c.id for i in gold.concepts if (c := _asked(linker, i))}
        marked |= known
        if not known:
            foreign.add((gold.start, gold.end))
    found = {
        m.concept
        for m in mentions
        if KINDS.get(m.kind) in types
        and (m.start, m.end) not in foreign
        and not m.concept.startswith(("NAME:", "LIPID:"))
    }
    return found, marked


def _asked(linker: Links, identifier: str) -> Concept | None:
    names = [identifier, *(new + identifier.removeprefix(old) for old, new in _ALIASES if identifier.startswith(old))]
    return next((concept for name in names if (concept := linker.concept(name))), None)


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 3) right, found and marked to F1 (…)."""
    right, found, marked = counts[..., 0], counts[..., 1], counts[..., 2]
    return np.asarray(2 * right / np.maximum(1, found + marked), np.float64)


class PlainMatch:
    """What there was before: the longest dictionary name, no definitions, no tagger, no plain words held back."""

    def __init__(self, vocabulary: CompiledVocabulary) -> None:
        self._vocabulary = vocabulary

    def link(self, text: str) -> tuple[Mention, ...]:
        """Dictionary names, leftmost and longest."""
        found: list[Mention] = []
        for begin, end in windows(text):
            tokens = Text.of(text[begin:end])
            for match in matches(tokens, self._vocabulary):
                start = begin + int(tokens.starts[match.first])
                if not found or start >= found[-1].end:
                    concept = self._vocabulary.load(match.named[0].concept)
                    stop = begin + int(tokens.ends[match.last])
                    found.append(Mention(start, stop, concept.id, concept.kind, 1.0))
        return tuple(found)

    def concept(self, concept_id: str) -> Concept | None:
        """A concept by any identifier."""
        return self._vocabulary.concept(concept_id)
