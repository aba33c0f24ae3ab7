import numpy as np
import pytest

from cmo.model.concepts import Concept, Kind
from cmo.vocabulary.compile import compile_vocabulary
from cmo.vocabulary.linker import DictionaryLinker
from cmo.vocabulary.tagger import BEGIN, INSIDE, LABELS, OUTSIDE, Weights, marginal, shipped

CONCEPTS = (
    Concept("DOID:9281", "phenylketonuria", Kind.DISEASE),
    Concept("DOID:1", "renal failure", Kind.DISEASE),
    Concept("CHEBI:17234", "glucose", Kind.METABOLITE),
    Concept("CHEBI:64583", "sphingomyelin", Kind.LIPID, ("SM",)),
    Concept("CHEBI:9", "PC 34:2", Kind.LIPID),
    Concept("CHEBI:10", "catechol", Kind.METABOLITE, ("XYZ",)),
    Concept("HGNC:10", "xyzin", Kind.GENE, ("XYZ",)),
)


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> DictionaryLinker:
    vocabulary = compile_vocabulary(CONCEPTS, tmp_path_factory.mktemp("vocabulary") / "compiled")
    return DictionaryLinker(vocabulary, shipped())


def named(linker: DictionaryLinker, text: str) -> dict[str, str]:
    return {text[m.start : m.end]: m.concept for m in linker.link(text)}


def test_a_name_that_no_vocabulary_has_is_a_concept_of_its_own(linker: DictionaryLinker) -> None:
    found = named(linker, "Patients with congestive heart failure were treated with oxacalcitriol.")
    assert found["congestive heart failure"] == "NAME:disease:congestive heart failure"
    assert found["oxacalcitriol"].startswith("NAME:metabolite:")


def test_such_a_concept_follows_from_its_id(linker: DictionaryLinker) -> None:
    concept = linker.concept("NAME:disease:end-stage renal failure")
    assert concept
    assert (concept.name, concept.kind, concept.parents) == ("end-stage renal failure", Kind.DISEASE, ("DOID:1",))
    assert linker.concept("NAME:nonsense:x") is None
    assert linker.concept("NAME:disease:") is None


def test_a_definition_holds_for_names_that_only_the_tagger_knows(linker: DictionaryLinker) -> None:
    text = "Adynamic bone disease (ABD) is common. In dialysis ABD is treated."
    mentions = [m for m in linker.link(text) if text[m.start : m.end] == "ABD"]
    assert [m.concept for m in mentions] == ["NAME:disease:adynamic bone disease"] * 2


def test_a_lipid_species_stands_below_its_class(linker: DictionaryLinker) -> None:
    found = named(linker, "Plasma SM(d18:1/24:0) and PC 34:2 were higher.")
    assert found["SM(d18:1/24:0)"] == "LIPID:SM 18:1;O2/24:0"
    assert found["PC 34:2"] == "CHEBI:9"
    concept = linker.concept("LIPID:SM 18:1;O2/24:0")
    assert concept
    assert concept.parents == ("LIPID:SM 42:1;O2", "CHEBI:64583")


def test_a_question_forgives_a_slip_of_the_pen(linker: DictionaryLinker) -> None:
    question = "What is known of phenylketonurea?"
    assert named(linker, question).get("phenylketonurea") != "DOID:9281"
    assert [m.concept for m in linker.link_question(question)] == ["DOID:9281"]


@pytest.mark.parametrize("question", ["What are the patients like?", "Where is it?", "", "qwertzuiop"])
def test_a_question_without_names_links_nothing_known(linker: DictionaryLinker, question: str) -> None:
    assert [m for m in linker.link_question(question) if not m.concept.startswith("NAME:")] == []


def test_what_else_is_spoken_of_settles_an_ambiguous_name(linker: DictionaryLinker) -> None:
    mentions = linker.link_question("Is xyzin the same as XYZ?")
    assert [m.concept for m in mentions] == ["HGNC:10", "HGNC:10"]
    mentions = linker.link_question("Is catechol the same as XYZ?")
    assert [m.concept for m in mentions] == ["CHEBI:10", "CHEBI:10"]


def test_confidence_is_less_where_less_is_known(linker: DictionaryLinker) -> None:
    text = "Glucose is high in phenylketonuria."
    by_name = {text[m.start : m.end]: m.confidence for m in linker.link(text)}
    assert 0.5 < by_name["phenylketonuria"] <= 1


def test_marginals_are_those_of_all_paths() -> None:
    dice = np.random.default_rng(0)
    scores = dice.normal(size=(3, 3)).astype(np.float32)
    moves = dice.normal(size=(1, 3, 3)).astype(np.float32)
    moves[:, OUTSIDE, INSIDE] = -1e4
    found = marginal(scores, np.array([0]), np.array([3]), moves)
    expected = np.zeros((3, 3))
    for a in LABELS:
        for b in LABELS:
            for c in LABELS:
                path = scores[0, a] + scores[1, b] + scores[2, c]
                path += moves[0, OUTSIDE, a] + moves[0, a, b] + moves[0, b, c] + moves[0, c, OUTSIDE]
                for place, label in enumerate((a, b, c)):
                    expected[place, label] += np.exp(path)
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)


def test_a_model_is_the_same_after_it_was_written() -> None:
    weights = Weights.shipped()
    again = Weights.from_bytes(weights.to_bytes())
    assert (again.table == weights.table).all()
    np.testing.assert_array_equal(again.scale, weights.scale)
    assert len(weights.to_bytes()) < 3_000_000
    assert weights.transitions[0, OUTSIDE, BEGIN] > weights.transitions[0, OUTSIDE, INSIDE]


def test_of_a_word_that_rules_every_label_out_something_is_said_all_the_same() -> None:
    scores = np.zeros((3, len(LABELS)), np.float32)
    scores[:, INSIDE] = 5_000.0  # nothing may begin inside a name, and exp(-5000) is nought
    transitions = np.zeros((1, scores.shape[1], scores.shape[1]), np.float32)
    transitions[:, OUTSIDE, INSIDE] = -np.inf
    told = marginal(scores, np.array([0]), np.array([3]), transitions)
    assert np.isfinite(told).all()
    assert told.sum(axis=1) == pytest.approx(1.0)
