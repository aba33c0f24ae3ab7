"""A sentence read once: its words and their rarity, its figures, and which way it goes.

::

    text ──> terms ──> stems with rarity
                  └──> cue groups ──> events: way, and the stems around it
    text ──> figures, risk ratios (above one is up, below one is down)

A negation turns what it reaches into *none*, and *none* into related. Where two directions follow each other
("enhanced suppression"), they are one, with the product of their signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cmo.assess.polarity import HEDGE, NEGATE, Event, Way, groups_of, sides_of, way_of
from cmo.assess.words import Rarity, content, stem, terms, written
from cmo.model.quantities import Measured, Quantities

REACH, AROUND = 5, 7
"""Words to its right that a negation governs; words on each side that say what an event is about."""
_BEFORE, _DECAY = 0.8, 0.35
"""What stands before a verb says less of its object, and what stands farther away less still."""
_BREAKS = frozenset({";", ":", ".", "but", "although", "whereas", "while", "however", "though", "despite", "whilst"})
_ONLY = frozenset({"only", "merely", "just", "simply"})
_LINKING = frozenset({"of", "the", "in"})
_OPENING = frozenset({"no", "not", "little", "results", "controlled", "risk", "directly"})
_RATIO = re.compile(
    r"(?:\b(?:OR|RR|HR|aOR|aHR|aRR|IRR)s?\b|(?:odds|hazards?|risk|rate|incidence|mortality) ratios?|relative risks?)"
    r"[^.;\d<>]{0,45}?(?P<value>\d+[.·]\d+)(?!\d*\s?%)"
)
_ACRONYM = range(2, 7)
"""Letters."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What one sentence holds."""

    text: str
    words: tuple[str, ...]
    """Lower-case, with the marks that end a clause."""
    stems: tuple[str, ...]
    """One a word; empty for marks and for words that say nothing."""
    weights: dict[str, float]
    """Rarity by stem."""
    pairs: frozenset[tuple[str, str]]
    """Stems that follow each other."""
    acronyms: frozenset[str]
    events: tuple[Event, ...]
    denials: tuple[int, ...]
    """Places of the words that negate."""
    sides: frozenset[str]
    """Halves of pairs of opposites."""
    hedged: bool
    figures: tuple[Measured, ...]

    @property
    def weight(self) -> float:
        """Rarity of its words, summed."""
        return sum(self.weights.values())

    @property
    def denies(self) -> bool:
        """Whether anything in it is denied."""
        return bool(self.denials) or any(event.way is Way.NONE for event in self.events)

    @property
    def initials(self) -> str:
        """First letters of the words that say something."""
        return "".join(word[0] for word, s in zip(self.words, self.stems, strict=True) if s and word[0].isalpha())

    def around(self, place: int, reach: int) -> dict[str, float]:
        """Stems within so many words of a place, in the same clause, by how near they are."""
        return _around(self.words, self.stems, place, reach)


def read(text: str, rarity: Rarity, figures: Quantities) -> Read:
    """Read one sentence."""
    as_written = written(text)
    words = tuple(word.lower() for word in as_written)
    stems = tuple(stem(word) if content(word) else "" for word in words)
    groups = _grouped(words)
    denials = tuple(n for n, found in enumerate(groups) if NEGATE in found and words[n + 1 : n + 2] not in _EXCEPT)
    said = [s for s in stems if s]
    return Read(
        text=text,
        words=words,
        stems=stems,
        weights={s: rarity.idf(s) for s in said},
        pairs=frozenset(pairwise(said)),
        acronyms=frozenset(word.lower() for word in as_written if _is_acronym(word)),
        events=(*_events(words, stems, groups, denials), *_ratios(text, words, stems)),
        denials=denials,
        sides=frozenset(side for found in groups for side in sides_of(found)),
        hedged=any(HEDGE in found for found in groups),
        figures=tuple(figures(text)),
    )


_EXCEPT = frozenset((word,) for word in _ONLY)
"""After a negation: not only."""


def _is_acronym(word: str) -> bool:
    return len(word) in _ACRONYM and sum(map(str.isupper, word)) > 1


def _grouped(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of each word; two words that say something together stand at the first."""
    groups = [groups_of(word) for word in words]
    for n, (one, two) in enumerate(pairwise(words)):
        if one in _OPENING and (joined := groups_of(f"{one} {two}")):
            groups[n] = joined
            groups[n + 1] = sides_of(groups[n + 1])
    return groups


def _events(
    words: Sequence[str], stems: Sequence[str], groups: Sequence[tuple[str, ...]], denials: Sequence[int]
) -> Iterator[Event]:
    n = 0
    while n < len(words):
        way, after = _said(words, groups, n)
        if way is not None:
            denied = any(d < n <= d + REACH and _BREAKS.isdisjoint(words[d:n]) for d in denials)
            turned = Way.RELATED if way is Way.NONE else Way.NONE
            yield Event(turned if denied else way, words[n], _around(words, stems, n, AROUND))
        n = after


def _said(words: Sequence[str], groups: Sequence[tuple[str, ...]], n: int) -> tuple[Way | None, int]:
    """What is said at a place, and where to go on."""
    way = way_of(groups[n])
    if way not in {Way.UP, Way.DOWN}:
        return way, n + 1
    follow = n + 1 + (words[n + 1 : n + 2] != () and words[n + 1] in _LINKING)
    second = way_of(groups[follow]) if follow < len(words) else None
    if second in {Way.UP, Way.DOWN}:
        return (Way.UP if way is second else Way.DOWN), follow + 1
    if second is Way.RELATED and words[n].endswith("ly"):  # "negatively associated"
        return way, follow + 1
    return way, n + 1


def _ratios(text: str, words: Sequence[str], stems: Sequence[str]) -> Iterator[Event]:
    for match in _RATIO.finditer(text):
        value = float(match["value"].replace("·", "."))
        if value != 1:
            place = min(len(words) - 1, len(terms(text[: match.start()])))
            way = Way.UP if value > 1 else Way.DOWN
            yield Event(way, match.group(), _around(words, stems, place, 2 * AROUND))


def _around(words: Sequence[str], stems: Sequence[str], place: int, reach: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for step, side in ((-1, _BEFORE), (1, 1.0)):
        n, seen = place + step, 0
        while 0 <= n < len(words) and seen < reach and words[n] not in _BREAKS:
            if stems[n]:
                found[stems[n]] = max(found.get(stems[n], 0.0), side / (1 + _DECAY * seen))
                seen += 1
            n += step
    return found
