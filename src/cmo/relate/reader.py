"""A paper to its reading: mentions by the linker, relations by our own models. Pure, and the same every time.

::

    paper --windows--> title and abstract; runs of sentences of one section --tell--> statements --best three--> reading
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from cmo.kit.hashing import hex_hash
from cmo.model.concepts import Mention, Reading, Relation
from cmo.model.papers import CITABLE, ParsedPaper, Role, Section, Sentence
from cmo.model.ports import Linker
from cmo.relate import cues, judge, patterns, signs
from cmo.relate.layout import Window
from cmo.relate.statements import Statement, Teller

MOST_SENTENCES = 12
"""Sentences of one window in the body of a paper: about as many as an abstract has."""
MOST_OF_ABSTRACT = 30
"""Sentences of a window with a title; longer ones are no abstracts."""
MOST_EVIDENCE = 3
"""Relations of one pair and type in one paper; the likeliest are kept."""
_HOW = "10"
"""Counts up when the same files would be read differently by this code."""
_SHOWN: Final = frozenset({Role.TABLE, Role.CAPTION})
_UNREAD: Final = frozenset({Section.REFERENCES, Section.BACK})


class RelationReader:
    """Implements `cmo.model.ports.PaperReader`; safe to share between threads."""

    def __init__(self, linker: Linker, vocabulary: str) -> None:
        """Read by a linker; `vocabulary` is the digest of what it knows."""
        self._linker = linker
        self._teller = Teller.shipped()
        parts = (vocabulary, _HOW, cues.source(), judge.source(), signs.source(), patterns.source())
        self._identity = f"cmo@{hex_hash(*parts, size=4)}"

    @property
    def identity(self) -> str:
        """``cmo@1a2b3c4d``: over the vocabulary, the models, the cues and the phrases."""
        return self._identity

    def read(self, paper: ParsedPaper) -> Reading:
        """Mentions of all that may be cited, and of the title; relations of its prose."""
        mentions = self._linker.link(paper.text)
        places = _places(paper, mentions)
        told: list[tuple[Statement, int]] = []
        for ordinals in windows(paper):
            window = _window(paper, ordinals, mentions, places)
            told += ((s, ordinals[s.sentence]) for s in self._teller.tell(window))
        citable = [(s, n) for s, n in told if paper.sentences[n].role in CITABLE]
        kept = (mentions[m] for n, s in enumerate(paper.sentences) if _is_read(s) for m in range(*places[n]))
        return Reading(self._identity, tuple(kept), tuple(_best(citable)))


def windows(paper: ParsedPaper) -> Iterator[list[int]]:
    """Ordinals of sentences that are read together: a title with its abstract, else a stretch of one section.

    A title is read though it cannot be cited: it says what the paper is about. Tables and captions are not: the models
    know prose, and two names in a row, or two things that a figure shows, are not thereby related.
    """
    run: list[int] = []
    section: Section | None = None
    for n, sentence in enumerate(paper.sentences):
        if sentence.role in _SHOWN or not _is_read(sentence):
            continue
        joined = sentence.section is section or (section is Section.TITLE and sentence.section is Section.ABSTRACT)
        most = MOST_OF_ABSTRACT if sentence.section is Section.ABSTRACT else MOST_SENTENCES
        if run and (len(run) >= most or not joined):
            yield run
            run = []
        run.append(n)
        section = sentence.section
    if run:
        yield run


def _is_read(sentence: Sentence) -> bool:
    title = sentence.section is Section.TITLE and sentence.role is Role.HEADING
    return sentence.section not in _UNREAD and (title or sentence.role in CITABLE)


def _places(paper: ParsedPaper, mentions: Sequence[Mention]) -> list[tuple[int, int]]:
    """Which mentions stand in each sentence: a half-open range of their numbers."""
    starts = np.array([m.start for m in mentions], np.int64)
    firsts = np.searchsorted(starts, [s.start for s in paper.sentences]).tolist()
    lasts = np.searchsorted(starts, [s.end for s in paper.sentences]).tolist()
    return list(zip(firsts, lasts, strict=True))


def _window(
    paper: ParsedPaper, ordinals: Sequence[int], mentions: Sequence[Mention], places: Sequence[tuple[int, int]]
) -> Window:
    """The sentences as one text, a line each."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    moved: list[Mention] = []
    place = 0
    for n in ordinals:
        sentence = paper.sentences[n]
        shift = place - sentence.start
        here = (mentions[m] for m in range(*places[n]))
        moved += (replace(m, start=m.start + shift, end=m.end + shift) for m in here)
        pieces.append(paper.text[sentence.start : sentence.end])
        spans.append((place, place + len(pieces[-1])))
        place += len(pieces[-1]) + 1
    return Window("\n".join(pieces), spans, moved, titled=paper.sentences[ordinals[0]].section is Section.TITLE)


def _best(told: Sequence[tuple[Statement, int]]) -> Iterator[Relation]:
    """At most `MOST_EVIDENCE` statements of each pair and type, in the order of their sentences."""
    of: dict[tuple[str, str, str], list[tuple[float, int, Statement]]] = defaultdict(list)
    for s, ordinal in told:
        of[s.subject, s.object, s.type].append((-s.probability, ordinal, s))
    kept = [row for rows in of.values() for row in sorted(rows, key=lambda row: row[:2])[:MOST_EVIDENCE]]
    for _, ordinal, s in sorted(kept, key=lambda row: (row[1], row[2].subject, row[2].object, row[2].type)):
        yield Relation(s.subject, s.object, s.type, s.probability, ordinal, s.negated, s.hedged, s.context, s.apart)
