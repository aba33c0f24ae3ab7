"""What looks like a name in a full text and is none: authors of citations, buffers, units, words of data analysis."""

import pytest

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.candidates import Candidate, Source
from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.compiled import Named
from cmo.vocabulary.credible import credible
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.starter import starter

_KNOWN = (Named(0, Kind.METABOLITE, preferred=True, one_word=True),)


def candidate(text: str, printed: str, kind: Kind = Kind.GENE, *, known: bool = False) -> Candidate:
    start = text.index(printed)
    named, source = (_KNOWN, Source.DICTIONARY) if known else ((), Source.TAGGER)
    return Candidate(start, start + len(printed), kind, named, printed, source, 0.8, printed)


@pytest.mark.parametrize(
    ("text", "printed", "known"),
    [
        # PMC5408482
        ("RNAseq library preparation was performed following modified methods of Kumar et al.", "Kumar", False),
        # PMC6308211; Li is also lithium, and known
        ("are perceived as pathogens and activate signaling (Walling, 2000; Li et al., 2006; Zarate et al., 2007).", "Li", True),
        ("are perceived as pathogens and activate signaling (Walling, 2000; Li et al., 2006; Zarate et al., 2007).", "Zarate", False),
        ("are perceived as pathogens and activate signaling (Walling, 2000; Li et al., 2006; Zarate et al., 2007).", "Walling", False),
        # PMC5460589
        ("who are often at highest risk of deficiencies (Hotz and McClafferty, 2007).", "Hotz", False),
        ("As Silvestri M. et al. (2012) showed", "Silvestri", False),
    ],
)  # fmt: skip
def test_authors_of_citations_are_no_names(text: str, printed: str, known: bool) -> None:
    assert not credible(candidate(text, printed, known=known), text)


@pytest.mark.parametrize(
    "printed", ["K2HPO4", "NaH2PO4", "NaCl", "MgSO4", "(NH4)2SO4", "C26H45NO20", "ml-1", "min-1", "g-1", "beta", "alpha 2"]
)  # fmt: skip
def test_buffers_units_and_bare_letters_are_no_genes(printed: str) -> None:
    text = f"in 0.1 M {printed} buffer"
    assert not credible(candidate(text, printed), text)


@pytest.mark.parametrize(
    "printed", ["NOS2", "PCSK9", "CaMK2", "Vnn1", "KIT", "NAT2", "HIF1A", "CoA synthase", "C3", "MT1G"]
)
def test_symbols_of_genes_are_names(printed: str) -> None:
    text = f"the expression of {printed} was lower in 2014 (Table 2)"
    assert credible(candidate(text, printed), text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # PMC6356388 and PMC6277888: an analysis
        ("with a correlation between concentration and importance over PC 1 higher than 0.5", False),
        ("PC1/PC2 score and loadings plots", False),
        ("MS/MS spectra for tricin O-rutinoside", False),
        ("the MS data were normalised", False),
        ("patients with MS had higher levels", True),
        ("Serum of patients with PC or with pancreatitis", True),
        ("programmed cell death-1 (PD-1) inhibitors", False),
        ("programmed death ligand 1 (PD-L1)", False),
        ("PD-(L)1 blockade", False),
        ("patients with PD-related pain", True),
        ("in PD, 12 of 20 patients", True),
    ],
)
def test_ms_pc_and_pd_are_no_diseases_where_something_else_is_spoken_of(text: str, wanted: bool) -> None:
    printed = next(name for name in ("MS", "PC", "PD") if name in text)
    assert credible(candidate(text, printed, Kind.DISEASE, known=True), text) is wanted


def test_a_name_in_a_year_is_a_name() -> None:
    text = "We measured TMAO in 2014; TMAO and colleagues of 2015 rose."
    assert credible(candidate(text, "TMAO", Kind.METABOLITE), text)


def test_a_citation_after_a_known_name_does_not_hide_it() -> None:
    text = "the levels of carnitine (Smith et al., 2014) rose"
    assert credible(candidate(text, "carnitine", Kind.METABOLITE, known=True), text)


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> DictionaryLinker:
    kinds = {Kind.METHOD, Kind.PATHWAY}
    concepts: list[Concept] = [c for c in starter() if c.kind in kinds]
    return DictionaryLinker(compile_vocabulary(concepts, tmp_path_factory.mktemp("vocabulary") / "compiled"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # PMC5408482
        ("Normalization and pairwise differences in soybean RNASeq transcript counts were performed using R.", set()),
        ("emphasizing the role of primary metabolism in plant defense responses", set()),
        ("the normalization of blood glucose under insulin", set()),
        ("Data normalization was followed by batch correction.", {"data normalization", "batch effect correction"}),
        ("an increase in tryptophan metabolism was seen", {"tryptophan catabolism"}),
    ],
)
def test_plain_words_of_the_field_are_no_method_and_no_pathway(
    linker: DictionaryLinker, text: str, wanted: set[str]
) -> None:
    found = [linker.concept(m.concept) for m in linker.link(text)]
    assert {c.name for c in found if c} - {"transcriptomics"} == wanted
