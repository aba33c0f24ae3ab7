"""Three-letter codes name amino acids where these are measured, and nothing where proteins are spoken of."""

import pytest

from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.starter import starter
from cmo.vocabulary.tagger import shipped


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> DictionaryLinker:
    return DictionaryLinker(
        compile_vocabulary(starter(), tmp_path_factory.mktemp("vocabulary") / "compiled"), shipped()
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Phe and Tyr were raised; the Phe/Tyr ratio marks PKU.", {"L-phenylalanine", "L-tyrosine"}),
        ("Plasma Leu, Ile and Val were elevated.", {"L-leucine", "L-isoleucine", "L-valine"}),
        ("Arg, Cit and Orn in disorders of the urea cycle", {"L-arginine", "L-citrulline", "L-ornithine"}),
    ],
)
def test_codes_that_stand_together_are_amino_acids(linker: DictionaryLinker, text: str, named: set[str]) -> None:
    names = {found.name for m in linker.link(text) if (found := linker.concept(m.concept))}
    assert named <= names


@pytest.mark.parametrize(
    "text",
    [
        "The Arg and Lys residues of the protein were raised in number.",
        "The Arg408Trp and Ile65Thr variants were found at higher levels.",
        "p.Arg408Trp raised the plasma level",
        "the dipeptides Gly-Pro and Ala-Gln in plasma",
        "His plasma levels were raised.",
        "Met and sorted, the patients went home.",
        "Ser and Thr kinases were increased.",
    ],
)
def test_residues_peptides_and_words_are_none(linker: DictionaryLinker, text: str) -> None:
    ours = {
        "L-arginine",
        "L-lysine",
        "L-isoleucine",
        "L-threonine",
        "L-tryptophan",
        "glycine",
        "L-proline",
        "L-alanine",
    }
    ours |= {"L-glutamine", "L-histidine", "L-methionine", "L-serine"}
    assert not ours & {found.name for m in linker.link(text) if (found := linker.concept(m.concept))}
