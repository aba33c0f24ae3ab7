import time
from pathlib import Path

import numpy as np
import pytest

from cmo.errors import VocabularyCorrupt
from cmo.model.concepts import Concept, Kind, Mention
from cmo.vocabulary.compile import compile_vocabulary, current
from cmo.vocabulary.compiled import CompiledVocabulary
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.names import Text

CONCEPTS = (
    Concept("CHEBI:15724", "trimethylamine N-oxide", Kind.METABOLITE, ("TMAO",), {"HMDB": ("HMDB0000925",)}),
    Concept("CHEBI:18139", "trimethylamine", Kind.METABOLITE),
    Concept("CHEBI:1", "acid", Kind.METABOLITE),
    Concept("DOID:9281", "phenylketonuria", Kind.DISEASE, ("PKU",)),
    Concept("HGNC:1516", "CAT", Kind.GENE, ("catalase",)),
    Concept("HGNC:7", "IS", Kind.GENE, ("is",)),
    Concept("CHEBI:25016", "lead", Kind.METABOLITE),
    Concept("CMO:tma", "tissue microarray", Kind.METHOD, ("TMA",)),
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> CompiledVocabulary:
    return compile_vocabulary(CONCEPTS, tmp_path_factory.mktemp("vocabulary") / "compiled")


@pytest.fixture(scope="module")
def linker(vocabulary: CompiledVocabulary) -> DictionaryLinker:
    return DictionaryLinker(vocabulary)


def named(linker: DictionaryLinker, text: str) -> list[tuple[str, str]]:
    return [(text[m.start : m.end], m.concept) for m in linker.link(text)]


def test_the_longest_name_wins(linker: DictionaryLinker) -> None:
    assert named(linker, "Plasma trimethylamine-N-oxide (TMAO) rose.") == [
        ("trimethylamine-N-oxide", "CHEBI:15724"),
        ("TMAO", "CHEBI:15724"),
    ]


def test_a_definition_in_the_text_wins_over_the_dictionary(linker: DictionaryLinker) -> None:
    assert named(linker, "TMA was used.") == [("TMA", "CMO:tma")]
    assert named(linker, "TMA (trimethylamine) is oxidised; TMA falls.") == [
        ("TMA", "CHEBI:18139"),
        ("trimethylamine", "CHEBI:18139"),
        ("TMA", "CHEBI:18139"),
    ]


def test_a_short_symbol_is_met_in_its_own_case_only(linker: DictionaryLinker) -> None:
    assert named(linker, "The cat had low CAT activity.") == [("CAT", "HGNC:1516")]


def test_plain_words_are_no_names(linker: DictionaryLinker) -> None:
    assert named(linker, "This is what may lead to it. Lead on.") == []


def test_an_id_belongs_to_whose_id_it_is_whoever_else_lists_it(tmp_path: Path) -> None:
    lists = Concept("DOID:446", "hyperaldosteronism", Kind.DISEASE, xrefs={"MESH": ("D003480",)})
    owns = Concept("MESH:D003480", "Cushing syndrome", Kind.DISEASE)
    known = DictionaryLinker(compile_vocabulary([lists, owns], tmp_path / "compiled"))
    assert known.concept("MESH:D003480") == owns
    assert known.concept("D003480") == lists


def test_a_concept_is_known_by_foreign_identifiers(linker: DictionaryLinker) -> None:
    for identifier in ("CHEBI:15724", "HMDB0000925", "hmdb0000925", "HMDB:HMDB0000925"):
        assert linker.concept(identifier) == CONCEPTS[0]
    assert linker.concept("HMDB0000926") is None
    assert linker.concept("") is None


@pytest.mark.parametrize("text", ["", " ", "12 345 6.7", "\u202e\u200f", "<b></b>", "'; DROP TABLE papers; --", "\x00"])
def test_texts_that_name_nothing(linker: DictionaryLinker, text: str) -> None:
    assert linker.link(text) == ()


def test_a_mention_says_where_it_stands(linker: DictionaryLinker) -> None:
    (mention,) = linker.link("In phenylketonuria …")
    assert mention == Mention(3, 18, "DOID:9281", Kind.DISEASE, mention.confidence)
    assert 0 < mention.confidence <= 1


def test_nothing_is_lost_between_two_windows(linker: DictionaryLinker) -> None:
    text = "phenylketonuria and " * 3000
    assert len(linker.link(text)) == 3000


@pytest.mark.parametrize("name", ["names.bin", "forms.bin", "hashes.u64", "concepts.bin", "manifest.json"])
def test_a_damaged_vocabulary_says_so(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "compiled"
    compile_vocabulary(CONCEPTS, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(VocabularyCorrupt, match=name):
        CompiledVocabulary.open(folder)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    vocabulary = compile_vocabulary(CONCEPTS, folder)
    vocabulary.verify()
    data = bytearray((folder / "forms.bin").read_bytes())
    data[0] ^= 1
    (folder / "forms.bin").write_bytes(data)
    with pytest.raises(VocabularyCorrupt, match="checksum"):
        vocabulary.verify()


def test_an_empty_vocabulary_links_nothing(tmp_path: Path) -> None:
    linker = DictionaryLinker(compile_vocabulary((), tmp_path / "compiled"))
    assert linker.link("phenylketonuria") == ()
    assert linker.concept("DOID:9281") is None


def test_a_stop_word_is_no_name_of_any_kind(tmp_path: Path) -> None:
    concepts = [Concept(f"CMO:{kind}", "is", kind) for kind in Kind]
    linker = DictionaryLinker(compile_vocabulary(concepts, tmp_path / "compiled"))
    assert linker.link("This is it.") == ()


def test_a_stop_word_is_no_specimen_either(tmp_path: Path) -> None:
    linker = DictionaryLinker(compile_vocabulary([Concept("CMO:1", "where", Kind.SPECIMEN)], tmp_path / "compiled"))
    assert linker.link("Where it is, and where it was.") == ()


def test_a_name_written_as_one_word_is_not_put_together_from_two(tmp_path: Path) -> None:
    concepts = [Concept("CHEBI:1", "butin", Kind.METABOLITE), Concept("CHEBI:2", "MLCK", Kind.GENE)]
    linker = DictionaryLinker(compile_vocabulary(concepts, tmp_path / "compiled"))
    assert linker.link("It fell, but in men (5 ml), CK rose.") == ()
    assert named(linker, "Butin and M-L-C-K") == [("Butin", "CHEBI:1"), ("M-L-C-K", "CHEBI:2")]


def test_a_misspelling_of_two_names_is_left_alone(tmp_path: Path) -> None:
    concepts = [Concept("CHEBI:1", "tyrosine", Kind.METABOLITE), Concept("CHEBI:2", "tylosin", Kind.METABOLITE)]
    linker = DictionaryLinker(compile_vocabulary(concepts, tmp_path / "compiled"))
    assert linker.link_question("Is tyrosin raised?") == ()
    assert [m.concept for m in linker.link_question("Is tyrosinne raised?")] == ["CHEBI:1"]
    assert [m.concept for m in linker.link_question("Is tirosine raised?")] == ["CHEBI:1"]
    assert linker.link_question("Is the patience raised?") == ()


def test_a_misspelled_plain_word_is_no_name(tmp_path: Path) -> None:
    linker = DictionaryLinker(compile_vocabulary([Concept("DOID:4", "disease", Kind.DISEASE)], tmp_path / "compiled"))
    assert linker.link_question("Which disese is it?") == ()


def test_specimens_and_animals_may_be_called_by_plain_words(tmp_path: Path) -> None:
    concepts = [Concept("CMO:serum", "serum", Kind.SPECIMEN), Concept("CMO:water", "water", Kind.METABOLITE)]
    linker = DictionaryLinker(compile_vocabulary(concepts, tmp_path / "compiled"))
    assert named(linker, "Serum was kept in water.") == [("Serum", "CMO:serum")]


def test_two_forms_that_share_a_hash_are_told_apart(vocabulary: CompiledVocabulary) -> None:
    row = int(vocabulary.rows(Text.of("lead").hashes(np.array([0]), np.array([0])))[0])
    assert row >= 0
    assert vocabulary.named(row, "lead", "lead")
    assert vocabulary.named(row, "something else of the same hash", "something else") == ()


def test_opening_takes_no_time(vocabulary: CompiledVocabulary) -> None:
    begun = time.perf_counter()
    for _ in range(20):
        CompiledVocabulary.open(vocabulary.folder)
    assert (time.perf_counter() - begun) / 20 < 0.05


def test_the_digest_tells_vocabularies_apart(tmp_path: Path, vocabulary: CompiledVocabulary) -> None:
    again = compile_vocabulary(CONCEPTS, tmp_path / "again")
    other = compile_vocabulary(CONCEPTS[1:], tmp_path / "other")
    assert vocabulary.digest == again.digest != other.digest
    assert [c.id for c in again.concepts()] == [c.id for c in CONCEPTS]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    old = compile_vocabulary(CONCEPTS, folder)
    compile_vocabulary(CONCEPTS[:1], folder)
    assert len(CompiledVocabulary.open(folder)) == 1
    assert len(old) == len(CONCEPTS)
    assert old.concept("DOID:9281") == CONCEPTS[3]
    assert [p.name for p in tmp_path.iterdir()] == ["compiled"]


def test_a_compiled_vocabulary_is_made_anew_only_when_it_must_be(tmp_path: Path) -> None:
    folder, asked = tmp_path / "compiled", []

    def concepts() -> tuple[Concept, ...]:
        asked.append(1)
        return CONCEPTS

    first = current(folder, "one", concepts)
    assert current(folder, "one", concepts).digest == first.digest
    assert len(asked) == 1
    current(folder, "two", concepts)
    assert len(asked) == 2
    (folder / "names.bin").write_bytes(b"")
    assert len(current(folder, "two", concepts)) == len(CONCEPTS)
    assert len(asked) == 3
