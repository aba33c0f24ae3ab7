"""Lists that belong together item by item: "A and B were raised in X and Y, respectively" says nothing of A in Y.

::

    terms --names with nothing but commas, and, or between them--> lists --two of one length before "respectively"-->
    mentions that meet crosswise
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from cmo.relate.layout import Layout

Crossed = frozenset[tuple[int, int]]
"""Numbers of two mentions, the first of them first, that a sentence lists side by side and does not relate."""
_RESPECTIVELY: Final = "respectively"
_JOINTS: Final = frozenset({",", "and", "or", "&", "/", ";", "both", "the", "in", "with", "of", "for", "(", ")", "by"})
_JOINED: Final = frozenset({",", "and", "or", "&", "/", ";"})
_PARTING: Final = frozenset(
    {"was", "were", "is", "are", "had", "has", "have", "showed", "but", "while", "whereas", "than"}
)
"""Words between two items that make them no list."""
_WORDS: Final = 3
"""Words between two items that still make a list, such as "patients with"."""


def crossing(layout: Layout) -> Crossed:
    """All of a window."""
    if _RESPECTIVELY not in layout.terms:
        return frozenset()
    return frozenset(pair for sentence in range(layout.sentences) for pair in _of_sentence(layout, sentence))


def _of_sentence(layout: Layout, sentence: int) -> Iterator[tuple[int, int]]:
    opening, closing = layout.bounds[sentence : sentence + 2].tolist()
    ends = [n for n in range(opening, closing) if layout.terms[n] == _RESPECTIVELY]
    mentions = np.flatnonzero(layout.sentence == sentence).tolist()
    lists = _lists(layout, mentions)
    for end in ends:
        before = [items for items in lists if int(layout.place[items[-1][-1]]) < end]
        if (pair := _matching(before)) is not None:
            yield from _crosswise(*pair)


def _lists(layout: Layout, mentions: Sequence[int]) -> list[list[list[int]]]:
    """Runs of names that only joints part; an item is a name with the same one in parentheses behind it."""
    runs: list[list[list[int]]] = []
    for number, mention in enumerate(mentions):
        if number and _same_item(layout, mentions[number - 1], mention):
            runs[-1][-1].append(mention)
        elif number and _joined(layout, mentions[number - 1], mention):
            runs[-1].append([mention])
        else:
            runs.append([[mention]])
    return [run for run in runs if len(run) > 1]


def _same_item(layout: Layout, one: int, other: int) -> bool:
    return layout.place[one] == layout.place[other] or (
        layout.concept[one] == layout.concept[other] and "(" in _between(layout, one, other)
    )


def _joined(layout: Layout, one: int, other: int) -> bool:
    between = _between(layout, one, other)
    words = [term for term in between if term not in _JOINTS]
    few = len(words) < _WORDS and _PARTING.isdisjoint(words) and all(word.isalpha() for word in words)
    return few and not _JOINED.isdisjoint(between)


def _between(layout: Layout, one: int, other: int) -> Sequence[str]:
    return layout.terms[int(layout.place[one]) + 1 : int(layout.place[other])]


def _matching(lists: Sequence[list[list[int]]]) -> tuple[list[list[int]], list[list[int]]] | None:
    """The last two lists of one length."""
    for late in reversed(range(len(lists))):
        for early in reversed(range(late)):
            if len(lists[early]) == len(lists[late]):
                return lists[early], lists[late]
    return None


def _crosswise(early: Sequence[list[int]], late: Sequence[list[int]]) -> Iterator[tuple[int, int]]:
    for n, one in enumerate(early):
        for k, other in enumerate(late):
            if n != k:
                yield from ((a, b) for a in one for b in other)
