"""Names that only papers know: one thing in whatever case, found by a question that no vocabulary helps."""

from itertools import pairwise

import pytest

from cmo.model.concepts import Kind
from cmo.vocabulary.names import Text
from cmo.vocabulary.own import guesses, own_id


def named(kind: Kind, printed: str) -> str:
    return own_id(kind, Text.of(printed).spelled(0, -1))


@pytest.mark.parametrize(
    ("kind", "spellings", "wanted"),
    [
        (Kind.GENE, ("Vnn1", "VNN1", "vnn1", "VNN-1", "Vnn 1"), "NAME:gene:VNN1"),
        (Kind.GENE, ("ABCG25", "Abcg25", "abcg25"), "NAME:gene:ABCG25"),
        (Kind.GENE, ("Kit", "KIT", "kit"), "NAME:gene:KIT"),
        (Kind.GENE, ("Beta-glucosidase", "β-glucosidase", "beta glucosidase"), "NAME:gene:beta glucosidase"),
        (Kind.METABOLITE, ("Oxo-octadecadienoic acid", "oxo octadecadienoic acids"), "NAME:metabolite:oxo octadecadienoic acid"),
        (Kind.METABOLITE, ("CX4945", "cx4945"), "NAME:metabolite:CX4945"),
        (Kind.DISEASE, ("PKU", "pku"), "NAME:disease:PKU"),
    ],
)  # fmt: skip
def test_a_thing_that_no_vocabulary_has_is_one_however_its_case_is_set(
    kind: Kind, spellings: tuple[str, ...], wanted: str
) -> None:
    assert {named(kind, printed) for printed in spellings} == {wanted}


def test_figures_of_a_name_keep_things_apart() -> None:
    assert len({named(Kind.GENE, name) for name in ("Hsp17", "Hsp18", "Hsp1", "11beta-HSD", "17beta-HSD")}) == 5


def test_a_question_asks_for_a_name_under_all_the_ids_that_papers_may_have_given_it() -> None:
    found = {m.concept for m in guesses("What is vnn1 associated with?")}
    assert {"NAME:gene:VNN1", "NAME:metabolite:VNN1", "NAME:disease:VNN1", "NAME:organism:VNN1"} <= found
    assert {concept.partition(":")[0] for concept in found} == {"NAME", "LLM", "LIGHTRAG"}


def test_longer_names_are_tried_first_and_plain_words_alone_not_at_all() -> None:
    question = "Which lower level is found in adynamic bone disease and the like?"
    words = [len(question[m.start : m.end].split()) for m in guesses(question)]
    assert all(a >= b for a, b in pairwise(words))
    printed = {question[m.start : m.end] for m in guesses(question)}
    assert "adynamic bone disease" in printed
    assert not printed & {"Which", "lower", "level", "is", "in", "the", "in adynamic", "disease and the"}


def test_a_plain_word_that_is_asked_for_by_itself_is_tried() -> None:
    assert "NAME:disease:deficiency" in {m.concept for m in guesses("deficiency")}
    assert list(guesses("")) == list(guesses("1 2 ?")) == []


def test_a_very_long_question_costs_no_more_than_its_beginning() -> None:
    assert len(list(guesses("vnn1 " * 5_000))) < 8_000
