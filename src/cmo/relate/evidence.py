"""What a whole window holds for each pair: its meetings taken together, how central both are, and their rivals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cmo.relate.layout import SETTING, Floats, Ints, Layout
from cmo.relate.pairs import PAIRED, Pairs

UNMET = -6.0
"""The score of a pair that never meets in a sentence."""
_FAR = 6
_PLAIN: Final = (
    "best meeting", "any meeting", "mean meeting", "meetings",
    "shared", "log shared", "neighbours", "sentences apart", "overlap", "jaccard",
    "mentions i", "mentions j", "mentions fewer", "mentions more", "spread i", "spread j", "prominence i", "prominence j",
    "title i", "title j", "title both", "last i", "last j", "last both", "opens i", "opens j",
    "concepts", "class i", "class j", "pairs", "sentences", "mean pair",
    "rivals of i", "rivals of j", "best rival of i", "best rival of j", "others of i", "others of j",
    "all of i", "all of j", "common friend",
    *(f"kind {k}" for k in range(len(PAIRED))),
)  # fmt: skip
NAMES: Final = (*_PLAIN, "unmet", *(f"{name}, as far as they meet" for name in _PLAIN))


@dataclass(frozen=True, slots=True, eq=False)
class _Presence:
    """Where concepts stand."""

    mentions: Floats
    """(concepts,)"""
    there: Floats
    """(concepts, sentences): 1 where it is named."""


def pair_features(layout: Layout, pairs: Pairs, scores: Floats) -> Floats:
    """(pairs, columns): see `NAMES`; `scores` (meetings,) are the log-odds of the meetings."""
    if not len(pairs.i):
        return np.zeros((0, len(NAMES)))
    presence = _presence(layout)
    met, any_ = _met(pairs, scores)
    plain = np.column_stack(
        [met, _together(pairs, presence), _each(layout, pairs, presence), _rivals(layout, pairs, any_),
         np.eye(len(PAIRED))[pairs.kind]]
    )  # fmt: skip
    # Each column once more, weighed by the chance that a meeting states it: what tells pairs apart that meet is not
    # what does for those that never do. Without this the middle is told too low and the top too high.
    return np.column_stack([plain, met[:, 3] == 0, any_[:, None] * plain])


def _presence(layout: Layout) -> _Presence:
    counts = np.zeros((len(layout.concepts), layout.sentences))
    np.add.at(counts, (layout.concept, layout.sentence), 1)
    return _Presence(counts.sum(axis=1), (counts > 0).astype(np.float64))


def _met(pairs: Pairs, scores: Floats) -> tuple[Floats, Floats]:
    """Meetings of each pair taken together: four columns, and the chance that any of them states a relation."""
    size = len(pairs.i)
    count = np.bincount(pairs.pair, minlength=size)
    best = np.full(size, UNMET)
    np.maximum.at(best, pairs.pair, scores)
    doubt = np.log1p(-np.minimum(1 / (1 + np.exp(-scores)), 0.999))
    any_ = 1 - np.exp(np.bincount(pairs.pair, doubt, minlength=size))
    mean = np.bincount(pairs.pair, scores, minlength=size) / np.maximum(count, 1)
    return np.column_stack([best, any_, np.where(count, mean, UNMET), np.log1p(count)]), any_


def _together(pairs: Pairs, presence: _Presence) -> Floats:
    there, i, j = presence.there, pairs.i, pairs.j
    shared = (there @ there.T)[i, j]
    beside = np.zeros_like(there)
    beside[:, 1:] += there[:, :-1]
    beside[:, :-1] += there[:, 1:]
    spread = there.sum(axis=1)
    fewer = np.maximum(1, np.minimum(spread[i], spread[j]))
    either = np.maximum(1, spread[i] + spread[j] - shared)
    return np.column_stack(
        [shared, np.log1p(shared), np.log1p((there @ beside.T)[i, j]), _apart(there)[i, j], shared / fewer,
         shared / either]
    )  # fmt: skip


def _apart(there: Floats) -> Floats:
    """(concepts, concepts): sentences between their nearest mentions, at most `_FAR`."""
    reach, apart = there, np.full((len(there), len(there)), float(_FAR))
    for distance in range(_FAR):
        apart = np.minimum(apart, np.where(reach @ there.T > 0, distance, _FAR))
        wider = reach.copy()
        wider[:, 1:] += reach[:, :-1]
        wider[:, :-1] += reach[:, 1:]
        reach = (wider > 0).astype(np.float64)
    return apart


def _each(layout: Layout, pairs: Pairs, presence: _Presence) -> Floats:
    i, j, count, there = pairs.i, pairs.j, presence.mentions, presence.there
    classes, sentences = layout.classes, layout.sentences
    spread = there.sum(axis=1) / sentences
    most = np.ones(SETTING + 1)
    np.maximum.at(most, classes, count)
    prominence = count / most[classes]
    title = there[:, 0] * layout.titled
    last, opens = there[:, -1], there.argmax(axis=1) / sentences
    peers = np.log1p(np.bincount(classes, minlength=SETTING + 1)[classes])
    whole = [np.log1p(len(classes)), np.log1p(len(i)), sentences]
    concepts, size, length = (np.full(len(i), value) for value in whole)
    return np.column_stack(
        [np.log1p(count[i]), np.log1p(count[j]), np.log1p(np.minimum(count[i], count[j])),
         np.log1p(np.maximum(count[i], count[j])), spread[i], spread[j], prominence[i], prominence[j],
         title[i], title[j], title[i] * title[j], last[i], last[j], last[i] * last[j], opens[i], opens[j],
         concepts, peers[i], peers[j], size, length]
    )  # fmt: skip


def _rivals(layout: Layout, pairs: Pairs, any_: Floats) -> Floats:
    """How the pair stands among the other pairs of each of the two."""
    i, j, classes = pairs.i, pairs.j, layout.classes
    bonds = np.zeros((len(classes), len(classes)))
    bonds[i, j] = bonds[j, i] = any_
    same = classes[:, None] == classes[None, :]
    rivals_i, rivals_j = bonds[i] * same[j], bonds[j] * same[i]
    total = bonds.sum(axis=1)
    above = any_[:, None] + 1e-9
    return np.column_stack(
        [np.full(len(i), any_.mean()),
         np.log1p((rivals_i > above).sum(axis=1)), np.log1p((rivals_j > above).sum(axis=1)),
         rivals_i.max(axis=1), rivals_j.max(axis=1),
         np.log1p(np.maximum(0, rivals_i.sum(axis=1) - any_)), np.log1p(np.maximum(0, rivals_j.sum(axis=1) - any_)),
         np.log1p(total[i]), np.log1p(total[j]), np.minimum(bonds[i], bonds[j]).max(axis=1)]
    )  # fmt: skip


def best_of(pairs: Pairs, scores: Floats) -> Ints:
    """(pairs,): number of each pair's best meeting, -1 where it has none; of equals the first."""
    best = np.full(len(pairs.i), -1, np.int64)
    order = np.lexsort((-np.arange(len(scores)), scores))
    best[pairs.pair[order]] = order
    return best
