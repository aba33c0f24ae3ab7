"""Hard flags: differences between a claim and its evidence that can be said in one sentence and checked by eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmo.assess.comparison import Comparison
from cmo.assess.directions import opposed
from cmo.assess.polarity import Way, groups_of
from cmo.kit.text import shorten
from cmo.model.assessments import Flag, Reason

_OF_IT = 0.5
"""How much of the claim the nearest sentence must hold before a difference means anything."""
_SAME_THING = 0.45
"""How far two events must be of the same thing to be called opposed."""
_CLOSE = 0.75
"""How much must be the same before a missing negation is called a reversal."""
_ALL_BUT, _RARE, _LEAST_LETTERS = 0.85, 6.0, 6
"""How much of a claim must be there for a missing word to be odd, how rare that word (idf), and how long: plain words
are short, and those that say which way something goes are compared as such."""
_LONGEST = 160
_SAYS = {Way.UP: "goes up", Way.DOWN: "goes down", Way.BETTER: "gets better", Way.WORSE: "gets worse"}


def reasons(comparison: Comparison, missing: Sequence[str], *, doubtful: bool) -> tuple[Reason, ...]:
    """What is flagged.

    Args:
        comparison: the claim and its evidence.
        missing: names of concepts that the evidence has not.
        doubtful: whether the heads, too, hold it for likelier contradicted than supported; only then is a word that
            denies or points the other way called a reversal.
    """
    found = _lost(comparison, missing)
    return (*found, *_reversed(comparison)) if doubtful else tuple(found)


def _lost(comparison: Comparison, missing: Sequence[str]) -> Iterator[Reason]:
    if comparison.values["covered_by_one"] >= _OF_IT:
        for figure in comparison.lost_figures:
            stated = comparison.claim.text[figure.start : figure.end].strip()
            yield Reason(Flag.FIGURE, f"“{stated}” stands in no sentence of the evidence.")
    for name in dict.fromkeys((*missing, *_odd_words(comparison))):
        yield Reason(Flag.CONCEPT, f"“{name}” stands in no sentence of the evidence, under none of its names.")


def _reversed(comparison: Comparison) -> Iterator[Reason]:
    values, first = comparison.values, comparison.top[0][0]
    quoted = f"“{shorten(first.text, _LONGEST)}”"
    clash = opposed(comparison.claim, comparison.top)
    if clash and clash[2] >= _SAME_THING:
        mine, theirs, _ = clash
        said = f"“{mine.word}”: {_SAYS[mine.way]}; the evidence says “{theirs.word}”: {_SAYS[theirs.way]}."
        yield Reason(Flag.DIRECTION, f"{said} {quoted}")
    if values["covered_by_one"] >= _CLOSE and comparison.claim.denies is not first.denies:
        who = "The claim denies what the evidence states" if comparison.claim.denies else "The evidence denies it"
        yield Reason(Flag.NEGATION, f"{who}: {quoted}")


def _odd_words(comparison: Comparison) -> Iterator[str]:
    """Rare words that the evidence lacks, where it has nearly all the rest: most likely a name was exchanged."""
    claim = comparison.claim
    if comparison.values["covered_by_three"] < _ALL_BUT:
        return
    for word, s in zip(claim.words, claim.stems, strict=True):
        rare = s and not comparison.held[s] and claim.weights[s] >= _RARE
        if rare and len(word) >= _LEAST_LETTERS and word.isalpha() and not groups_of(word):
            yield word
