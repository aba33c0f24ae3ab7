"""How two concepts of a question hang together where no paper relates them directly: the way over one or two others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cmo.model.concepts import Kind, Mention
from cmo.model.graph import Path
from cmo.model.ports import Graph

_ENDS: Final = 2
_HOPS: Final = 3
_LOOKED_AT: Final = 5
_OVER: Final = frozenset({Kind.METABOLITE, Kind.LIPID, Kind.GENE, Kind.PATHWAY})
"""What a way may lead over: that two things were both seen in plasma, or in one disease, relates nothing."""
_BETWEEN: Final = _OVER | {Kind.DISEASE, Kind.DRUG}


def chain(graph: Graph, mentions: Sequence[Mention]) -> list[str]:
    """The names along the surest way between the two concepts that are named; none for neighbours or other numbers of them."""
    numbers = graph.find([mention.concept for mention in mentions]).tolist()
    known = list(dict.fromkeys(number for number in numbers if number >= 0))
    ends = [number for number in known if graph.node(number).kind in _BETWEEN]
    if len(ends) != _ENDS:
        return []
    paths = graph.paths(ends[0], ends[1], _HOPS, _LOOKED_AT)
    if any(len(path.nodes) == _ENDS for path in paths):
        return []
    return next(([graph.node(n).name for n in path.nodes] for path in paths if _leads(graph, path)), [])


def _leads(graph: Graph, path: Path) -> bool:
    return all(graph.node(number).kind in _OVER for number in path.nodes[1:-1])
