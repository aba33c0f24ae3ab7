"""Which texts are, in large part, the same: public corpora mark one another's abstracts.

What is fitted on a text tells nothing when it is measured on it, even if the text came from another corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cmo.bench.annotated import Annotated

SHARED = 0.1
"""Texts that share more than this part of the shorter one's runs of `RUN` words are the same."""
RUN = 8
_WORD = re.compile(r"[a-z0-9]+")

Run = tuple[str, ...]


def runs(text: str) -> frozenset[Run]:
    """All runs of `RUN` words."""
    words = _WORD.findall(text.lower())
    return frozenset(tuple(words[n : n + RUN]) for n in range(len(words) - RUN + 1))


def unlike(texts: Sequence[Annotated], others: Iterable[Annotated]) -> list[bool]:
    """For each text, whether none of the others is the same."""
    places: dict[Run, set[int]] = {}
    sizes = []
    for number, other in enumerate(others):
        found = runs(other.text)
        sizes.append(len(found))
        for run in found:
            places.setdefault(run, set()).add(number)
    return [_unlike(runs(text.text), places, sizes) for text in texts]


def _unlike(mine: frozenset[Run], places: dict[Run, set[int]], sizes: Sequence[int]) -> bool:
    shared: dict[int, int] = {}
    for run in mine:
        for number in places.get(run, ()):
            shared[number] = shared.get(number, 0) + 1
    return all(count <= SHARED * min(len(mine), sizes[number]) for number, count in shared.items())
