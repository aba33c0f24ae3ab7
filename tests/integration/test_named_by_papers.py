"""What only papers know: met under one name by them all, and found by a question, by `cmo graph` and over HTTP."""

from typing import Any

import httpx
import pytest

from cmo.engines import PASSAGES
from cmo.model.questions import Mode, Question
from cmo.web import create_api

PAPERS = {
    "one": "A pantetheinase of sarcomas\n\nThe Xyl3 pantetheinase was associated with sarcoma in 30 patients. "
    "The expression of Xyl3 was lower in aggressive sarcoma.\n",
    "two": "An enzyme in capitals\n\nPatients with sarcoma had lower expression of the XYL3 gene than controls. "
    "The XYL3 protein was associated with sarcoma.\n",
    "three": "Phenylketonuria in newborns\n\nPhenylalanine was raised in plasma of patients with phenylketonuria.\n",
}


@pytest.fixture(autouse=True)
def _read_in_earnest(base: Any) -> None:
    for fake in ("linker", "reader"):
        del base.app.__dict__[fake]
    base.add(**PAPERS)


def trace(base: Any, text: str, mode: Mode = Mode.HYBRID) -> Any:
    return base.app.retriever.retrieve(Question(text, mode), PASSAGES).trace


def test_papers_that_set_a_name_in_another_case_speak_of_one_thing(base: Any) -> None:
    node = base.app.atlas().find("xyl3")
    assert (node.name, node.concept.rpartition(":")[2], node.papers) == ("XYL3", "XYL3", 2)
    assert base.app.atlas().find("Xyl3") == base.app.atlas().find("XYL-3") == node


@pytest.mark.parametrize("printed", ["Xyl3", "XYL3", "xyl3"])
def test_a_question_finds_what_only_papers_name(base: Any, printed: str) -> None:
    told = trace(base, f"What is {printed} associated with?")
    assert [node.name for node in told.concepts] == ["XYL3"]
    assert all(r.asked for r in told.relationships if "XYL3" in {r.subject.name, r.object.name})
    assert "sarcoma" in {end.name for r in told.relationships for end in (r.subject, r.object)}


async def test_a_misspelled_name_is_told(base: Any) -> None:
    told = trace(base, "What is associated with phenylketonurea?")
    assert told.misread == (("phenylketonurea", "phenylketonuria"),)
    assert trace(base, "What is associated with phenylketonuria?").misread == ()
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        reply = await client.post("/query", json={"query": "What is associated with phenylketonurea?"})
    assert reply.json()["read_as"] == [{"printed": "phenylketonurea", "read_as": "phenylketonuria"}]


@pytest.mark.parametrize("asked", ["What is phenylketonurea?", "Tell me of phenylketonurea"])
def test_a_misspelled_name_is_searched_for_as_it_was_meant(base: Any, asked: str) -> None:
    found = base.app.retriever.retrieve(Question(asked), PASSAGES)
    meant = base.app.retriever.retrieve(Question(asked.replace("urea", "uria")), PASSAGES)
    assert found.trace is not None
    assert found.trace.misread == (("phenylketonurea", "phenylketonuria"),)
    assert found.question == asked
    assert found.terms == meant.terms
    assert found.passages[0].paper == meant.passages[0].paper


def test_of_two_misspelled_names_one_may_end_in_the_other(base: Any) -> None:
    base.add(
        five="Two amino acids\n\nLeucine was raised in plasma of patients. Isoleucine was raised in plasma of patients.\n"
    )
    asked = "Are leucinne and isoleucinne related?"
    found = base.app.retriever.retrieve(Question(asked), PASSAGES)
    assert found.trace is not None
    assert [printed for printed, _ in found.trace.misread] == ["leucinne", "isoleucinne"]
    assert not {term.stem for term in found.terms} & {"leucinn", "isoleucinn", "isol"}


def test_a_word_that_papers_print_is_no_misspelling(base: Any) -> None:
    asked = "Is cytokine related to phenylketonuria?"
    base.add(five="A cytosine in newborns\n\nCytosine was raised in plasma of patients with phenylketonuria.\n")
    assert trace(base, asked).misread == (("cytokine", "cytosine"),)
    base.add(six="Storms of the immune system\n\nA cytokine storm was seen in three of the patients.\n")
    assert trace(base, asked).misread == ()


@pytest.mark.parametrize("identifier", ["DOID:9281", "doid:9281", "MESH:D010661"])
def test_an_identifier_is_read_as_the_name_that_papers_print(base: Any, identifier: str) -> None:
    found = base.app.retriever.retrieve(Question(f"What is raised in {identifier}?"), PASSAGES)
    assert found.trace is not None
    assert found.trace.misread == ((identifier, "phenylketonuria"),)
    assert found.passages[0].paper.source == "three.txt"


@pytest.mark.parametrize(("asked", "name"), [("HPA", "phenylketonuria"), ("Phe", "L-phenylalanine")])
def test_a_short_form_that_no_paper_prints_is_read_as_the_name(base: Any, asked: str, name: str) -> None:
    found = base.app.retriever.retrieve(Question(f"What is said of {asked} in plasma?"), PASSAGES)
    assert found.trace is not None
    assert found.trace.misread == ((asked, name),)
    assert found.passages[0].paper.source == "three.txt"


def test_a_name_is_not_read_as_itself(base: Any) -> None:
    base.add(five="A liver disease\n\nSuccinylacetone was raised in plasma of patients with tyrosinaemia type I.\n")
    asked = trace(base, "What is raised in tyrosinemia type I?")
    assert [node.name for node in asked.concepts] == ["tyrosinemia type I"]
    assert asked.misread == ()


def test_an_identifier_that_papers_print_is_searched_for_as_it_is(base: Any) -> None:
    base.add(five="Codes of diseases\n\nThe code DOID:9281 was used for every one of the patients of the clinic.\n")
    found = base.app.retriever.retrieve(Question("Who used DOID:9281 and phenylalanine?"), PASSAGES)
    assert found.trace is not None
    assert found.trace.misread == ()
    assert {node.name for node in found.trace.concepts} >= {"phenylketonuria"}
    assert found.passages[0].paper.source == "five.txt"


def test_the_class_that_is_asked_for_is_not_what_it_is_asked_of(base: Any) -> None:
    base.add(
        seven="Amino acids of newborns\n\nAmino acids were raised in plasma of patients with obesity.\n",
    )
    told = trace(base, "Which amino acids are raised in phenylketonuria?")
    assert [node.name for node in told.concepts] == ["phenylketonuria"]
    assert "obesity" not in {end.name for r in told.relationships if r.asked for end in (r.subject, r.object)}
    assert "amino acid" in {node.name for node in trace(base, "How are amino acids related to obesity?").concepts}


def test_what_papers_name_is_no_misspelling_of_something_else(base: Any) -> None:
    base.add(
        four="A new enzyme\n\nThe gene tyrosinne was associated with obesity. The tyrosinne gene was associated with obesity.\n"
    )
    concepts = {node.concept for node in trace(base, "Is tyrosinne associated with obesity?").concepts}
    assert any(concept.startswith("NAME:") for concept in concepts), concepts
