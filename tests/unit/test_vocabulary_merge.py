"""Concepts that are one thing become one, and nothing else does."""

import pytest

from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.finding import find
from cmo.vocabulary.hierarchy import circular
from cmo.vocabulary.merge import Merged, Vocabulary, merge

LACTATE = Concept(
    "CHEBI:422",
    "L-lactic acid",
    Kind.METABOLITE,
    ("lactate",),
    {"CHEBI": ("16651",), "KEGG": ("C00186",)},
    ("CMO:acid",),
)
ACID = Concept("CMO:acid", "organic acid", Kind.METABOLITE)


def metabolite(identifier: str, name: str, *parents: str, **xrefs: str) -> Concept:
    listed = {source: (value,) for source, value in xrefs.items()}
    return Concept(identifier, name, Kind.METABOLITE, xrefs=listed, parents=parents)


def merged(*vocabularies: list[Concept], edges: tuple[CuratedEdge, ...] = ()) -> Merged:
    named = [Vocabulary(f"v{n}", concepts) for n, concepts in enumerate(vocabularies)]
    return merge([*named, Vocabulary("edges", (), edges)])


def ids(found: Merged) -> list[str]:
    return [c.id for c in found.concepts]


def test_the_most_trusted_name_and_id_win_and_all_names_stay() -> None:
    found = merged([LACTATE, ACID], [metabolite("CHEBI:422", "(S)-lactic acid", CAS="79-33-4")])
    assert ids(found) == ["CHEBI:422", "CMO:acid"]
    one = found.concepts[0]
    assert (one.name, one.synonyms) == ("L-lactic acid", ("lactate", "(S)-lactic acid"))
    assert one.xrefs == {"CHEBI": ("16651",), "KEGG": ("C00186",), "CAS": ("79-33-4",)}


def test_acid_and_anion_become_one_where_a_trusted_vocabulary_lists_both() -> None:
    apart = [metabolite("CHEBI:422", "(S)-lactic acid"), metabolite("CHEBI:16651", "(S)-lactate")]
    assert ids(merged(apart)) == ["CHEBI:422", "CHEBI:16651"]
    found = merged([LACTATE, ACID], apart)
    assert ids(found) == ["CHEBI:422", "CMO:acid"]
    assert found.concepts[0].xrefs["CHEBI"] == ("16651",)
    assert found.counts == {}


def test_a_less_trusted_vocabulary_cannot_join_what_a_trusted_one_keeps_apart() -> None:
    apart = [metabolite("CHEBI:1", "one", KEGG="C1"), metabolite("CHEBI:2", "two", HMDB="H2")]
    found = merged(apart, [metabolite("HUMANGEM:x", "both?", KEGG="C1", HMDB="H2")])
    assert ids(found) == ["CHEBI:1", "CHEBI:2"]
    assert found.concepts[0].synonyms == ("both?",)
    assert found.counts == {"kept apart": 1}


def test_a_less_trusted_vocabulary_cannot_do_so_by_listing_their_ids_either() -> None:
    apart = [metabolite("CHEBI:1", "one"), metabolite("CHEBI:2", "two")]
    both = Concept("HUMANGEM:x", "both?", Kind.METABOLITE, xrefs={"CHEBI": ("1", "2")})
    found = merged(apart, [both])
    assert ids(found) == ["CHEBI:1", "CHEBI:2"]
    assert found.counts == {"kept apart": 1}


def test_two_concepts_of_a_less_trusted_vocabulary_do_not_meet_in_a_trusted_one() -> None:
    found = merged(
        [metabolite("CHEBI:1", "one", KEGG="C1", HMDB="H1")],
        [metabolite("HUMANGEM:a", "a", KEGG="C1"), metabolite("HUMANGEM:b", "b", HMDB="H1")],
    )
    assert ids(found) == ["CHEBI:1", "HUMANGEM:b"]
    assert found.concepts[0].xrefs["HUMANGEM"] == ("a",)
    assert found.counts == {"kept apart": 1}


def test_what_became_one_is_not_its_own_parent() -> None:
    found = merged([LACTATE, ACID], [metabolite("CHEBI:422", "acid"), metabolite("CHEBI:16651", "anion", "CHEBI:422")])
    assert found.concepts[0].parents == ("CMO:acid",)
    assert found.counts == {}


def test_an_identifier_that_two_concepts_of_one_vocabulary_share_joins_nothing() -> None:
    found = merged(
        [metabolite("CHEBI:35366", "fatty acid")],
        [metabolite("HUMANGEM:a", "a pool", CHEBI="35366"), metabolite("HUMANGEM:b", "another", CHEBI="35366")],
    )
    assert ids(found) == ["CHEBI:35366", "HUMANGEM:a", "HUMANGEM:b"]
    assert found.counts == {"shared within a vocabulary": 1}


def test_an_identifier_that_means_no_one_thing_joins_nothing() -> None:
    assert len(merged([metabolite("CHEBI:1", "a", MESH="D1")], [metabolite("CHEBI:2", "b", MESH="D1")]).concepts) == 2


def test_identifiers_that_both_list_join_whatever_the_order_of_their_sources() -> None:
    one = metabolite("CHEBI:1", "a", INCHIKEY="K", KEGG="C1")
    assert ids(merged([one], [metabolite("HUMANGEM:x", "b", KEGG="C1")])) == ["CHEBI:1"]
    assert ids(merged([one], [metabolite("KEGG:C1", "b")], [metabolite("LIPIDMAPS:L", "c", INCHIKEY="K")])) == [
        "CHEBI:1"
    ]


def test_things_of_different_kinds_stay_two() -> None:
    gene = Concept("HGNC:1", "a gene", Kind.GENE, xrefs={"CHEBI": ("1",)})
    drug = Concept("CMO:drug", "a drug", Kind.DRUG, xrefs={"CHEBI": ("1",)})
    assert merged([metabolite("CHEBI:1", "a")], [gene]).counts == {"kinds differ": 1}
    assert ids(merged([metabolite("CHEBI:1", "a")], [drug])) == ["CHEBI:1"]
    other = Concept("CMO:x", "x", Kind.OTHER, xrefs={"CHEBI": ("1",)})
    assert [c.kind for c in merged([other], [metabolite("CHEBI:1", "a")]).concepts] == [Kind.METABOLITE]


def test_an_ambiguous_name_stays_on_both() -> None:
    found = merged(
        [Concept("CHEBI:1", "a", Kind.METABOLITE, ("ALA",))], [Concept("CHEBI:2", "b", Kind.METABOLITE, ("ALA",))]
    )
    assert [c.synonyms for c in found.concepts] == [("ALA",), ("ALA",)]


def test_parents_follow_their_concepts_and_unknown_ones_go() -> None:
    found = merged([LACTATE, ACID], [metabolite("CHEBI:7", "salt", "CHEBI:16651", "CHEBI:404")])
    assert found.concepts[-1].parents == ("CHEBI:422",)
    assert found.counts == {"unknown parent": 1}


def test_a_circle_that_only_two_vocabularies_together_close_is_opened() -> None:
    found = merged([metabolite("CHEBI:1", "a", "CHEBI:2")], [metabolite("CHEBI:2", "b", "CHEBI:1")])
    assert [c.parents for c in found.concepts] == [("CHEBI:2",), ()]
    assert found.counts == {"cycle": 1}


def test_a_hierarchy_deeper_than_the_stack_is_no_problem() -> None:
    deep = {str(n): (str(n + 1),) for n in range(50_000)}
    assert circular(deep) == []
    assert circular({**deep, "50000": ("0",)}) == [("50000", "0")]


def test_edges_lead_between_what_the_concepts_became() -> None:
    def edge(subject: str, aim: str) -> CuratedEdge:
        return CuratedEdge(subject, aim, RelationType.PART_OF_PATHWAY, "Reactome", "R-HSA-1")

    pathway = Concept("REACTOME:R-HSA-1", "a pathway", Kind.PATHWAY)
    edges = (edge("CHEBI:16651", pathway.id), edge("KEGG:C00186", pathway.id), edge("CHEBI:404", pathway.id))
    found = merged([LACTATE, ACID, pathway], edges=(*edges, edge("CHEBI:422", "CHEBI:16651")))
    assert found.edges == (edge("CHEBI:422", "REACTOME:R-HSA-1"),)
    assert found.counts == {"unknown end": 1}


def test_merging_is_the_same_every_time() -> None:
    apart = [metabolite("CHEBI:422", "(S)-lactic acid"), metabolite("CHEBI:16651", "(S)-lactate")]
    assert merged([LACTATE, ACID], apart) == merged([LACTATE, ACID], apart)


@pytest.mark.parametrize(
    "wanted", ["CHEBI:422", "chebi:16651", "C00186", "KEGG:C00186", "Lactate", " l-lactic  acids "]
)
def test_a_concept_is_found_by_id_identifier_or_name(wanted: str) -> None:
    assert find((ACID, LACTATE), wanted) == (LACTATE,)


@pytest.mark.parametrize("wanted", ["", "lact", "CHEBI:4", "…"])
def test_what_nobody_is_called_finds_nothing(wanted: str) -> None:
    assert find((ACID, LACTATE), wanted) == ()


def test_namesakes_of_one_kind_are_one_in_whatever_way_the_name_is_set() -> None:
    found = merged(
        [metabolite("CHEBI:70819", "isovalerylcarnitine")], [metabolite("HUMANGEM:a", "Isovaleryl Carnitine")]
    )
    assert ids(found) == ["CHEBI:70819"]
    assert found.concepts[0].xrefs == {"HUMANGEM": ("a",)}
    disease = Concept("DOID:1", "Isovaleryl-carnitine", Kind.DISEASE)
    assert len(merged([metabolite("CHEBI:70819", "isovalerylcarnitine")], [disease]).concepts) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [("(+)-carvone", "(-)-carvone"), ("1,2-diol", "12-diol"), ("NAD", "NAD+"), ("phenol", "phenols"), ("a", "b")],
)
def test_names_that_mean_different_things_join_nothing(one: str, other: str) -> None:
    assert len(merged([metabolite("CHEBI:1", one)], [metabolite("CHEBI:2", other)]).concepts) == 2


def test_a_name_that_one_vocabulary_has_twice_joins_nothing() -> None:
    twice = [metabolite("CHEBI:1", "dextrin"), metabolite("CHEBI:2", "Dextrin")]
    assert ids(merged(twice, [metabolite("HUMANGEM:a", "dextrin")])) == ["CHEBI:1", "CHEBI:2", "HUMANGEM:a"]


def test_a_name_joins_no_two_structures() -> None:
    one = metabolite("CHEBI:1", "a", INCHIKEY="AAAAAAAAAAAAAA-UHFFFAOYSA-N")
    isomer = metabolite("HUMANGEM:a", "A", INCHIKEY="AAAAAAAAAAAAAA-OTHERXYZSA-M")
    other = metabolite("HUMANGEM:b", "A", INCHIKEY="BBBBBBBBBBBBBB-UHFFFAOYSA-N")
    assert ids(merged([one], [isomer])) == ["CHEBI:1"]
    assert ids(merged([one], [other])) == ["CHEBI:1", "HUMANGEM:b"]


def test_what_stays_two_although_it_shares_an_identifier_is_told_with_whose_it_is() -> None:
    ours = Concept("LAB:1", "our panel", Kind.METHOD, xrefs={"CHEBI": ("1",)})
    (pair,) = merged([metabolite("CHEBI:1", "a")], [ours]).apart
    assert (pair.why, pair.vocabularies) == ("kinds differ", ("v1", "v0"))
    assert str(pair) == (
        "kinds differ: LAB:1 'our panel' (method, of v1) and CHEBI:1 'a' (metabolite, of v0) "
        "share an identifier and stay two"
    )
