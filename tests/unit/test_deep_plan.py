"""A question to the questions that it is made of: by rules, and by a model that is not believed."""

import re
import time

import pytest

from cmo.agents import MOST_STEPS, Plan, Planner, Proposer
from cmo.agents.plan import WHOLE
from cmo.errors import ChatFailed
from cmo.model.concepts import Concept, Kind
from cmo.testing import FakeLinker, ScriptedChat

LINKER = FakeLinker(
    (
        Concept("A", "phenylalanine", Kind.METABOLITE),
        Concept("B", "tyrosine", Kind.METABOLITE),
        Concept("C", "choline", Kind.METABOLITE),
        Concept("P", "phenylketonuria", Kind.DISEASE, ("PKU",)),
        Concept("H", "homocystinuria", Kind.DISEASE),
        Concept("S", "plasma", Kind.SPECIMEN),
    )
)
RULES = Planner(LINKER.link_question)


def parts(question: str) -> list[str]:
    return [part.text for part in RULES.parts(question)]


@pytest.mark.parametrize(
    ("question", "made_of"),
    [
        ("What is phenylketonuria?", []),
        ("Is phenylalanine raised in phenylketonuria?", []),
        (
            "Which metabolites are raised in PKU and how is it treated?",
            ["Which metabolites are raised in PKU?", "How is PKU treated?"],
        ),
        (
            "What causes homocystinuria? Which samples show its marker?",
            ["What causes homocystinuria?", "Which samples show homocystinuria's marker?"],
        ),
        (
            "Compare phenylalanine and tyrosine in plasma",
            ["What is known about phenylalanine in plasma?", "What is known about tyrosine in plasma?"],
        ),
        (
            "What is the difference between phenylketonuria and homocystinuria?",
            ["What is known about phenylketonuria?", "What is known about homocystinuria?"],
        ),
        (
            "How do phenylketonuria and homocystinuria differ in plasma?",
            ["What is known about phenylketonuria in plasma?", "What is known about homocystinuria in plasma?"],
        ),
        (
            "Which metabolites are raised in phenylketonuria and homocystinuria?",
            ["Which metabolites are raised in phenylketonuria?", "Which metabolites are raised in homocystinuria?"],
        ),
        ("Is phenylalanine linked to tyrosine and choline?", []),
        ("How does choline lead to phenylketonuria?", []),
        ("Which metabolites of plasma are raised and lowered in PKU?", []),
    ],
)
def test_a_question_is_split_where_it_asks_for_more_than_one_thing(question: str, made_of: list[str]) -> None:
    assert parts(question) == made_of


def test_what_points_back_to_nothing_known_stays_with_what_it_points_to() -> None:
    assert parts("Which samples were taken first and how were those stored?") == []


def test_the_question_itself_is_always_asked_first_and_a_plan_is_bounded() -> None:
    question = "What is A1? " + " ".join(f"What is thing number {n} of this?" for n in range(9))
    plan = RULES.plan(question)
    assert (plan[0].text, plan[0].why) == (question, WHOLE)
    assert len(plan) == MOST_STEPS
    assert len({one.text for one in plan}) == MOST_STEPS


@pytest.mark.parametrize(
    "piece", ["what differences between a and b in c ", "compare and ", "how do a differ ", "and how is it, ", "? "]
)
@pytest.mark.parametrize("length", [299, 4_000])
def test_no_question_takes_long_to_plan(piece: str, length: int) -> None:
    began = time.process_time()
    RULES.plan((piece * length)[:length])
    assert time.process_time() - began < 0.5


def test_a_chain_of_relations_is_asked_link_by_link() -> None:
    rules = Planner(LINKER.link_question, lambda _: ("choline", "TMAO", "heart disease"))
    assert [one.text for one in rules.parts("How does choline lead to heart disease?")] == [
        "How is choline related to TMAO?",
        "How is TMAO related to heart disease?",
    ]


def test_rules_without_a_vocabulary_still_split() -> None:
    assert [one.text for one in Planner().parts("What is a marker and why does a cohort need controls?")] == [
        "What is a marker?",
        "Why does a cohort need controls?",
    ]


ASKED = "Which metabolites are raised in phenylketonuria and how is it treated?"
BY_RULES = tuple(RULES.plan(ASKED))


def test_a_model_proposes_and_the_question_itself_still_comes_first() -> None:
    chat = ScriptedChat(
        '{"steps": ["Which metabolites are raised in phenylketonuria?", "How is phenylketonuria treated?"]}'
    )
    plan = Proposer(chat, RULES).plan(ASKED)
    assert (plan.by, plan.remark) == (chat.name, "")
    assert [one.text for one in plan.questions] == [
        ASKED,
        "Which metabolites are raised in phenylketonuria?",
        "How is phenylketonuria treated?",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "I would first look at the diet.",
        '{"steps": []}',
        '{"steps": "How is phenylketonuria treated?"}',
        '{"steps": [17, null]}',
        "[" * 100_000,
        '{"steps": ["Who won the football cup?"]}',
        '{"steps": ["Which metabolites are raised in homocystinuria?"]}',  # a name that the question has not
        '{"steps": ["Which metabolites are raised?"]}',  # leaves out what it is about
        '{"steps": ["' + "How is phenylketonuria treated " * 20 + '"]}',
        '{"steps": ["?"]}',
    ],
    ids=lambda said: re.sub(r"\W+", "-", said[:40]),
)
def test_a_proposal_that_does_not_fit_the_question_is_not_followed(said: str) -> None:
    plan = Proposer(ScriptedChat(said), RULES).plan(ASKED)
    assert (plan.questions, plan.by) == (BY_RULES, "rules")
    assert "did not fit" in plan.remark


def test_a_model_that_fails_costs_nothing_but_its_plan() -> None:
    class Broken(ScriptedChat):
        def complete(self, *_: object, **__: object) -> object:  # type: ignore[override]
            raise ChatFailed("The endpoint is gone.")

    failed = Proposer(Broken(), RULES).plan(ASKED)
    assert (failed.questions, failed.by) == (BY_RULES, "rules")
    assert "The endpoint is gone." in failed.remark
    assert Proposer(None, RULES).plan(ASKED) == Plan(BY_RULES)


def test_a_model_never_hears_of_a_question_that_is_refused() -> None:
    chat = ScriptedChat('{"steps": ["How is phenylketonuria treated?"]}')
    assert Proposer(chat, RULES, lambda _: True).plan(ASKED) == Plan(BY_RULES)
    assert chat.asked == []


def test_a_plan_of_many_proposals_is_cut() -> None:
    many = ", ".join(f'"How is phenylketonuria treated in case {n}?"' for n in range(9))
    plan = Proposer(ScriptedChat(f'{{"steps": [{many}]}}'), RULES).plan(ASKED)
    assert len(plan.questions) == MOST_STEPS
