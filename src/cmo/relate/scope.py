"""Whether what a sentence says of two names is denied or guarded.

After NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et al., J Biomed Inform 2009): a cue reaches
`REACH` terms to its right, unless a word that turns the sentence stands in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cmo.relate.cues import Cues

REACH = 6
_DENIALS: Final = frozenset(
    {"no", "not", "without", "neither", "nor", "lack", "lacks", "lacked", "lacking", "absence", "fails", "failed",
     "unable", "none", "never", "cannot", "unrelated", "unaffected", "unchanged", "independent", "independently"}
)  # fmt: skip
_NO_DENIAL: Final = frozenset({"only", "just", "merely", "simply", "least", "doubt"})
"""After ``not`` or ``no``: not only."""
_TRIGGERS: Final = ("more", "less", "associate", "cause", "treat", "mark", "bind", "effect", "convert")
_SELF: Final = frozenset({"unrelated", "unaffected", "unchanged", "independent", "independently"})
"""Denials that need nothing to deny."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two names in one sentence of a window."""

    terms: Sequence[str]
    """Of the whole window."""
    opening: int
    """First term of the sentence."""
    left: int
    right: int
    """The two names; the same where one name means both."""
    closing: int
    """After the last term of the sentence."""


def negated(here: Meeting, cues: Cues) -> bool:
    """Whether a denial reaches a word that relates the two, or stands between them and reaches the second."""
    terms, left, right, closing = here.terms, here.left, here.right, here.closing
    start, stop = max(here.opening, left - REACH), min(closing, right + 1 + REACH)
    if _DENIALS.isdisjoint(terms[start:stop]):
        return False
    triggers = {cues.columns[name] for name in _TRIGGERS}
    for n in range(start, stop):
        if terms[n] not in _DENIALS or (n + 1 < closing and terms[n + 1] in _NO_DENIAL):
            continue
        if terms[n] in _SELF and left < n:
            return True
        if "," in terms[n:left]:  # another clause: "although age was not measured, TMAO ..."
            continue
        end = reach(terms, n, closing, cues)
        if left < n < right <= end:
            return True
        if _turned(terms, left, n, cues) or (n > right and _turned(terms, right, n, cues)):
            continue
        if any(triggers.intersection(cues.of(terms[k])) for k in range(n + 1, end + 1)):
            return n > left or right <= end + REACH
    return False


def hedged(here: Meeting, cues: Cues) -> bool:
    """Whether a guarding word stands in the part of the sentence that speaks of the two."""
    turn, hedge = cues.columns["turn"], cues.columns["hedge"]
    terms, closing = here.terms, here.closing
    start = max((n + 1 for n in range(here.opening, here.left) if turn in cues.of(terms[n])), default=here.opening)
    end = next((n for n in range(here.right + 1, closing) if turn in cues.of(terms[n])), closing)
    return any(hedge in cues.of(terms[n]) for n in range(start, end))


def reach(terms: Sequence[str], cue: int, closing: int, cues: Cues) -> int:
    """The last term that a cue governs."""
    turn, stop = cues.columns["turn"], cues.columns["stop"]
    end = cue
    while end + 1 < closing and end - cue < REACH and not {turn, stop}.intersection(cues.of(terms[end + 1])):
        end += 1
    return end


def _turned(terms: Sequence[str], start: int, end: int, cues: Cues) -> bool:
    turn = cues.columns["turn"]
    return any(turn in cues.of(terms[n]) for n in range(min(start, end) + 1, max(start, end)))
