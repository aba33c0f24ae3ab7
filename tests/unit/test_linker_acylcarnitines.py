"""C3 is an acylcarnitine where carnitines are spoken of, and nothing elsewhere."""

import pytest

from cmo.vocabulary.acylcarnitines import chains
from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.starter import starter
from cmo.vocabulary.tagger import shipped


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("C3 and C8 acylcarnitines rise together with BCAA.", ["C3 carnitine", "C8 carnitine"]),
        ("Octanoylcarnitine (C8) and the C8/C10 ratio", ["C8 carnitine", "C8 carnitine", "C10 carnitine"]),
        ("elevated C3 in newborn screening", ["C3 carnitine"]),
        ("Acylcarnitines C14:1 and C5-OH on a C18 column", ["C14:1 carnitine"]),
        ("complement C3 and carnitine", []),
        ("the C3 of glycerol", []),
        ("carnitine, C3a, C5b-9, C-3, SM C16:0x and C20H32O2", []),
    ],
)
def test_chains_are_read_where_carnitines_are_spoken_of(text: str, names: list[str]) -> None:
    assert [chain.name for chain in chains(text)] == names


def test_a_chain_of_several_isomers_stays_a_sum() -> None:
    assert [(c.name, c.species) for c in chains("C4 and C5 carnitines")] == [("", "CAR 4:0"), ("", "CAR 5:0")]


def test_who_asks_of_a_chain_need_not_say_carnitine() -> None:
    assert list(chains("Is C8 raised in MCAD deficiency?")) == []
    assert [c.name for c in chains("Is C8 raised in MCAD deficiency?", asked=True)] == ["C8 carnitine"]
    assert list(chains("Is complement C3 low?", asked=True)) == []
    assert list(chains("Are C3 and C4 low in lupus?", asked=True)) == []


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> DictionaryLinker:
    return DictionaryLinker(
        compile_vocabulary(starter(), tmp_path_factory.mktemp("vocabulary") / "compiled"), shipped()
    )


def test_a_paper_and_a_question_mean_the_same_by_a_chain(linker: DictionaryLinker) -> None:
    told = {m.concept for m in linker.link("Propionylcarnitine (C3) was raised; C3 alone cannot tell them apart.")}
    assert told == {"CHEBI:28867"}
    assert "CHEBI:28867" in {m.concept for m in linker.link_question("Is C3 raised in propionic acidaemia?")}
    assert "LIPID:CAR 5:0" in {m.concept for m in linker.link("C5 acylcarnitines were raised.")}
