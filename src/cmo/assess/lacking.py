"""Words of a claim that its evidence has in no form.

The heads weigh a whole sentence: one foreign word among many that fit moves them little, and one word is all that it takes
to make a sentence untrue ("... causes cancer", "... did not", "... smaller"). So who must not be wrong asks for what is
lacking as well. A word is there by its stem, as an acronym, as a word of the same direction ("raised", "increased"), or
as another of one line in `lacking.json`. A denial is lacking where the claim has more of them than the evidence, a
direction where the evidence has its opposite instead, and a word in general where the evidence has another one in its
very place, however often the word stands elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from cmo.assess.comparison import SPELLED, Comparison
from cmo.assess.heads import data
from cmo.assess.polarity import Way, groups_of, way_of
from cmo.assess.reading import Read
from cmo.assess.words import stem

_OTHER: Mapping[Way | None, Way] = {Way.UP: Way.DOWN, Way.DOWN: Way.UP, Way.BETTER: Way.WORSE, Way.WORSE: Way.BETTER}
_DENYING = frozenset({"not", "no", "nor", "neither", "never", "none", "cannot", "without"})
_EXCHANGED, _FLANKS = 4, 2
"""Words that are exchanged for each other at most, and words that must be the same around them at least."""
_MANY = 5
"""Words that are lacking from which nobody asks for more."""
_HEAD = 5
"""Letters of one word in two forms."""
_TURNS = frozenset({*_OTHER, Way.NONE})


def lacking(comparison: Comparison) -> tuple[str, ...]:
    """The words, as the claim has them in lower case, each once; and denials of the evidence that it leaves out."""
    claim, evidence = comparison.claim, comparison.evidence
    said = frozenset(word for sentence in evidence for word in sentence.words)
    strong = (word for word in claim.words if word in _strong() and word not in said)
    denials = _denials(claim)[sum(len(_denials(sentence)) for sentence in evidence) :]
    foreign = dict.fromkeys((*strong, *denials, *_foreign(comparison)))
    if len(foreign) > _MANY:
        return tuple(foreign)
    exchanged = (*_turned(claim, evidence), *_put_in(comparison), *_left_out(comparison))
    return tuple(dict.fromkeys((*foreign, *exchanged)))


def _foreign(comparison: Comparison) -> Iterator[str]:
    claim, evidence = comparison.claim, comparison.evidence
    stems = frozenset(s for sentence in evidence for s in sentence.stems if s)
    ways = frozenset(event.way for sentence in evidence for event in sentence.events)
    for word, s in zip(claim.words, claim.stems, strict=True):
        counts = s and word.isalpha() and not comparison.held[s] and s not in _plain() and word not in _strong()
        if counts and _way(word) not in ways & _TURNS and stems.isdisjoint(_alike().get(s, ())):
            yield word


def _turned(claim: Read, evidence: Sequence[Read]) -> Iterator[str]:
    """Words that go one way, where the evidence has words of the other way in their place."""
    theirs = {s: word for sentence in evidence for s, word in zip(sentence.stems, sentence.words, strict=True) if s}
    instead = {_way(word) for s, word in theirs.items() if s not in claim.stems}
    for word, s in zip(claim.words, claim.stems, strict=True):
        if s and s not in theirs and (way := _OTHER.get(_way(word))) is not None and way in instead:
            yield word


def _put_in(comparison: Comparison) -> Iterator[str]:
    """Words that stand where a sentence of the evidence, the same before and behind, has others that the claim lacks."""
    claim = comparison.claim
    mine = [(s, word) for s, word in zip(claim.stems, claim.words, strict=True) if s]
    for sentence, _ in comparison.top:
        theirs = [(s, word) for s, word in zip(sentence.stems, sentence.words, strict=True) if s]
        for a, b, c, d in _exchanges([s for s, _ in theirs], [s for s, _ in mine]):
            gone = [one for one in theirs[a:b] if one[0] not in claim.stems]
            moved = Counter(sentence.stems)
            printed = (one for one in mine[c:d] if gone and comparison.held[one[0]] not in {0.0, SPELLED})
            new = [(s, word) for s, word in printed if claim.stems.count(s) > moved[s]]
            yield from (word for s, word in new if not any(_alike_or_plain(s, word, *one) for one in gone))


def _left_out(comparison: Comparison) -> Iterator[str]:
    """Denials that are missing where the nearest sentence, the same before and behind, denies."""
    theirs, mine = comparison.top[0][0].words, comparison.claim.words
    for a, b, c, d in _exchanges(theirs, mine):
        yield from (word for word in theirs[a:b] if _denying(word) and not any(map(_denying, mine[c:d])))


def _exchanges(theirs: Sequence[str], mine: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """A few words of theirs, each with what stands in their place, between words that are the same."""
    steps = SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes()
    for n, (what, a, b, c, d) in enumerate(steps):
        beside = [*steps[max(0, n - 1) : n], *steps[n + 1 : n + 2]]
        same = sum(until - start for _, start, until, *_ in beside)
        if what in {"replace", "delete"} and max(b - a, d - c) <= _EXCHANGED and same >= _FLANKS:
            yield a, b, c, d


def _alike_or_plain(s: str, word: str, other: str, instead: str) -> bool:
    same = _way(word) is not None and _way(word) is _way(instead)
    return same or s in _plain() or other in _alike().get(s, ()) or s[:_HEAD] == other[:_HEAD]


def _denials(sentence: Read) -> list[str]:
    return [word for word in sentence.words if _denying(word)]


def _denying(word: str) -> bool:
    return word in _DENYING or word.endswith("n't")


def _way(word: str) -> Way | None:
    return way_of(groups_of(word))


@cache
def _alike() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in _held()["alike"]:
        stems = frozenset(map(stem, line))
        found |= {s: found.get(s, frozenset()) | stems for s in stems}
    return found


@cache
def _plain() -> frozenset[str]:
    return frozenset(map(stem, _held()["plain"]))


@cache
def _strong() -> frozenset[str]:
    return frozenset(_held()["strong"])


def _held() -> Mapping[str, Any]:
    return data("lacking")
