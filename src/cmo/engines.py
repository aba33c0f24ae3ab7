"""The story of an answer's engines: the papers, the web, or both; and another one where the first does not do.

::

    question, route --> papers | web | both --> answer --judged--> good enough? --> reply
                          '--gone---------------. |                   | no
                                                v v                   v
                                        whoever was not asked yet --> the better of both, and a label that says so

An engine that fails is never the end while another works. What is shown says where it comes from, with the labels of the
documents: ``lightrag``, ``perplexity``, ``hybrid``, ``perplexity_fallback``, ``lightrag_low_quality``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cmo.errors import OracleError
from cmo.kit import leaving
from cmo.kit.clock import Clock
from cmo.kit.deadline import affords
from cmo.kit.spans import span
from cmo.kit.telling import tell, without
from cmo.model.answers import Answer, AnswerSentence
from cmo.model.assessments import Assessment
from cmo.model.papers import Format
from cmo.model.ports import Answerer, Retriever
from cmo.model.questions import Question, Web
from cmo.model.routes import Destination, Route, Scope
from cmo.model.stages import Anew, Stage, Step

PASSAGES: Final = 10
"""Passages that an answer may draw on."""
POOR: Final = 0.6
"""Composite quality below which another engine is asked (REQUIREMENTS §23, 8)."""
GOOD: Final = 0.8
"""Composite quality below which an answer of papers is shown as of low quality."""
_SECOND: Final = 1.0
"""Seconds that another engine needs at least."""
_INSTEAD: Final = "The papers did not say enough, so the web was asked as well."
_SEARCHED: Final = {
    Web.NO: "Searching the papers",
    Web.ALSO: "Searching the papers and the web",
    Web.ONLY: "Searching the web",
}
_BROKEN: Final = "The papers could not be asked ({why}), so this rests on the web alone."


class Source(StrEnum):
    """Where an answer comes from."""

    PAPERS = "lightrag"
    WEB = "perplexity"
    BOTH = "hybrid"
    WEB_INSTEAD = "perplexity_fallback"
    """The web, as the papers could not be asked or did not say enough."""
    POOR_PAPERS = "lightrag_low_quality"
    NONE = "none"
    """It is refused."""


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, where it comes from, and what it took."""

    answer: Answer
    source: Source
    assessment: Assessment | None
    """None where nobody judges."""
    notice: str
    retrieval_ms: float
    """From the question to its passages."""
    generation_ms: float
    """From the passages to the answer."""

    @property
    def quality(self) -> float:
        """Composite quality; of a refusal 0. Where nobody judges, an answer that is given is good."""
        if self.answer.refusal is not None:
            return 0.0
        return self.assessment.composite if self.assessment else 1.0


class Engines:
    """Answers with whichever engine a question needs, and another where that does not do.

    Args:
        retriever: question to passages, of papers and of the web where a question says so.
        answerer: passages to a cited answer.
        clock: for durations.
        web: whether the web may be asked now.
        judge: says what an answer is worth; None where nobody does.
    """

    def __init__(
        self,
        retriever: Retriever,
        answerer: Answerer,
        clock: Clock,
        *,
        web: Callable[[], bool] = lambda: False,
        judge: Callable[[Answer], Assessment] | None = None,
    ) -> None:
        self._retriever = retriever
        self._answerer = answerer
        self._clock = clock
        self._web = web
        self._judge = judge

    def answer(self, question: Question, route: Route | None) -> Made:
        """The best answer that can be had.

        Raises:
            OracleError: no engine works.
        """
        question = replace(question, web=_wanted(question, route))
        try:
            first = self._made(question)
        except OracleError as error:
            if question.web is not Web.NO or not self._another(route):
                raise
            tell(Anew())
            instead = self._made(replace(question, web=Web.ONLY))
            return _labelled(instead, _BROKEN.format(why=str(error).rstrip(".")), instead=True)
        if first.quality >= POOR or question.web is not Web.NO or not self._another(route):
            return _labelled(first)
        try:
            with without(AnswerSentence):  # which of the two stands is not known yet
                second = self._made(replace(question, web=Web.ALSO))
        except OracleError:  # the first one stands
            return _labelled(first)
        return _labelled(second, _INSTEAD, instead=True) if second.quality > first.quality else _labelled(first)

    def _another(self, route: Route | None) -> bool:
        """Whether the web may stand in: it may be asked, there is time, and the question is one for us."""
        ours = route is None or (route.scope is Scope.IN and route.destination is not Destination.NEITHER)
        return ours and self._web() and affords(_SECOND)

    def _made(self, question: Question) -> Made:
        leaving.check()
        began = self._clock.monotonic()
        tell(Stage(Step.RETRIEVE, _SEARCHED[question.web]))
        with span("retrieve", mode=question.mode.value) as stage:
            found = self._retriever.retrieve(question, PASSAGES)
            stage.note(passages=len(found.passages))
        between = self._clock.monotonic()
        tell(Stage(Step.WRITE, f"Writing from {len(found.passages)} passages"))
        with span("answer"):
            answer = self._answerer.answer(question, found)
        if judged := self._judge is not None and answer.refusal is None:
            tell(Stage(Step.CHECK, "Judging the answer"))
        with span("assess") if judged else nullcontext():
            assessment = self._judge(answer) if self._judge and judged else None
        ended = self._clock.monotonic()
        return Made(answer, _source(answer), assessment, found.notice, _ms(between - began), _ms(ended - between))


def _wanted(question: Question, route: Route | None) -> Web:
    """Whether a route wants the web; without a route the question itself says."""
    if route is None or Destination.PERPLEXITY not in route.engines:
        return question.web
    return Web.ALSO if Destination.LIGHTRAG in route.engines else Web.ONLY


def _source(answer: Answer) -> Source:
    if answer.refusal is not None:
        return Source.NONE
    of_web = {citation.paper.format is Format.WEB for citation in answer.citations}
    return Source.BOTH if len(of_web) > 1 else Source.WEB if True in of_web else Source.PAPERS


def _labelled(made: Made, notice: str = "", *, instead: bool = False) -> Made:
    source = made.source
    if instead and source in {Source.WEB, Source.BOTH}:
        source = Source.WEB_INSTEAD
    elif source is Source.PAPERS and made.quality < GOOD:
        source = Source.POOR_PAPERS
    told = " ".join(part for part in (notice if source is Source.WEB_INSTEAD else "", made.notice) if part)
    return replace(made, source=source, notice=told)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
