"""A question's way through the knowledge graph.

::

    question --names--> seeds --spread, at most so many hops--> nodes --mentioning--> rows
                                                                   |
                                     relations around and between the seeds --> statements

Seeds weigh by how sure their link is and how rare the concept is; hubs pass nothing on (the graph sees to it). What
the question asks for (a gene, a pathway) weighs more among the nodes that the spread reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cmo.model.evidence import FloatArray
from cmo.model.graph import Edge, Node
from cmo.model.hits import Hits
from cmo.model.ports import Graph, Linker
from cmo.model.questions import Mode, Question
from cmo.retrieve.intent import Intent, intent
from cmo.retrieve.leads import Lead, leads
from cmo.retrieve.seeds import Seed, seeds

_ASKED = 2.0
"""How much more a node of a kind that is asked for counts."""
_LEADS, _STATED = 24, 6
"""Leads that are followed up, and statements of each of their relations."""
_FEW = 2
"""Concepts in a question from which it relates them, whatever its words."""


@dataclass(frozen=True)
class Walk:
    """Where a question's concepts lead."""

    graph: Graph
    seeds: tuple[Node, ...]
    misread: tuple[tuple[str, str], ...]
    """Misspelled names of the question, and what each was taken for."""
    intent: Intent
    hops: int
    nodes: NDArray[np.int64]
    """Nodes reached, seeds included."""
    scores: FloatArray
    """One a node."""

    def rows(self, limit: int) -> Hits:
        """Passages that mention what was reached."""
        return self.graph.mentioning(self.nodes, self.scores, limit)

    def stating(self, limit: int) -> Hits:
        """Passages that state the relations around the seeds."""
        best: dict[int, float] = {}
        for edge in self.edges:
            for fact in self.graph.facts(edge, _STATED):
                if fact.row >= 0:
                    best[fact.row] = max(best.get(fact.row, 0.0), edge.probability * fact.probability)
        ranked = sorted(best.items(), key=lambda entry: -entry[1])[:limit]
        return Hits(
            np.array([row for row, _ in ranked], np.int64), np.array([score for _, score in ranked], np.float32)
        )

    @cached_property
    def leads(self) -> list[Lead]:
        """Relations around and between the seeds that may be what is asked, best first."""
        return sorted(leads(self), key=lambda lead: lead.worth, reverse=True)[:_LEADS]

    @property
    def edges(self) -> list[Edge]:
        """The relations of all leads, best first, each once."""
        return list(dict.fromkeys(edge for lead in self.leads for edge in lead.edges))


def walk(
    graph: Graph | None, linker: Linker | None, question: Question, hops: int, prints: Callable[[str], bool]
) -> Walk | None:
    """Follow a question's concepts; None where the graph is not called for, or knows none of them.

    Args:
        graph: of the papers; None where there is none.
        linker: names to concepts.
        question: as it is asked.
        hops: how many relations are followed.
        prints: whether papers have each word of a name, which then is not misspelled.
    """
    if graph is None or linker is None or question.mode is Mode.NAIVE:
        return None
    named = seeds(graph, linker, question.text, prints)
    wanted = intent(question.text)
    if not named or not _called_for(question.mode, wanted, named):
        return None
    named = _asked_of(named, wanted)
    weights = np.array([seed.confidence / math.log(2 + seed.node.papers) for seed in named], np.float32)
    nodes, scores = _reached(graph, np.array([seed.node.number for seed in named], np.int64), weights, hops)
    return Walk(
        graph,
        tuple(seed.node for seed in named),
        tuple((seed.printed, seed.read_as) for seed in named if seed.read_as),
        wanted,
        hops,
        nodes,
        _weighed(graph, nodes, scores, wanted),
    )


def _called_for(mode: Mode, wanted: Intent, named: Sequence[Seed]) -> bool:
    """Hybrid takes the graph where a question relates concepts, or misspells one, so that its words are in no paper.

    The other modes ask for it themselves.
    """
    return mode is not Mode.HYBRID or len(named) >= _FEW or wanted.relates or any(seed.read_as for seed in named)


def _asked_of(named: tuple[Seed, ...], wanted: Intent) -> tuple[Seed, ...]:
    """What a question is about, without the class of what it asks for: in "which amino acids are raised in X" that is X."""
    return tuple(seed for seed in named if seed.printed.casefold() not in wanted.words) or named


def _reached(
    graph: Graph, seeds: NDArray[np.int64], weights: FloatArray, hops: int
) -> tuple[NDArray[np.int64], FloatArray]:
    if hops == 0:
        return seeds, weights
    nodes = graph.within(seeds, hops)
    return nodes, graph.spread(seeds, weights, hops)[nodes]


def _weighed(graph: Graph, nodes: NDArray[np.int64], scores: FloatArray, wanted: Intent) -> FloatArray:
    if not wanted.kinds:
        return scores
    asked = np.array([graph.node(int(number)).kind in wanted.kinds for number in nodes], np.bool_)
    weighed: FloatArray = np.where(asked, _ASKED * scores, scores).astype(np.float32)
    return weighed
