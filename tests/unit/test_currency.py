"""What vocabularies state of carriers is left out where it tells nothing, and kept where it is their own making."""

from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.currency import CARRIERS, MOST_PATHWAYS, telling
from cmo.vocabulary.starter import starter

ATP, ADP = Concept("CHEBI:15422", "ATP", Kind.METABOLITE), Concept("CHEBI:16761", "ADP", Kind.METABOLITE)
NAD = Concept("HMDB:HMDB0000902", "NAD+", Kind.METABOLITE, xrefs={"CHEBI": ("15846",)})
NIACIN = Concept("CHEBI:15940", "nicotinic acid", Kind.METABOLITE)
ZINC, AKT = Concept("CHEBI:29105", "zinc", Kind.METABOLITE), Concept("HGNC:391", "AKT1", Kind.GENE)
CITRATE = Concept("CHEBI:30769", "citric acid", Kind.METABOLITE)
CONCEPTS = (ATP, ADP, NAD, NIACIN, ZINC, AKT, CITRATE)


def converted(one: Concept, other: Concept) -> CuratedEdge:
    return CuratedEdge(one.id, other.id, RelationType.CONVERTED_TO, "Human-GEM", "MAR1")


def member(one: Concept, pathway: int = 1) -> CuratedEdge:
    return CuratedEdge(one.id, f"REACTOME:{pathway}", RelationType.PART_OF_PATHWAY, "Reactome", str(pathway))


def kept(*edges: CuratedEdge) -> list[CuratedEdge]:
    return list(telling(CONCEPTS, edges))


def test_that_a_carrier_belongs_to_a_pathway_tells_nothing() -> None:
    assert kept(member(ATP), member(NAD), member(CITRATE)) == [member(CITRATE)]


def test_a_pair_of_carriers_tells_nothing_and_the_making_of_one_does() -> None:
    assert kept(converted(ATP, ADP), converted(NIACIN, NAD)) == [converted(NIACIN, NAD)]


def test_a_chemical_of_very_many_pathways_is_in_none_and_a_gene_is_in_all() -> None:
    many = [member(thing, n) for thing in (ZINC, AKT) for n in range(MOST_PATHWAYS + 1)]
    assert {edge.subject for edge in kept(*many)} == {AKT.id}
    assert len(kept(*many[1 : MOST_PATHWAYS + 1])) == MOST_PATHWAYS


def test_the_carriers_are_those_that_the_starter_vocabulary_calls_so() -> None:
    names = {c.name for c in starter() if c.id in CARRIERS}
    assert {"water", "ATP", "ADP", "NADH", "NAD+", "NADPH", "coenzyme A", "carbon dioxide", "oxygen"} <= names
    assert not names & {"D-glucose", "citric acid", "acetyl-CoA", "ammonia", "S-adenosyl-L-methionine", "calcium"}
