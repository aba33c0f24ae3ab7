"""Yes or no, where a question asks for it and a quoted sentence concludes."""

import numpy as np
import pytest

from cmo.assess.heads import Head
from cmo.assess.yesno import SURE, Decider, Deciding, polar
from cmo.model.answers import Answer, AnswerSentence, NoAnswer, RefusalReason, Says
from cmo.model.evidence import Evidence, Found
from cmo.model.papers import Format, Metadata, PaperRef, Section
from cmo.model.questions import Question
from cmo.vocabulary.units import quantities

ASKED = "Does sapropterin reduce phenylalanine in phenylketonuria?"
YES = "In conclusion, sapropterin reduced phenylalanine in patients with phenylketonuria."
NO = "In conclusion, sapropterin did not reduce phenylalanine in patients with phenylketonuria."
OPEN = "Sapropterin was given to patients with phenylketonuria for four weeks."


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider(quantities)


@pytest.mark.parametrize(
    "question",
    [
        ASKED,
        "Are ceramides raised in diabetes?",
        "Gluten tolerance in adults: is it restored?",
        "As of 2019, are gangliosides a target?",
        "Is P. gingivalis found in the brain?",
        "Tocilizumab is an anti-TNF antibody, yes or no?",
        "Is it raised or not?",
    ],
)
def test_a_question_that_can_be_answered_by_yes_or_no_is_known(question: str) -> None:
    assert polar(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which metabolites are raised in PKU?",
        "What is MCAD deficiency?",
        "Can you summarize phenylketonuria?",
        "Is it inherited in a dominant or a recessive manner?",
        "In which tissues is Xist expressed?",
        "phenylalanine",
        "?",
        "",
    ],
)
def test_what_asks_for_something_else_gets_no_verdict(question: str, decider: Decider) -> None:
    assert not polar(question)
    assert decider.decide(question, [YES]) is None


def test_a_conclusion_that_denies_turns_the_answer(decider: Decider) -> None:
    yes, no = decider.decide(ASKED, [OPEN, YES]), decider.decide(ASKED, [OPEN, NO])
    assert yes is not None
    assert no is not None
    assert yes.probability is not None
    assert no.probability is not None
    assert yes.probability > no.probability + 0.3
    assert yes.says is Says.YES
    assert no.says is not Says.YES
    assert (yes.sentence, no.sentence) == (1, 1)


def test_nothing_is_said_where_no_sentence_concludes(decider: Decider) -> None:
    told = decider.decide(ASKED, [OPEN])
    assert told is not None
    assert (told.says, told.probability, told.sentence) == (Says.UNSURE, None, None)
    assert decider.decide(ASKED, []) is None


@pytest.mark.parametrize(("odds", "says"), [(3.0, Says.YES), (-3.0, Says.NO), (0.5, Says.UNSURE), (-0.5, Says.UNSURE)])
def test_what_is_near_neither_end_is_unsure(odds: float, says: Says) -> None:
    told = Decider(quantities, Head(odds, {})).decide(ASKED, [YES])
    assert told is not None
    assert told.probability is not None
    assert told.says is says
    assert (max(told.probability, 1 - told.probability) >= SURE) is (says is not Says.UNSURE)


class Quoting:
    """Answers with what it was given."""

    def __init__(self, answer: Answer) -> None:
        self.given = answer

    def answer(self, _question: Question, _found: Found) -> Answer:
        return self.given


def quoted(text: str) -> Evidence:
    paper = PaperRef("p", 1, "0" * 64, "p.txt", Format.TEXT, Metadata())
    return Evidence(f"p.1.0-{len(text)}", paper, 1, 0, len(text), (), text, Section.ABSTRACT, "", 1.0)


FOUND = Found(ASKED, (), np.zeros(2, np.float32), (), "s", 2)
SAID = (
    AnswerSentence("two quotes", (1,), (quoted(OPEN), quoted(OPEN))),
    AnswerSentence(YES, (1,), (quoted(YES),)),
)


def test_the_sentence_is_counted_as_the_answer_shows_it(decider: Decider) -> None:
    deciding = Deciding(Quoting(Answer(ASKED, SAID, (), 0.9, "s")), lambda: decider)
    leaning = deciding.answer(Question(ASKED), FOUND).leaning
    assert leaning is not None
    assert leaning.sentence == 1
    assert leaning.evidence == f"p.1.0-{len(YES)}"
    assert leaning.says is Says.YES


def test_nobody_is_asked_for_a_verdict_on_a_refusal_or_on_another_question() -> None:
    def never() -> Decider:
        raise AssertionError

    refused = Answer(ASKED, (), (), 0.0, "s", refusal=NoAnswer(RefusalReason.THIN_EVIDENCE, "", 0, ()))
    assert Deciding(Quoting(refused), never).answer(Question(ASKED), FOUND).leaning is None
    told = Answer("What is raised?", SAID, (), 0.9, "s")
    assert Deciding(Quoting(told), never).answer(Question("What is raised?"), FOUND).leaning is None
