"""A paper to its reading: mentions by the linker, relations by our own models. Pure, and the same every time.

::

    paper --windows--> title and abstract; runs of sentences of one section --tell--> statements --best three--> reading
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from cmo.kit.hashing import hex_hash
from cmo.model.concepts import Mention, Reading, Relation
from cmo.model.papers import CITABLE, ParsedPaper, Role, Section
from cmo.model.ports import Linker
from cmo.relate import cues, judge, patterns, signs
from cmo.relate.layout import Ints, Window
from cmo.relate.statements import Statement, Teller

MOST_SENTENCES = 12
"""Sentences of one window in the body of a paper: about as many as an abstract has."""
MOST_EVIDENCE = 3
"""Relations of one pair and type in one paper; the likeliest are kept."""
_HOW = "1"
"""Counts up when the same files would be read differently by this code."""
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
        """Mentions and relations of all sentences that may be cited."""
        mentions = self._linker.link(paper.text)
        starts = np.array([m.start for m in mentions], np.int64)
        told: list[tuple[Statement, int]] = []
        cited: set[int] = set()
        for ordinals in windows(paper):
            window, rows = _window(paper, ordinals, mentions, starts)
            cited.update(rows)
            told += ((s, ordinals[s.sentence]) for s in self._teller.tell(window))
        citable = [(s, n) for s, n in told if paper.sentences[n].role in CITABLE]
        kept = tuple(mentions[n] for n in sorted(cited))
        return Reading(self._identity, kept, tuple(_best(citable)))


def windows(paper: ParsedPaper) -> Iterator[list[int]]:
    """Ordinals of sentences that are read together: a title with its abstract, else up to `MOST_SENTENCES` of a section.

    A title is read though it cannot be cited: it says what the paper is about.
    """
    run: list[int] = []
    section: Section | None = None
    for n, sentence in enumerate(paper.sentences):
        title = sentence.section is Section.TITLE and sentence.role is Role.HEADING
        if sentence.section in _UNREAD or not (sentence.role in CITABLE or title):
            continue
        joined = sentence.section is section or (section is Section.TITLE and sentence.section is Section.ABSTRACT)
        full = len(run) >= MOST_SENTENCES and sentence.section is not Section.ABSTRACT
        if run and (full or not joined):
            yield run
            run = []
        run.append(n)
        section = sentence.section
    if run:
        yield run


def _window(
    paper: ParsedPaper,
    ordinals: Sequence[int],
    mentions: Sequence[Mention],
    starts: Ints,
) -> tuple[Window, list[int]]:
    """The sentences as one text, and the numbers of the mentions that stand in them."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    moved: list[Mention] = []
    rows: list[int] = []
    place = 0
    for n in ordinals:
        sentence = paper.sentences[n]
        first, last = np.searchsorted(starts, (sentence.start, sentence.end)).tolist()
        shift = place - sentence.start
        moved += (
            Mention(m.start + shift, m.end + shift, m.concept, m.kind, m.confidence) for m in mentions[first:last]
        )
        rows += range(first, last)
        pieces.append(paper.text[sentence.start : sentence.end])
        spans.append((place, place + len(pieces[-1])))
        place += len(pieces[-1]) + 1
    return Window("\n".join(pieces), spans, moved, paper.sentences[ordinals[0]].section is Section.TITLE), rows


def _best(told: Sequence[tuple[Statement, int]]) -> Iterator[Relation]:
    """At most `MOST_EVIDENCE` statements of each pair and type, in the order of their sentences."""
    of: dict[tuple[str, str, str], list[tuple[float, int, Statement]]] = defaultdict(list)
    for s, ordinal in told:
        of[s.subject, s.object, s.type].append((-s.probability, ordinal, s))
    kept = [row for rows in of.values() for row in sorted(rows, key=lambda row: row[:2])[:MOST_EVIDENCE]]
    for _, ordinal, s in sorted(kept, key=lambda row: (row[1], row[2].subject, row[2].object, row[2].type)):
        yield Relation(s.subject, s.object, s.type, s.probability, ordinal, s.negated, s.hedged, s.context)
