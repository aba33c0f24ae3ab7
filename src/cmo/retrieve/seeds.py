"""The nodes that a question names.

::

    question --linker--> known concepts --graph--> nodes
             --identifiers--> the concepts that have them, under their names
             --guesses--> ids that only papers may know --graph--> nodes, where nothing known stands

A name that stands in papers as it is asked for is preferred to what it might be a misspelling of; and what is printed
in papers at all (a cytokine, which is near cytosine) is no misspelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cmo.model.concepts import Guess, Mention
from cmo.model.graph import Node
from cmo.model.ports import Graph, Linker
from cmo.retrieve.lean import IDENTIFIER

_SURE: Final = 1.0
_GUESSED: Final = 0.5
"""Confidence that a name of a question is what papers call by it: nothing was learned about it."""
_PARTS: Final = re.compile(r"\w{3,}")
_OLD_HMDB: Final = re.compile(r"^HMDB(\d{5})$", re.IGNORECASE)
"""As it was written before 2017, without two zeros."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A node that a question names."""

    node: Node
    confidence: float
    """The best of its mentions."""
    printed: str
    """As the question has it."""
    read_as: str
    """What that was taken for where it is misspelled, or an identifier that no paper prints; else empty."""


def seeds(graph: Graph, linker: Linker, text: str, prints: Callable[[str], bool]) -> tuple[Seed, ...]:
    """The nodes of a question, each once, in the order in which it names them.

    Args:
        graph: of the papers.
        linker: names to concepts.
        text: the question.
        prints: whether papers have each word of a name.
    """
    linked = linker.link_question(text)
    known = _there(graph, [m for m in linked if not (m.read_as and prints(text[m.start : m.end]))])
    guessed = _guessed(graph, linker.guesses(text))
    named = _there(graph, list(_identified(linker, text, prints)))
    exact = _apart([m for m in known if not m[0].read_as], named)
    sure = [*named, *(_as_papers_call_it(mention, node, text, prints) for mention, node in exact)]
    own = list(_apart(guessed, sure))
    forgiven = _apart([m for m in known if m[0].read_as], own)
    found: dict[int, Seed] = {}
    for mention, node in sorted([*sure, *own, *forgiven], key=lambda one: one[0].start):
        seed = found.get(node.number)
        if seed is None or mention.confidence > seed.confidence:
            printed = text[mention.start : mention.end]
            found[node.number] = Seed(node, mention.confidence, printed, mention.read_as)
    return tuple(found.values())


def _identified(linker: Linker, text: str, prints: Callable[[str], bool]) -> Iterator[Mention]:
    """Concepts that a question names by an identifier: read as their name where no paper prints that."""
    for found in IDENTIFIER.finditer(text):
        concept = linker.concept(_OLD_HMDB.sub(r"HMDB00\1", found.group()))
        if concept is not None:
            read_as = "" if prints(found.group()) else concept.name
            yield Mention(found.start(), found.end(), concept.id, concept.kind, _SURE, read_as)


def _as_papers_call_it(mention: Mention, node: Node, text: str, prints: Callable[[str], bool]) -> tuple[Mention, Node]:
    """A mention whose name no paper prints is read as the one that they do."""
    printed = text[mention.start : mention.end]
    if printed.casefold() == node.name.casefold() or prints(printed) or not any(map(prints, _PARTS.findall(node.name))):
        return mention, node
    return replace(mention, read_as=node.name), node


def _there(graph: Graph, mentions: Sequence[Mention]) -> list[tuple[Mention, Node]]:
    """Those whose concept the graph has."""
    if not mentions:
        return []
    numbers = graph.find([m.concept for m in mentions]).tolist()
    return [(m, graph.node(number)) for m, number in zip(mentions, numbers, strict=True) if number >= 0]


def _guessed(graph: Graph, guesses: Sequence[Guess]) -> list[tuple[Mention, Node]]:
    """The few of the guesses that the graph has."""
    if not guesses:
        return []
    found = graph.find([g.concept for g in guesses])
    there = [(guesses[n], graph.node(int(found[n]))) for n in np.flatnonzero(found >= 0).tolist()]
    return [(Mention(g.start, g.end, g.concept, g.kind, _GUESSED), node) for g, node in there]


def _apart(
    found: Iterable[tuple[Mention, Node]], taken: Sequence[tuple[Mention, Node]]
) -> Iterable[tuple[Mention, Node]]:
    """Those that overlap nothing that is taken: the longest, of one span what most papers name."""
    spans = [(m.start, m.end) for m, _ in taken]
    for mention, node in sorted(found, key=lambda one: (one[0].start - one[0].end, -one[1].papers)):
        if all(mention.end <= start or end <= mention.start for start, end in spans):
            spans.append((mention.start, mention.end))
            yield mention, node
