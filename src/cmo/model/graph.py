"""The knowledge graph as retrieval and answers see it.

::

    Reading --recorded--> Fact (one statement of one paper, with its sentence)
                            |  aggregated over papers
                            v
    Node ------------------ Edge (support and conflict, never averaged)

Nodes are numbered within one snapshot; numbers mean nothing in another.
"""

from __future__ import annotations

from dataclasses import dataclass

from cmo.model.concepts import Kind, RelationType


@dataclass(frozen=True, slots=True)
class Node:
    """A concept in the graph of one snapshot."""

    number: int
    concept: str
    """Id of the concept."""
    name: str
    kind: Kind
    papers: int
    """How many papers mention it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of one paper, or one curated edge."""

    subject: int
    object: int
    """Numbers of nodes."""
    type: RelationType
    probability: float
    negated: bool
    hedged: bool
    row: int
    """Row of the passage that states it; -1 for a curated edge."""
    sentence: int
    """Index of its sentence within that passage; -1 for a curated edge."""
    paper: str
    """Id of the paper; empty for a curated edge."""
    context: tuple[int, ...]
    """Numbers of nodes that the sentence sets it in: specimens, organisms, methods."""
    source: str
    """The reader that found it, or the vocabulary that it comes from."""
    apart: bool = False
    """Its sentence names only one of the two, and is no quote for it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What all papers together say of one relation between two nodes."""

    subject: int
    object: int
    type: RelationType
    probability: float
    """That it holds, by the papers for it: 1 - prod(1 - .8 p), one p a paper."""
    papers_for: int
    papers_against: int
    """Papers that deny it, or state its opposite."""
    source: str
    """``papers``, or the vocabulary of a curated edge."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one node to another."""

    nodes: tuple[int, ...]
    probability: float
    """Product of its edges' probabilities."""
