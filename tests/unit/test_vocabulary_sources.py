"""Each reader on a small file of its format, and on files that are not what they claim."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from cmo.errors import NotFound, VocabularyError
from cmo.model.concepts import Concept, CuratedEdge, Kind, RelationType
from cmo.vocabulary.sources.catalog import catalog, source
from cmo.vocabulary.sources.human_gem_turnover import main_pairs
from cmo.vocabulary.sources.notes import KEPT, Notes, Problem
from cmo.vocabulary.sources.sift import Sifted, sift


def written(folder: Path, **files: str) -> Path:
    """Files named by keyword, ``__`` for a dot, ``..`` for ten spaces of nothing else."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return folder


def read(name: str, path: Path) -> tuple[Sifted, Notes]:
    notes = Notes()
    return sift(source(name).read(path, notes), notes, lambda _count: None), notes


def by_id(sifted: Sifted) -> dict[str, Concept]:
    return {c.id: c for c in sifted.concepts}


def ends(edges: Iterable[CuratedEdge]) -> set[tuple[str, str, str]]:
    return {(e.subject, e.type.value, e.object) for e in edges}


CHEBI_OBO = """format-version: 1.2
data-version: 239

[Term]
id: CHEBI:50906
name: role

[Term]
id: CHEBI:25212
name: metabolite
is_a: CHEBI:50906 ! role

[Term]
id: CHEBI:18059
name: lipid

[Term]
id: CHEBI:35366
name: fatty acid
is_a: CHEBI:18059 ! lipid

[Term]
id: CHEBI:17968
name: butyrate
is_a: CHEBI:35366
relationship: {base} CHEBI:30772 ! butyric acid
xref: KEGG:C00246

[Term]
id: CHEBI:30772
alt_id: CHEBI:3234
name: butyric acid
def: "A straight-chain fatty acid, \\"butter\\"." []
synonym: "n-butanoic acid" EXACT IUPAC_NAME [IUPAC]
synonym: "CCCC(O)=O" RELATED SMILES [ChEBI]
synonym: "acide \\"butyrique\\"" RELATED [ChEBI]
xref: HMDB:HMDB0000039
xref: kegg.compound:C00246 {{source="x"}}
xref: PMID:123 {{source="Europe PMC"}}
property_value: {key} "FERIUCNNQQJTOY-UHFFFAOYSA-N" xsd:string
is_a: CHEBI:35366 ! fatty acid
relationship: has_role CHEBI:25212

[Term]
id: CHEBI:9
name: gone
is_obsolete: true

[Term]
id: CHEBI:10

[Typedef]
id: has_role
name: has role
"""


@pytest.mark.parametrize(
    ("base", "key"),
    [
        ("is_conjugate_base_of", "http://purl.obolibrary.org/obo/chebi/inchikey"),
        ("RO:0018033", "chemrof:inchi_key_string"),
    ],
)
def test_chebi_from_obo_of_old_and_of_new_releases(tmp_path: Path, base: str, key: str) -> None:
    path = tmp_path / "chebi.obo.gz"
    path.write_bytes(gzip.compress(CHEBI_OBO.format(base=base, key=key).encode()))
    sifted, notes = read("chebi", tmp_path)
    assert [c.id for c in sifted.concepts] == ["CHEBI:18059", "CHEBI:35366", "CHEBI:30772"]
    assert by_id(sifted)["CHEBI:30772"] == Concept(
        "CHEBI:30772",
        "butyric acid",
        Kind.LIPID,
        ("n-butanoic acid", 'acide "butyrique"', "butyrate"),
        {
            "HMDB": ("HMDB0000039",), "KEGG": ("C00246",), "INCHIKEY": ("FERIUCNNQQJTOY-UHFFFAOYSA-N",),
            "CHEBI": ("3234", "17968"),
        },
        ("CHEBI:35366",),
    )  # fmt: skip
    assert notes.version == "239"
    assert notes.places == {Problem.BAD_ROW: ["chebi.obo.gz:49: a term needs an id and a name"]}


def test_chebi_from_tables_unites_ions_by_their_names(tmp_path: Path) -> None:
    names = (
        "citrate(3-)\tCHEBI:16947\ncitric acid\tCHEBI:30769\nethyl acetate\tCHEBI:27750\nethyl acetic acid\tCHEBI:15366\n"
        "L-alanine zwitterion\tCHEBI:57972\nL-alanine\tCHEBI:16977\n2-\\{x\\}\tCHEBI:5\nno id\t5\nhalf a row\n"
    )
    written(
        tmp_path,
        name_to_chebi__tsv=names,
        mesh_mappings__tsv="MESH\tD019343\tCitric Acid\tCHEBI\tCHEBI:30769\tcitric acid\nMESH\tD1\tAcids, Odd\tCHEBI\tCHEBI:30769\tx\n",
        cas_to_chebi__tsv="CAS\tCHEBI\n77-92-9\t30769\n",
    )
    sifted, notes = read("chebi", tmp_path)
    found = by_id(sifted)
    assert list(found) == ["CHEBI:30769", "CHEBI:27750", "CHEBI:15366", "CHEBI:16977", "CHEBI:5"]
    assert found["CHEBI:30769"].synonyms == ("Citric Acid", "citrate")
    assert found["CHEBI:30769"].xrefs == {"CAS": ("77-92-9",), "MESH": ("D019343", "D1"), "CHEBI": ("16947",)}
    assert (found["CHEBI:5"].name, found["CHEBI:16977"].synonyms) == ("2-{x}", ())
    assert notes.counts[Problem.BAD_ROW] == 2
    assert notes.places[Problem.BAD_ROW][0].startswith("name_to_chebi.tsv:8: ")


def test_diseases_from_tables_with_several_parents_and_all_that_lies_beside(tmp_path: Path) -> None:
    written(
        tmp_path,
        HumanDO__tsv=(
            'id\tlabel\tsubClassOf\n"DOID:4"\t"disease"\t\n"DOID:9281"\t"phenylketonuria"\t"amino acid disorder"\n'
            '"DOID:9252"\t"amino acid disorder"\t"disease"\n"DOID:9281"\t"phenylketonuria"\t"disease"\n"X"\t"y"\t\n'
        ),
        MESHinDO__tsv='id\tlabel\txrefs\n"DOID:9281"\t"phenylketonuria"\t"MESH:D010661, MESH:D017042"\n',
        DO_rare_slim__obo=(
            "format-version: 1.2\ndata-version: doid/2026\n\n[Term]\nid: DOID:9281\nname: phenylketonuria\n"
            'synonym: "PKU" EXACT OMO:0003012 []\nsynonym: "brain damage" RELATED []\nxref: MIM:261600\n'
        ),
        DO_cancer_slim__json=(
            '{"graphs": [{"nodes": [{"id": "http://x/DOID_9281", "meta": {"synonyms": '
            '[{"pred": "hasExactSynonym", "val": "Folling disease"}]}}, {"id": "http://x/Y"}]}]}'
        ),
    )
    (tmp_path / "do_2021-11-17_terms.tsv").write_text("term\tdoid\nobsolete PKU\tDOID:9281\nold name\tDOID:9281\n")
    sifted, notes = read("disease-ontology", tmp_path)
    assert by_id(sifted)["DOID:9281"] == Concept(
        "DOID:9281",
        "phenylketonuria",
        Kind.DISEASE,
        ("old name", "PKU", "Folling disease"),
        {"MIM": ("261600",), "MESH": ("D010661", "D017042")},
        ("DOID:9252", "DOID:4"),
    )
    assert notes.version == "doid/2026"
    assert notes.counts == {Problem.BAD_ROW: 1}


HUMAN_GEM = {
    "metabolite_names__tsv": (
        "id\tname\tkegg\thmdb\tchebi\tpubchem\tlipidmaps\tinchikey\n"
        "MAM01796\tethanol\tC00469\tHMDB0000108\tCHEBI:16236\t702\t\tLFQSCWFLJHTTHZ-UHFFFAOYSA-N\n"
        "MAM01249\tacetaldehyde\tC00084\t\tCHEBI:15343\t\t\t\n"
        "MAM02552\tNAD+\t\t\tCHEBI:7\t\t\t\nMAM02553\tNADH\t\t\tCHEBI:7\t\t\t\nMAM02039\tH+\t\t\t\t\t\t\n\tno id\t\t\t\t\t\t\n"
    ),
    "genes__tsv": (
        "genes\tgeneUniProtID\tgeneSymbols\tgeneEntrezID\tgeneNames\tgeneAliases\n"
        '"ENSG00000147576"\t"Q8IUN8"\t"ADHFE1"\t"137872"\t"alcohol dehydrogenase iron containing 1"\t"ADH8;HT;HMFT2263"\n'
    ),
    "reactions_named__tsv": (
        "id\tname\tec\tsubsystem\tgenes\tequation\n"
        "MAR1\tx\t1.1.1.1\tGlycolysis / Gluconeogenesis\tENSG00000147576 or ENSG00000000000\t"
        "ethanol[c] + NAD+[c] <=> acetaldehyde[c] + 2 H+[c] + NADH[c]\n"
        "MAR2\ty\t\tTransport reactions\t\tethanol[c] => acetaldehyde[e]\nMAR3\tz\t\tIsolated\t\tethanol[c] => nowhere[c]\n"
    ),
}


def test_human_gem_tells_what_turns_into_what_and_where(tmp_path: Path) -> None:
    sifted, notes = read("human-gem", written(tmp_path, **HUMAN_GEM))
    found = by_id(sifted)
    pathway = "HUMANGEM:glycolysis-gluconeogenesis"
    assert set(found) == {
        "CHEBI:16236", "CHEBI:15343", "HUMANGEM:MAM02552", "HUMANGEM:MAM02553", "HUMANGEM:MAM02039",
        "ENSEMBL:ENSG00000147576", pathway,
    }  # fmt: skip
    assert found["CHEBI:16236"].xrefs["HUMANGEM"] == ("MAM01796",)
    assert found["ENSEMBL:ENSG00000147576"].synonyms == ("alcohol dehydrogenase iron containing 1", "ADH8", "HMFT2263")
    assert ends(sifted.edges) == {
        ("CHEBI:16236", "converted to", "CHEBI:15343"), ("CHEBI:15343", "converted to", "CHEBI:16236"),
        ("CHEBI:16236", "part of pathway", pathway), ("CHEBI:15343", "part of pathway", pathway),
        ("ENSEMBL:ENSG00000147576", "part of pathway", pathway),
    }  # fmt: skip
    assert {(e.source, e.evidence) for e in sifted.edges} == {("Human-GEM", "MAR1")}
    assert [p.split(":")[1] for p in notes.places[Problem.BAD_ROW]] == ["7", "4"]


def test_human_gem_says_the_same_from_the_model_itself(tmp_path: Path) -> None:
    model = """---
!!omap
- metaData:
    id: "HumanGEM"
    version: "1.19.0"
- metabolites:
    - !!omap
      - id: "MAM01796c"
      - name: "ethanol"
      - charge: 0
    - !!omap
      - id: "MAM01796e"
      - name: "ethanol"
    - !!omap
      - id: "MAM01249c"
      - name: "acetaldehyde"
    - !!omap
      - charge: 1
- reactions:
    - !!omap
      - id: "MAR1"
      - name: "ethanol:NAD+ oxidoreductase"
      - metabolites: !!omap
          - MAM01249c: 1
          - MAM01796c: -1
      - lower_bound: -1000
      - gene_reaction_rule: "ENSG00000147576 and ENSG00000147576"
      - subsystem:
          - "Glycolysis / Gluconeogenesis"
          - "Another"
    - !!omap
      - id: "MAR2"
      - metabolites: !!omap
          - MAM09999c: 1
          - MAM01796c: much
- genes:
    - !!omap
      - id: "ENSG00000147576"
"""
    written(tmp_path, genes__tsv=HUMAN_GEM["genes__tsv"])
    written(
        tmp_path,
        metabolites__tsv=(
            "mets\tmetsNoComp\tmetKEGGID\tmetHMDBID\tmetChEBIID\tmetPubChemID\tmetLipidMapsID\n"
            '"MAM01796c"\t"MAM01796"\t"C00469"\t""\t"CHEBI:16236"\t""\t""\n"MAM01249c"\t"MAM01249"\t""\t""\t"CHEBI:15343"\t""\t""\n'
        ),
    )
    (tmp_path / "Human-GEM.yml").write_text(model)
    sifted, notes = read("human-gem", tmp_path)
    assert by_id(sifted)["CHEBI:16236"].xrefs == {"CHEBI": ("16236",), "KEGG": ("C00469",), "HUMANGEM": ("MAM01796",)}
    assert ("CHEBI:15343", "converted to", "CHEBI:16236") in ends(sifted.edges)
    assert ("ENSEMBL:ENSG00000147576", "part of pathway", "HUMANGEM:glycolysis-gluconeogenesis") in ends(sifted.edges)
    assert notes.version == "1.19.0"
    assert notes.counts == {Problem.BAD_ROW: 3}


@pytest.mark.parametrize(
    ("substrates", "products", "pairs"),
    [
        (("MAM01974", "MAM02819"), ("MAM01306", "MAM01307"), {("MAM02819", "MAM01307")}),  # amino group from glutamate
        (("MAM01974", "MAM02040"), ("MAM01306", "MAM02578"), {("MAM01974", "MAM01306")}),  # glutamate itself
        (("MAM01965", "MAM01371"), ("MAM01968", "MAM01285", "MAM02039"), {("MAM01965", "MAM01968")}),  # phosphorylation
        (("MAM01371",), ("MAM01419", "MAM02759"), {("MAM01371", "MAM01419")}),  # ATP to cyclic AMP
        (("A", "B", "C"), ("D", "E"), set()),  # too much at once
        (("A",), ("A",), set()),
    ],
)
def test_carriers_are_left_out_unless_they_are_what_is_turned_over(
    substrates: tuple[str, ...], products: tuple[str, ...], pairs: set[tuple[str, str]]
) -> None:
    assert set(main_pairs(substrates, products)) == pairs


REACTOME = "pathway_id\tpathway_name\tchebi\nR-HSA-71403\tCitric acid cycle (TCA cycle)\tCHEBI:30769\nR-HSA-71403\tx\tcitrate\n"
OFFICIAL_REACTOME = (
    "30769\tR-HSA-71403\thttps://reactome.org/x\tCitric acid cycle (TCA cycle)\tTAS\tHomo sapiens\n"
    "30769\tR-MMU-71403\thttps://reactome.org/x\tCitric acid cycle (TCA cycle)\tIEA\tMus musculus\n"
)


def test_reactome_from_either_table(tmp_path: Path) -> None:
    (ours := tmp_path / "ours").mkdir()
    (official := tmp_path / "official").mkdir()
    (ours / "reactome_human_pathway_chebi.tsv").write_text(REACTOME)
    (official / "ChEBI2Reactome.txt").write_text(OFFICIAL_REACTOME)
    (official / "ReactomePathwaysRelation.txt").write_text("R-HSA-71406\tR-HSA-71403\n")
    edge = ("CHEBI:30769", "part of pathway", "REACTOME:R-HSA-71403")
    for folder, parents, problems in ((ours, (), {Problem.BAD_ROW: 1}), (official, ("REACTOME:R-HSA-71406",), {})):
        sifted, notes = read("reactome", folder)
        pathway = Concept("REACTOME:R-HSA-71403", "Citric acid cycle (TCA cycle)", Kind.PATHWAY, parents=parents)
        assert (sifted.concepts, ends(sifted.edges), notes.counts) == ((pathway,), {edge}, problems)


def test_wikipathways_from_a_gene_set_file(tmp_path: Path) -> None:
    text = (
        "Urea cycle %WikiPathways_20220613%WP4571%Homo sapiens\thttp://x\t5009\t435\n"
        "Urea cycle%WikiPathways_20220613%WP1%Mus musculus\thttp://x\t5009\n"
    )
    sifted, notes = read("wikipathways", written(tmp_path, human__gmt=text))
    assert sifted.concepts == (Concept("WIKIPATHWAYS:WP4571", "Urea cycle", Kind.PATHWAY),)
    assert [(e.subject, e.type, e.evidence) for e in sifted.edges] == [
        ("NCBIGENE:5009", RelationType.PART_OF_PATHWAY, "WP4571"), ("NCBIGENE:435", RelationType.PART_OF_PATHWAY, "WP4571"),
    ]  # fmt: skip
    assert (notes.version, notes.counts) == ("20220613", {Problem.BAD_ROW: 1})


def test_famplex_knows_families_and_what_single_proteins_are_called(tmp_path: Path) -> None:
    written(
        tmp_path,
        entities__csv="AMPK\nAMPK_alpha\n",
        relations__csv="FPLX,AMPK_alpha,isa,FPLX,AMPK\nHGNC,PRKAA1,isa,FPLX,AMPK_alpha\n",
        grounding_map__csv='AMP kinase,FPLX,AMPK,,,,\n"AMPK, alpha",FPLX,AMPK_alpha,,,,\nTLR4,UP,O00206,,,,\nx,FPLX,NONE,,,,\n',
    )
    sifted, notes = read("famplex", tmp_path)
    assert sifted.concepts == (
        Concept("FPLX:AMPK", "AMPK", Kind.GENE, ("AMP kinase",)),
        Concept("FPLX:AMPK_alpha", "AMPK alpha", Kind.GENE, ("AMPK, alpha",), parents=("FPLX:AMPK",)),
        Concept("UNIPROT:O00206", "TLR4", Kind.GENE),
    )
    assert notes.counts == {Problem.BAD_ROW: 1}


def test_goslin_knows_classes_and_mediators(tmp_path: Path) -> None:
    header = "Lipid name,Lipid category,Lipid description,Max num FA,Poss num FA,Special Cases,Sum formula,Synonyms,,\n"
    rows = 'PC,GP,x,2,2,,C8,GPCho,lecithin,\n"11,12-DHET",FA,x,0,0,,C20,,,\nodd,??,x,0,0,,C,,,\n'
    mediators = "10-HDoHE\t4Z,7Z\n11,12-DHET\t5Z\n"
    folder = written(tmp_path, trivial_mediators__csv=mediators)
    (folder / "lipid-list.csv").write_text(header + rows)
    sifted, notes = read("goslin", folder)
    assert [(c.id, c.synonyms) for c in sifted.concepts] == [
        ("GOSLIN:PC", ("GPCho", "lecithin")), ("GOSLIN:11,12-DHET", ()), ("GOSLIN:10-HDoHE", ()),
    ]  # fmt: skip
    assert notes.counts == {Problem.BAD_ROW: 1}


def test_anybody_can_write_a_vocabulary(tmp_path: Path) -> None:
    text = "name\tid\tsynonyms\txrefs\tparents\tkind\nour marker\tLAB:1\tOM|om-1\tHMDB:HMDB1|HMDB:HMDB2\tLAB:0\tmetabolite\n"
    rows = "no kind\tLAB:2\t\t\t\tstone\nno id\tLAB\t\t\t\tgene\nshort\n"
    sifted, notes = read("own", written(tmp_path, ours__tsv=text + rows))
    assert sifted.concepts == (
        Concept("LAB:1", "our marker", Kind.METABOLITE, ("OM", "om-1"), {"HMDB": ("HMDB1", "HMDB2")}, ("LAB:0",)),
    )
    assert [p.split(": ")[0] for p in notes.places[Problem.BAD_ROW]] == ["ours.tsv:3", "ours.tsv:4", "ours.tsv:5"]


def test_of_two_concepts_with_one_id_the_first_stays_and_circles_are_opened(tmp_path: Path) -> None:
    text = "name\tid\tsynonyms\txrefs\tparents\na\tX:1\t\t\tX:2\nb\tX:2\t\t\tX:1\nc\tX:1\t\t\t\n"
    sifted, notes = read("own", written(tmp_path, genes__tsv=text))
    assert [(c.name, c.parents) for c in sifted.concepts] == [("a", ("X:2",)), ("b", ())]
    assert notes.places == {
        Problem.DUPLICATE: ["genes.tsv:4: X:1 stands at genes.tsv:2 as well"],
        Problem.CYCLE: ["genes.tsv:3: X:1 is at once above and below X:2"],
    }


def test_problems_are_counted_all_and_kept_few(tmp_path: Path) -> None:
    rows = "x\n" * 1_000
    _, notes = read("own", written(tmp_path, genes__tsv=f"name\tid\tsynonyms\txrefs\tparents\na\tX:1\t\t\t\n{rows}"))
    assert notes.counts[Problem.BAD_ROW] == 1_000
    assert len(notes.places[Problem.BAD_ROW]) == KEPT


@pytest.mark.parametrize(
    ("name", "file", "content", "said"),
    [
        ("chebi", "chebi.obo", b"<rdf:RDF>\n", "is no OBO file"),
        ("chebi", "chebi.obo.gz", gzip.compress(b"format-version: 1.2\n" * 99, mtime=0)[:40], "cannot be read"),
        ("chebi", "other.txt", b"x", "There is no name_to_chebi.tsv and no chebi.obo"),
        ("chebi", "chebi.obo", b"format-version: \xff\xfe", "is not text in UTF-8"),
        ("disease-ontology", "HumanDO.tsv", b"a\tb\n", "has no column id, label, subClassOf"),
        ("disease-ontology", "HumanDO.tsv", b"", "has no column id, label, subClassOf"),
        ("human-gem", "metabolites.tsv", b"", "There is no metabolite_names.tsv and no Human-GEM.yml"),
        ("human-gem", "metabolite_names.tsv", b"id\tname\n", "has no column chebi"),
        ("reactome", "x", b"", "There is no ChEBI2Reactome.txt"),
        ("wikipathways", "x", b"", "There is no .gmt file"),
        ("famplex", "x", b"", "There is no entities.csv"),
        ("goslin", "lipid-list.csv", b"a,b,c\n", "is no list of lipids"),
        ("own", "x", b"", "There is no .tsv file"),
        ("own", "mine.tsv", b"name\tid\tsynonyms\txrefs\tparents\n", "has no column kind"),
    ],
)
def test_a_file_that_is_not_what_it_claims_is_refused_with_its_name(
    tmp_path: Path, name: str, file: str, content: bytes, said: str
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(VocabularyError, match=str(tmp_path)) as refused:
        read(name, tmp_path)
    assert said in str(refused.value)


def test_a_cancer_slim_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    written(tmp_path, HumanDO__tsv="id\tlabel\tsubClassOf\nDOID:4\tdisease\t\n", DO_cancer_slim__json='{"graphs": []}')
    with pytest.raises(VocabularyError, match="is no OBO graph in JSON"):
        read("disease-ontology", tmp_path)


def test_every_vocabulary_of_the_catalog_says_whose_it_is_and_has_a_reader() -> None:
    for name, origin in catalog().items():
        assert all((origin.title, origin.project, origin.licence, origin.page, origin.files))
        assert callable(origin.read), name
        assert all(url.startswith("https://") for url in origin.urls)
    with pytest.raises(NotFound, match="chebi, disease-ontology, human-gem"):
        source("hmdb")
