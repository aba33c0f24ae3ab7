"""Which concepts of a window may be related, and where two of them meet in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cmo.relate.layout import CHEMICAL, DISEASE, GENE, OTHER, SETTING, Ints, Layout

PAIRED: Final = (
    (CHEMICAL, CHEMICAL), (CHEMICAL, GENE), (CHEMICAL, DISEASE), (CHEMICAL, OTHER),
    (GENE, GENE), (GENE, DISEASE), (DISEASE, OTHER), (OTHER, OTHER),
)  # fmt: skip
"""Classes that are judged together, as BioRED does (Luo et al., Briefings in Bioinformatics 2022), lower class first."""
MOST_PAIRS = 4_000
"""Pairs of one window beyond these are left out: those that are named late. A sentence that lists fifty metabolites
has 1,225; an abstract some seventy."""


def _table() -> Ints:
    table = np.full((SETTING + 1, SETTING + 1), -1, np.int64)
    for number, (a, b) in enumerate(PAIRED):
        table[a, b] = table[b, a] = number
    return table


_KIND = _table()


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of concepts that may be related, and their meetings."""

    i: Ints
    j: Ints
    """(pairs,): numbers of concepts; `i` is of the lower class, in a class of the one named first."""
    kind: Ints
    """(pairs,): places in `PAIRED`."""
    pair: Ints
    left: Ints
    right: Ints
    """(meetings,): the pair, and numbers of two mentions in one sentence, the first of them first; sorted by pair."""
    left_out: int
    """Pairs beyond `MOST_PAIRS`."""


def pairs(layout: Layout) -> Pairs:
    """All pairs of allowed classes, and all their meetings."""
    classes = layout.classes
    i, j = np.triu_indices(len(classes), 1)
    kind = _KIND[classes[i], classes[j]]
    kept = np.flatnonzero(kind >= 0)
    left_out = max(0, len(kept) - MOST_PAIRS)
    if left_out:
        kept = kept[np.argsort(j[kept], kind="stable")[:MOST_PAIRS]]
    i, j, kind = i[kept], j[kept], kind[kept]
    turned = classes[i] > classes[j]
    i, j = np.where(turned, j, i), np.where(turned, i, j)
    number = np.full((len(classes), len(classes)), -1, np.int64)
    number[i, j] = number[j, i] = np.arange(len(i))
    left, right = np.nonzero(np.triu(layout.sentence[:, None] == layout.sentence[None, :], 1))
    pair = number[layout.concept[left], layout.concept[right]]
    met = np.flatnonzero(pair >= 0)
    met = met[np.argsort(pair[met], kind="stable")]
    return Pairs(i, j, kind, pair[met], left[met], right[met], left_out)
