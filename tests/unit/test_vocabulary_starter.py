"""The starter vocabulary, held against the dictionaries that its identifiers come from."""

import csv
import gzip
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.hierarchy import circular
from cmo.vocabulary.merge import IDENTIFYING, curies
from cmo.vocabulary.names import SHORT, Text, form
from cmo.vocabulary.starter import starter

DICTS = Path(__file__).parents[3] / "shared" / "data" / "dicts"
ON_CI = "CI" in os.environ  # noqa: TID251 - no setting of ours
with_dicts = pytest.mark.skipif(not DICTS.exists() and not ON_CI, reason="the shared dictionaries are absent")

KNOWN_OTHERWISE = {
    "HMDB:HMDB0000925": "TMAO: Human-GEM names no HMDB entry for it, papers do",
}
UNVERIFIABLE = {
    "CMO": "our own: no dictionary has a concept of this name",
    "NCBITAXON": "the dictionaries hold no taxonomy; these are the numbers of NCBI Taxonomy",
    "GOSLIN": "not an identifier but the shorthand itself; checked against the list of classes instead",
}
AMBIGUOUS = 5
"""Abbreviations of up to this many characters may stand for two things: PC, ALA, TCA."""
FOLDED_ALIKE = {
    form(
        "N(omega),N'(omega)-dimethyl-L-arginine"
    ): "symmetric or asymmetric: a prime decides, which folding leaves out",
    form("3,3',5'-triiodo-L-thyronine"): "reverse or not: a prime again",
}
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ω": "omega"}
_ION = re.compile(r"\(\d[+-]\)$| zwitterion$")


@pytest.fixture(scope="module")
def names() -> Mapping[str, set[str]]:
    """The names of every identifier that a dictionary has, comparable."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for curie, name in [*_chebi(), *_mesh(), *_human_gem(), *_genes(), *_diseases(), *_pathways()]:
        found[curie].add(comparable(name))
    return found


@pytest.fixture(scope="module")
def named() -> Mapping[str, list[Concept]]:
    """Concepts by their names, folded."""
    found: defaultdict[str, list[Concept]] = defaultdict(list)
    for concept in starter():
        for name in (concept.name, *concept.synonyms):
            found[as_compared(name)].append(concept)
    return found


def test_there_is_enough_of_every_kind() -> None:
    count = {kind: sum(c.kind is kind for c in starter()) for kind in Kind}
    assert len(starter()) >= 1_200
    assert min(count[kind] for kind in Kind if kind is not Kind.OTHER) >= 50


def test_each_id_and_each_identifier_belongs_to_one_concept() -> None:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for concept in starter():
        for curie in curies(concept):
            owners[curie].append(concept.name)
    assert {curie: found for curie, found in owners.items() if len(found) > 1} == {}


def test_parents_are_concepts_of_it_and_never_lead_back() -> None:
    ids = {c.id for c in starter()}
    assert [(c.name, p) for c in starter() for p in c.parents if p not in ids] == []
    assert circular({c.id: c.parents for c in starter()}) == []


def test_no_name_but_a_short_one_stands_for_two_concepts(named: Mapping[str, list[Concept]]) -> None:
    owners = {folded: {c.name for c in concepts} for folded, concepts in named.items()}
    assert {
        n: found for n, found in owners.items() if len(found) > 1 and len(n) > AMBIGUOUS and n not in FOLDED_ALIKE
    } == {}


def test_every_name_can_be_found_and_none_is_told_twice(named: Mapping[str, list[Concept]]) -> None:
    assert "" not in named
    assert [n for n, found in named.items() if len({c.id for c in found}) < len(found)] == []


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("TMAO", "CHEBI:15724"), ("BCAA", "CHEBI:22918"), ("Kyn", "HMDB:HMDB0000684"), ("PKU", "DOID:9281"),
        ("T2D", "DOID:9352"), ("LysoPC", "GOSLIN:LPC"), ("lactic acid", "CHEBI:422"), ("lactate", "CHEBI:16651"),
        ("hyperglycaemia", "DOID:4195"), ("FMO3", "ENSEMBL:ENSG00000007933"), ("TCA cycle", "REACTOME:R-HSA-71403"),
        ("mice", "NCBITAXON:10090"), ("serum", "UBERON:0001977"), ("metformin", "CHEBI:6801"),
    ],
)  # fmt: skip
def test_what_papers_write_leads_to_the_right_identifier(
    named: Mapping[str, list[Concept]], name: str, identifier: str
) -> None:
    assert [c.name for c in named[as_compared(name)] if identifier in set(curies(c))] != []


@with_dicts
def test_every_identifier_is_that_of_a_thing_of_this_name(names: Mapping[str, set[str]]) -> None:
    wrong = [
        (concept.name, curie)
        for concept in starter()
        for curie in all_curies(concept)
        if curie.partition(":")[0] not in UNVERIFIABLE
        and curie not in KNOWN_OTHERWISE
        and not names.get(curie, set()) & {comparable(n) for n in (concept.name, *concept.synonyms)}
    ]
    assert wrong == []


@with_dicts
def test_every_class_of_lipids_is_one_that_goslin_knows() -> None:
    with (DICTS / "goslin_lipids" / "lipid-list.csv").open(encoding="utf-8") as file:
        classes = {row[0] for row in csv.reader(file)}
    assert {v for c in starter() for v in c.xrefs.get("GOSLIN", ())} - classes == set()


def test_what_cannot_be_verified_is_of_the_kinds_that_no_dictionary_has() -> None:
    ours = {c.kind for c in starter() if c.id.startswith("CMO:")}
    assert Kind.METHOD in ours
    assert (
        sum(c.id.startswith("CMO:") for c in starter() if c.kind in {Kind.METABOLITE, Kind.LIPID, Kind.DISEASE}) < 120
    )
    assert {c.kind for c in starter() if c.id.startswith("NCBITAXON:")} == {Kind.ORGANISM}


def all_curies(concept: Concept) -> Iterator[str]:
    yield from curies(concept)
    yield from (f"{k}:{v}" for k, values in concept.xrefs.items() if k not in IDENTIFYING for v in values)


def as_compared(name: str) -> str:
    folded = form(name)
    return folded if len(folded) > SHORT else Text.of(name).plain(0, -1)


def comparable(name: str) -> str:
    """An ion, a zwitterion and an acid by one name."""
    plain = _ION.sub("", name).casefold()
    for letter, spelled in _GREEK.items():
        plain = plain.replace(letter, spelled)
    plain = re.sub(r"[\W_]|s\b", "", plain).replace("oestr", "estr")
    return re.sub(r"icacid$", "ate", plain)


def rows(name: str) -> Iterator[dict[str, str]]:
    path = DICTS / name
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else path.open(encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t")


def lines(name: str) -> Iterator[list[str]]:
    path = DICTS / name
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else path.open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def _chebi() -> Iterator[tuple[str, str]]:
    for name, curie in lines("chebi_names/name_to_chebi.tsv.gz"):
        yield curie, re.sub(r"\\([{}])", r"\1", name)


def _mesh() -> Iterator[tuple[str, str]]:
    for _, mesh, name, source, target, target_name in lines("chebi_names/mesh_mappings.tsv.gz"):
        curie = target if ":" in target else f"{'UNIPROT' if source == 'UP' else source}:{target}"
        for known in (f"MESH:{mesh}", curie):
            yield known, name
            yield known, target_name


def _human_gem() -> Iterator[tuple[str, str]]:
    for row in rows("human_gem/metabolite_names.tsv"):
        yield f"HUMANGEM:{row['id']}", row["name"]
        for source in ("hmdb", "kegg", "chebi", "lipidmaps", "inchikey"):
            for value in row[source].split(";"):
                yield value.strip() if source == "chebi" else f"{source.upper()}:{value.strip()}", row["name"]
    for row in rows("human_gem/reactions_named.tsv.gz"):
        yield "HUMANGEM:" + re.sub(r"[^a-z0-9]+", "-", row["subsystem"].lower()).strip("-"), row["subsystem"]


def _genes() -> Iterator[tuple[str, str]]:
    for row in rows("human_gem/genes.tsv.gz"):
        for name in (row["geneSymbols"], row["geneNames"]):
            yield f"ENSEMBL:{row['genes']}", name
            yield f"UNIPROT:{row['geneUniProtID']}", name
            yield f"NCBIGENE:{row['geneEntrezID'].split(';')[0]}", name


def _diseases() -> Iterator[tuple[str, str]]:
    for row in rows("disease_ontology/HumanDO.tsv.gz"):
        yield row["id"], row["label"]
    for file in ("MESHinDO", "OMIMinDO"):
        for row in rows(f"disease_ontology/{file}.tsv.gz"):
            for xref in row["xrefs"].split(", "):
                yield xref, row["label"]


def _pathways() -> Iterator[tuple[str, str]]:
    for row in rows("pathways/reactome_human_pathway_chebi.tsv"):
        yield f"REACTOME:{row['pathway_id']}", row["pathway_name"]
    for first, *_ in lines("pathways/wikipathways-20220610-gmt-Homo_sapiens.gmt"):
        name, _, identifier, _ = first.split("%")
        yield f"WIKIPATHWAYS:{identifier}", name
