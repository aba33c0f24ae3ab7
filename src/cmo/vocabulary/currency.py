"""What takes part in everything and tells nothing: water, energy, electrons and groups that reactions pass on.

Of what vocabularies state, two things are left out: that such a carrier belongs to a pathway (ATP is in 752 of
Reactome's), and that one carrier becomes another (ATP to ADP). Its own making and breaking stays: nicotinamide to NAD+.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType

MOST_PATHWAYS: Final = 60
"""A chemical that vocabularies put into more pathways than this is in all of them."""
CARRIERS: Final = frozenset({
    "CHEBI:15377", "CHEBI:24636", "CHEBI:15378", "CHEBI:29235", "CHEBI:15379", "CHEBI:16526", "CHEBI:26020", "CHEBI:43474",
    "CHEBI:18361", "CHEBI:29888", "CHEBI:17544", "CHEBI:16240", "CHEBI:18421", "CHEBI:29101", "CHEBI:85264", "CHEBI:17996",
    "CHEBI:15422", "CHEBI:16761", "CHEBI:16027", "CHEBI:15996", "CHEBI:17552", "CHEBI:17345", "CHEBI:15713", "CHEBI:17659",
    "CHEBI:16695", "CHEBI:17677", "CHEBI:17239", "CHEBI:17361", "CHEBI:15846", "CHEBI:16908", "CHEBI:18009", "CHEBI:16474",
    "CHEBI:16238", "CHEBI:17877", "CHEBI:15346", "CHEBI:16389", "CHEBI:17976", "HUMANGEM:MAM00184",
})  # fmt: skip
"""Water, protons, hydrogen, oxygen, carbon dioxide, phosphates, diphosphates, bicarbonate, hydrogen peroxide, superoxide,
sodium, potassium, chloride; ATP, ADP, AMP, GTP, GDP, GMP, UTP, UDP, UMP, CTP, CDP, CMP; NAD+, NADH, NADP+, NADPH, FAD,
FADH2, coenzyme A, ubiquinone, ubiquinol, acyl carrier protein."""
_CHEMICALS: Final = frozenset({Kind.METABOLITE, Kind.LIPID, Kind.DRUG, Kind.OTHER})


def telling(concepts: Iterable[Concept], edges: Sequence[CuratedEdge]) -> Iterator[CuratedEdge]:
    """The edges that tell something of their ends."""
    concepts = list(concepts)
    carriers = {c.id for c in concepts if not CARRIERS.isdisjoint(_ids(c))}
    chemicals = {c.id for c in concepts if c.kind in _CHEMICALS}
    pathways = Counter(e.subject for e in edges if e.type is RelationType.PART_OF_PATHWAY)
    everywhere = {concept for concept, count in pathways.items() if count > MOST_PATHWAYS and concept in chemicals}
    everywhere |= carriers
    for edge in edges:
        member = edge.type is RelationType.PART_OF_PATHWAY and edge.subject in everywhere
        if not member and not {edge.subject, edge.object} <= carriers:
            yield edge


def _ids(concept: Concept) -> set[str]:
    return {concept.id, *(f"CHEBI:{number}" for number in concept.xrefs.get("CHEBI", ()))}
