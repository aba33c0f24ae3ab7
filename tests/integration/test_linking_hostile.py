"""Texts made to cost more than their length."""

import time
from pathlib import Path

import pytest

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.tagger import shipped

CONCEPTS = (
    Concept("CHEBI:15724", "trimethylamine N-oxide", Kind.METABOLITE, ("TMAO", "trimethylamine-N-" * 20)),
    Concept("DOID:9281", "phenylketonuria", Kind.DISEASE, ("PKU",)),
)


@pytest.mark.slow
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("piece", ["trimethylamine-N-", "PKU (phenylketonuria) ", "a", "(", "\u202eTMAO "])
def test_a_text_costs_no_more_than_its_length(tmp_path: Path, piece: str, tagged: bool) -> None:
    linker = DictionaryLinker(compile_vocabulary(CONCEPTS, tmp_path / "compiled"), shipped() if tagged else None)
    seconds = []
    for size in (50_000, 1_000_000):
        text = piece * (size // len(piece))
        begun = time.perf_counter()
        linker.link(text)
        seconds.append(time.perf_counter() - begun)
    assert seconds[1] < 60 * seconds[0] + 2


@pytest.mark.slow
def test_five_megabytes_of_prose_are_linked(tmp_path: Path) -> None:
    linker = DictionaryLinker(compile_vocabulary(CONCEPTS, tmp_path / "compiled"), shipped())
    sentence = "In patients with phenylketonuria (PKU) the plasma level of TMAO was not raised by any diet (p = 0.2). "
    text = sentence * (5_000_000 // len(sentence))
    assert sum(m.concept == "CHEBI:15724" for m in linker.link(text)) == 5_000_000 // len(sentence)
