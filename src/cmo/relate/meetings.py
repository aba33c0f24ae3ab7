"""What a meeting of two names in one sentence looks like: the words around them, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cmo.relate.cues import Cues
from cmo.relate.layout import CHEMICAL, OTHER, Floats, Ints, Layout
from cmo.relate.pairs import PAIRED, Pairs

AROUND = 6
"""Terms before the first name and after the second in which cues count."""
_CLASSES = np.arange(CHEMICAL, OTHER + 1)
SHAPE: Final = (
    "distance", "adjacent", "near", "far", "very far", "names between", *(f"between @{c}" for c in range(4)),
    *(f"nearer @{c}" for c in range(4)), "names in sentence", "length", "title", "last", "place", "turned",
    *(f"kind {k}" for k in range(len(PAIRED))), *(f"distance of kind {k}" for k in range(len(PAIRED))),
    *(f"turned kind {k}" for k in range(len(PAIRED))),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Ranges of terms about each meeting, half-open, all (meetings,)."""

    before: Ints
    """Begins here and ends at `left`."""
    left: Ints
    between: Ints
    """Begins here and ends at `right`."""
    right: Ints
    after: Ints
    """Begins here and ends at `stop`."""
    stop: Ints
    opening: Ints
    closing: Ints
    """The whole sentence."""


def names(cues: Cues) -> tuple[str, ...]:
    """What the columns of `meeting_features` are."""
    parts = ("between", "before", "after", "sentence")
    return (*SHAPE, *(f"{group} {part}" for part in parts for group in cues.groups))


def spans(layout: Layout, pairs: Pairs) -> Spans:
    """The stretches of text that a meeting is judged by."""
    sentence = layout.sentence[pairs.left]
    opening, closing = layout.bounds[sentence], layout.bounds[sentence + 1]
    left, right = layout.place[pairs.left], layout.place[pairs.right]
    return Spans(
        before=np.maximum(opening, left - AROUND),
        left=left,
        between=np.minimum(left + 1, right),
        right=right,
        after=np.minimum(right + 1, closing),
        stop=np.minimum(closing, right + 1 + AROUND),
        opening=opening,
        closing=closing,
    )


def meeting_features(layout: Layout, pairs: Pairs, at: Spans) -> Floats:
    """(meetings, columns): see `names`."""
    counted = layout.cumulated
    return np.column_stack(
        [
            _shape(layout, pairs, at),
            np.minimum(counted[at.right] - counted[at.between], 2),
            np.minimum(counted[at.left] - counted[at.before], 1),
            np.minimum(counted[at.stop] - counted[at.after], 1),
            np.minimum(counted[at.closing] - counted[at.opening], 1),
        ]
    ).astype(np.float64)


def _shape(layout: Layout, pairs: Pairs, at: Spans) -> Floats:
    distance = (at.right - at.between).astype(np.float64)
    near = np.log1p(distance)
    classes = layout.classes[layout.concept]
    passed = np.zeros((len(classes) + 1, len(_CLASSES)), np.int64)
    np.cumsum(classes[:, None] == _CLASSES, axis=0, out=passed[1:])
    between = np.log1p(np.maximum(passed[pairs.right] - passed[pairs.left + 1], 0))
    first, second = classes[pairs.left], classes[pairs.right]
    sentence = layout.sentence[pairs.left]
    crowd = np.bincount(layout.sentence, minlength=layout.sentences)[sentence]
    turned = (first > second).astype(np.float64)
    kind = np.eye(len(PAIRED))[pairs.kind[pairs.pair]]
    return np.column_stack(
        [
            near, distance <= 1, distance <= 3, distance > 15, distance > 30,  # noqa: PLR2004 - steps along a sentence
            np.log1p(pairs.right - pairs.left - 1), between, (second[:, None] == _CLASSES) * between,
            np.log1p(crowd), np.log1p(at.closing - at.opening), (sentence == 0) & layout.titled,
            sentence == layout.sentences - 1, sentence / max(1, layout.sentences), turned,
            kind, kind * near[:, None], kind * turned[:, None],
        ]
    )  # fmt: skip
