"""Which engine answers, and which stands in."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cmo.engines import Engines, Source
from cmo.errors import EngineError, OracleError
from cmo.kit.deadline import within
from cmo.kit.leaving import Leaving, Left, noticing
from cmo.kit.telling import heard, tell
from cmo.model.answers import Answer, AnswerSentence, Citation, NoAnswer, RefusalReason
from cmo.model.assessments import Assessment
from cmo.model.evidence import Found
from cmo.model.papers import Format, Metadata, PaperRef
from cmo.model.questions import Question, Web
from cmo.model.routes import Category, Decider, Destination, ResearchCategory, Route, Scope
from cmo.model.stages import Anew, Stage, Step
from cmo.testing import FakeClock

PAPER = PaperRef("p1", 1, "0", "p.pdf", Format.PDF, Metadata(title="A paper"))
PAGE = PaperRef("web-1", 1, "1", "https://example.org/", Format.WEB, Metadata(title="A page"))


def route(*engines: Destination, scope: Scope = Scope.IN, to: Destination = Destination.LIGHTRAG) -> Route:
    return Route(
        to, Category.KNOWLEDGE_GRAPH, ResearchCategory.GENERAL, scope, engines, 1.0, (1, 1), 0.0, {}, (), 1.0,
        Decider.HEAD, (), "v",
    )  # fmt: skip


class Searches:
    """Finds a page where the web is asked; the papers may be broken."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[Web] = []
        self._broken = broken

    def retrieve(self, question: Question, limit: int) -> Found:
        self.asked.append(question.web)
        if self._broken and question.web is Web.NO:
            raise EngineError("the index is gone.")
        return Found(question.text, (), np.zeros(4, np.float32), (), question.web.value, limit)


class Says:
    """Cites what was searched; `refused` says for which searches there is nothing."""

    def __init__(self, refused: tuple[Web, ...] = ()) -> None:
        self._refused = refused

    def answer(self, question: Question, found: Found) -> Answer:
        if question.web in self._refused:
            refusal = NoAnswer(RefusalReason.THIN_EVIDENCE, "no", 0, ())
            return Answer(question.text, (), (), 0.1, found.snapshot, refusal=refusal)
        papers = {Web.NO: [PAPER], Web.ALSO: [PAPER, PAGE], Web.ONLY: [PAGE]}[question.web]
        cited = tuple(Citation(n, paper) for n, paper in enumerate(papers, 1))
        return Answer(question.text, (AnswerSentence("It is so.", (1,), ()),), cited, 0.9, found.snapshot)


def judged(**composite: float) -> Callable[[Answer], Assessment]:
    """Judges by what was searched."""

    def judge(answer: Answer) -> Assessment:
        worth = composite[answer.snapshot]
        return Assessment((), worth, worth, worth, 1.0, None, None, None, worth)

    return judge


def engines(searches: Searches, says: Says, *, web: bool = True, judge: object = None) -> Engines:
    return Engines(searches, says, FakeClock(), web=lambda: web, judge=judge)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "web", "source"),
    [
        ((Destination.LIGHTRAG,), Web.NO, Source.PAPERS),
        ((Destination.PERPLEXITY,), Web.ONLY, Source.WEB),
        ((Destination.LIGHTRAG, Destination.PERPLEXITY), Web.ALSO, Source.BOTH),
    ],
)
def test_the_route_says_whom_to_ask(asked: tuple[Destination, ...], web: Web, source: Source) -> None:
    searches = Searches()
    made = engines(searches, Says()).answer(Question("What?"), route(*asked))
    assert (searches.asked, made.source, made.notice) == ([web], source, "")


def test_without_a_route_the_question_says_whom_to_ask() -> None:
    searches = Searches()
    assert engines(searches, Says()).answer(Question("What?", web=Web.ONLY), None).source is Source.WEB
    assert searches.asked == [Web.ONLY]


@pytest.mark.parametrize("says", [Says((Web.NO,)), Says()])
def test_where_papers_do_not_do_the_web_is_asked_as_well(says: Says) -> None:
    searches = Searches()
    made = engines(searches, says, judge=judged(no=0.5, also=0.9)).answer(
        Question("What?"), route(Destination.LIGHTRAG)
    )
    assert searches.asked == [Web.NO, Web.ALSO]
    assert made.source is Source.WEB_INSTEAD
    assert "the web was asked" in made.notice


def test_the_better_answer_stands_and_a_poor_one_is_labelled() -> None:
    made = engines(Searches(), Says(), judge=judged(no=0.5, also=0.4)).answer(Question("What?"), None)
    assert (made.source, made.answer.snapshot) == (Source.POOR_PAPERS, "no")
    assert engines(Searches(), Says(), judge=judged(no=0.7)).answer(Question("?"), None).source is Source.POOR_PAPERS
    assert engines(Searches(), Says(), judge=judged(no=0.8)).answer(Question("?"), None).source is Source.PAPERS


def test_a_second_answer_is_not_told_before_it_is_the_better_one() -> None:
    class SaysAloud(Says):
        def answer(self, question: Question, found: Found) -> Answer:
            tell(AnswerSentence(found.snapshot, (1,), ()))
            return super().answer(question, found)

    said: list[object] = []
    with heard(said.append):
        engines(Searches(), SaysAloud(), judge=judged(no=0.5, also=0.4)).answer(Question("What?"), None)
    assert [fact.text for fact in said if isinstance(fact, AnswerSentence)] == ["no"]
    assert [fact.step for fact in said if isinstance(fact, Stage)] == [Step.RETRIEVE, Step.WRITE, Step.CHECK] * 2
    said.clear()
    with heard(said.append):
        engines(Searches(broken=True), SaysAloud()).answer(Question("What?"), None)
    assert [fact.text for fact in said if isinstance(fact, AnswerSentence)] == ["only"]
    assert Anew() in said, "whatever the papers' engine had said is taken back"


def test_nobody_is_asked_for_one_who_has_gone() -> None:
    searches, leaving = Searches(), Leaving()
    leaving.leave()
    with noticing(leaving), pytest.raises(Left):
        engines(searches, Says()).answer(Question("What?"), None)
    assert searches.asked == []


def test_what_is_not_for_us_never_goes_to_the_web() -> None:
    searches = Searches()
    out = route(scope=Scope.OUT, to=Destination.NEITHER)
    assert engines(searches, Says((Web.NO,))).answer(Question("What?"), out).source is Source.NONE
    assert engines(searches, Says((Web.NO,)), web=False).answer(Question("What?"), None).source is Source.NONE
    with within(0.5):
        engines(searches, Says((Web.NO,))).answer(Question("What?"), None)
    assert searches.asked == [Web.NO] * 3


def test_papers_that_are_broken_are_no_end_while_the_web_works() -> None:
    made = engines(Searches(broken=True), Says()).answer(Question("What?"), None)
    assert made.source is Source.WEB_INSTEAD
    assert "the index is gone)" in made.notice
    with pytest.raises(OracleError, match="the index is gone"):
        engines(Searches(broken=True), Says(), web=False).answer(Question("What?"), None)


def test_a_second_engine_that_fails_leaves_the_first_answer() -> None:
    class Fails(Searches):
        def retrieve(self, question: Question, limit: int) -> Found:
            if question.web is Web.ALSO:
                raise EngineError("gone")
            return super().retrieve(question, limit)

    made = engines(Fails(), Says(), judge=judged(no=0.3)).answer(Question("What?"), None)
    assert made.source is Source.POOR_PAPERS


def test_a_notice_of_the_search_is_told() -> None:
    class Noticed(Searches):
        def retrieve(self, question: Question, limit: int) -> Found:
            return replace(super().retrieve(question, limit), notice="The web could not be asked.")

    assert engines(Noticed(), Says()).answer(Question("What?"), None).notice == "The web could not be asked."
