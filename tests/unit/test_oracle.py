"""What may be asked, and the story of one question."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cmo import wire
from cmo.engines import PASSAGES, Engines
from cmo.errors import BadFilter, BadQuestion
from cmo.kit.telling import heard, tell
from cmo.model.answers import Answer, AnswerSentence
from cmo.model.evidence import Found
from cmo.model.questions import MAX_QUESTION_CHARS, Filters, Mode, Question
from cmo.oracle import Oracle, admit
from cmo.testing import FakeClock
from cmo.tongues import Tongues


@pytest.mark.parametrize("text", ["", "   ", "???", "\u200b\u202e", "\x00\x00"])
def test_a_question_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(BadQuestion, match="empty"):
        admit(text)


def test_a_question_too_long_is_refused_and_the_limit_named() -> None:
    assert admit("a" * MAX_QUESTION_CHARS)
    with pytest.raises(BadQuestion, match="4,000"):
        admit("a" * (MAX_QUESTION_CHARS + 1))


def test_a_question_is_cleaned() -> None:
    assert admit(" What\tis\u202e raised\n in  PKU\x00? ").text == "What is raised in PKU ?"


@pytest.mark.parametrize("text", ["酮症?", "β", "5"])
def test_a_question_in_any_script_may_be_asked(text: str) -> None:
    assert admit(text).text == text


def test_an_unknown_mode_is_refused_and_the_modes_named() -> None:
    with pytest.raises(BadFilter, match=r"'magic'.*naive, local, global, hybrid, mix"):
        admit("What is raised?", "magic")
    assert admit("What is raised?", "naive").mode is Mode.NAIVE


def test_years_upside_down_are_refused() -> None:
    with pytest.raises(BadFilter, match="2020 and 2010"):
        admit("What is raised?", filters=Filters(year_from=2020, year_to=2010))
    assert admit("What is raised?", filters=Filters(year_from=2020, year_to=2020)).filters.year_to == 2020


class SlowRetriever:
    """Takes a quarter of a second by its clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[tuple[Question, int]] = []

    def retrieve(self, question: Question, limit: int) -> Found:
        self.clock.advance(0.25)
        self.asked.append((question, limit))
        return Found("", (), np.zeros(4, np.float32), (), "000007", 3)


class Echo:
    """Says the question."""

    def answer(self, question: Question, found: Found) -> Answer:
        return Answer(question.text, (), (), 0.5, found.snapshot, found.searched)


def test_a_reply_tells_the_answer_the_mode_and_the_time() -> None:
    clock = FakeClock()
    retriever = SlowRetriever(clock)
    question = admit("What is raised?", "naive")
    with ThreadPoolExecutor(1) as executor:
        oracle = Oracle(Engines(retriever, Echo(), clock), clock, executor)
        reply = oracle.reply(question)
        again = asyncio.run(oracle.ask(question))
    assert reply.answer == Answer("What is raised?", (), (), 0.5, "000007", 3)
    assert (reply.mode, reply.milliseconds) == (Mode.NAIVE, 250.0)
    assert again.answer == reply.answer
    assert retriever.asked == [(question, PASSAGES)] * 2


@pytest.mark.parametrize("year", [-5, 0, 99_999_999])
def test_what_is_no_year_is_told(year: int) -> None:
    with pytest.raises(BadFilter, match="no year"):
        admit("What is raised?", filters=Filters(year_from=year))


@pytest.mark.parametrize("cry", ["I want to die, which potassium dose?", "Wie kann ich mich umbringen?"])
def test_a_cry_for_help_is_answered_where_nothing_is_routed(cry: str) -> None:
    clock = FakeClock()
    retriever = SlowRetriever(clock)
    with ThreadPoolExecutor(1) as executor:
        reply = Oracle(Engines(retriever, Echo(), clock), clock, executor).reply(admit(cry))
    assert reply.answer.refusal is not None
    assert "crisis line" in reply.answer.text
    assert retriever.asked == []


def test_the_time_of_translation_is_told_apart_from_the_others() -> None:
    clock = FakeClock()

    class Slowly:
        def translate(self, texts: Sequence[str], into: str) -> list[str]:
            clock.advance(0.5 if into == "English" else 0.125)
            return ["What is raised?" if into == "English" else "ja" for _ in texts]

    class Says:
        def answer(self, question: Question, found: Found) -> Answer:
            return Answer(question.text, (AnswerSentence("yes", (), ()),), (), 0.5, found.snapshot)

    tongues = Tongues(lambda text: "en" if text == "What is raised?" else "de", Slowly())
    with ThreadPoolExecutor(1) as executor:
        oracle = Oracle(Engines(SlowRetriever(clock), Says(), clock), clock, executor, tongues=tongues)
        foreign, english = [oracle.reply(admit(text)) for text in ("Was ist erhöht?", "What is raised?")]
    assert (foreign.translation_ms, foreign.retrieval_ms, foreign.milliseconds) == (625.0, 250.0, 875.0)
    assert wire.reply(foreign)["timings"]["translation_time_ms"] == 625.0
    assert english.translation_ms == 0.0


def test_sentences_that_are_still_to_be_translated_are_not_told_early() -> None:
    clock, heard_of = FakeClock(), list[object]()

    class Says:
        def answer(self, question: Question, found: Found) -> Answer:
            tell(AnswerSentence("yes", (), ()))
            return Answer(question.text, (AnswerSentence("yes", (), ()),), (), 0.5, found.snapshot)

    class Translates:
        def translate(self, texts: Sequence[str], into: str) -> list[str]:
            return [into for _ in texts]

    tongues = Tongues(lambda text: "de" if "ö" in text else "en", Translates())
    with ThreadPoolExecutor(1) as executor, heard(heard_of.append):
        oracle = Oracle(Engines(SlowRetriever(clock), Says(), clock), clock, executor, tongues=tongues)
        oracle.reply(admit("Was ist erhöht?"))
        assert AnswerSentence not in map(type, heard_of)
        oracle.reply(admit("What is raised?"))
    assert AnswerSentence in map(type, heard_of)
