"""Which way the claim goes, against which way the evidence goes.

Each event of the claim meets each event of the evidence; they count as far as the words around them are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cmo.assess.polarity import Event, Way
from cmo.assess.reading import Read

_LEAST = 0.15
"""What two events of one sentence have in common before any word is compared."""
_SHARP = 1.5
_GROUND = 0.15
"""Added below a balance, so that thin signs stay near zero."""
_SAME = ((Way.UP, Way.UP), (Way.DOWN, Way.DOWN))
_OTHER = ((Way.UP, Way.DOWN), (Way.DOWN, Way.UP))
_JUDGED_SAME = ((Way.BETTER, Way.BETTER), (Way.WORSE, Way.WORSE))
_JUDGED_OTHER = ((Way.BETTER, Way.WORSE), (Way.WORSE, Way.BETTER))
_SOME = [way for way in Way if way is not Way.NONE]


def directions(claim: Read, top: Sequence[tuple[Read, float]]) -> dict[str, float]:
    """Agreement and conflict, by name; `top` holds sentences with their standing, 0 to 1."""
    most, sums = np.zeros((len(Way), len(Way))), np.zeros((len(Way), len(Way)))
    for mine in claim.events:
        for sentence, standing in top:
            for theirs in sentence.events:
                share = (_LEAST + (1 - _LEAST) * alignment(mine, theirs, claim.weights)) * standing
                cell = mine.way, theirs.way
                most[cell] = max(most[cell], share)
                sums[cell] += share**_SHARP
    same = sum(sums[cell] for cell in (*_SAME, *_JUDGED_SAME))
    other = sum(sums[cell] for cell in (*_OTHER, *_JUDGED_OTHER))
    none = Way.NONE
    return {
        "same_direction": max(most[cell] for cell in _SAME),
        "other_direction": max(most[cell] for cell in _OTHER),
        "direction_balance": _balance(other, same),
        "same_judgement": max(most[cell] for cell in _JUDGED_SAME),
        "other_judgement": max(most[cell] for cell in _JUDGED_OTHER),
        "both_none": float(most[none, none]),
        "none_balance": _balance(sums[none, _SOME].sum(), sums[none, none]),
        "some_balance": _balance(sums[_SOME, none].sum(), sums[np.ix_(_SOME, _SOME)].sum()),
        "some_against_none": float(most[_SOME, none].max()),
        "same_relation": float(most[Way.RELATED, _SOME].max()),
    }


def alignment(one: Event, other: Event, weights: Mapping[str, float]) -> float:
    """How far two events are of the same thing, by the rarity of the words beside both, 0 to 1."""
    total = sum(weights.get(s, 0.0) * near for s, near in one.around.items())
    if not total:
        return 0.0
    return sum(weights.get(s, 0.0) * near * other.around.get(s, 0.0) for s, near in one.around.items()) / total


def opposed(claim: Read, top: Sequence[tuple[Read, float]]) -> tuple[Event, Event, float] | None:
    """The events that most plainly go opposite ways where none go the same, with how far they are of the same thing."""
    best: tuple[Event, Event, float] | None = None
    against, along = frozenset((*_OTHER, *_JUDGED_OTHER)), 0.0
    for mine in claim.events:
        for sentence, _ in top:
            for theirs in sentence.events:
                share = alignment(mine, theirs, claim.weights)
                if (mine.way, theirs.way) in against and (best is None or share > best[2]):
                    best = mine, theirs, share
                elif mine.way is theirs.way:
                    along = max(along, share)
    return best if best is not None and best[2] > along else None


def _balance(against: float, along: float) -> float:
    return float((against - along) / (against + along + _GROUND))
