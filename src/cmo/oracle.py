"""The story of one question: admit -> route -> engines (retrieve, answer, judge) -> reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from secrets import token_hex

from cmo.engines import Engines, Source
from cmo.errors import BadFilter, BadQuestion
from cmo.kit.clock import Clock
from cmo.kit.deadline import in_context
from cmo.kit.language import ENGLISH
from cmo.kit.leaving import Leaving, noticing
from cmo.kit.telling import tell, without
from cmo.kit.text import clean_line
from cmo.model.answers import Answer, AnswerSentence
from cmo.model.assessments import Assessment
from cmo.model.money import Micros, Payer
from cmo.model.ports import Router
from cmo.model.questions import MAX_QUESTION_CHARS, Filters, Mode, Question
from cmo.model.routes import Conditions, Route
from cmo.model.stages import Anew
from cmo.route.rules import cries
from cmo.route.speak import help_for, notice, out_of_scope, unsafe
from cmo.spend.purse import Purse, paying
from cmo.tongues import Tongues

_LAST_YEAR = 9999
_MODES = frozenset(Mode)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and what it took."""

    answer: Answer
    mode: Mode
    retrieval_ms: float
    """From the question to its passages."""
    generation_ms: float
    """From the passages to the answer, judged where somebody judges."""
    source: Source = Source.PAPERS
    assessment: Assessment | None = None
    """What the answer is worth; None where nobody judges."""
    route: Route | None = None
    """None where questions are not routed."""
    routing_ms: float = 0.0
    """From the question to its route; the search that follows does not encode it again."""
    notice: str = ""
    """What the asker should know of the route, such as that the web was not asked."""
    fleeting: bool = False
    """Whether an engine failed or was too dear, so that the same question may be answered better in a moment."""
    cost: Micros = 0
    """What its calls took, in millionths of a dollar."""
    id: str = ""
    """By which it can be rated and replayed; the oracle gives it."""
    translation_ms: float = 0.0
    """Of the question into English, and of the sentences back; 0 where nobody was asked to."""

    @property
    def milliseconds(self) -> float:
        """All together."""
        return round(self.translation_ms + self.routing_ms + self.retrieval_ms + self.generation_ms, 3)


class Oracle:
    """Answers questions. Everything that it needs comes in through the constructor.

    Args:
        engines: answer, where there is something to answer.
        clock: for durations.
        executor: where the work runs, so that the event loop stays free.
        router: tells what a question needs; None where nobody is to.
        conditions: what a router has to reckon with at the moment.
        tongues: understands questions in other languages; None where nobody tries.
    """

    def __init__(
        self,
        engines: Engines,
        clock: Clock,
        executor: Executor,
        *,
        router: Router | None = None,
        conditions: Callable[[], Conditions] = Conditions,
        tongues: Tongues | None = None,
    ) -> None:
        self._engines = engines
        self._clock = clock
        self._executor = executor
        self._router = router
        self._conditions = conditions
        self._tongues = tongues or Tongues(lambda _text: ENGLISH, None)

    async def ask(self, question: Question) -> Reply:
        """Answer a question without blocking the event loop; whoever goes ends what is asked of the outside for them."""
        leaving = Leaving()
        with noticing(leaving):
            work = in_context(self.reply, question)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except asyncio.CancelledError:
            leaving.leave()
            raise

    def reply(self, question: Question) -> Reply:
        """Answer a question in the calling thread."""
        name = token_hex(8)
        tell(Anew())
        with paying(Purse(question.payer, name, question.max_cost)) as purse:
            made = self._reply(question)
        return replace(made, id=name, cost=purse.spent)

    def _reply(self, question: Question) -> Reply:
        if self._router is None and cries(question.text):  # a router sees to that itself
            return Reply(help_for(question.text), question.mode, 0.0, 0.0, Source.NONE)
        came = self._clock.monotonic()
        understood = self._tongues.understood(question)
        between = self._clock.monotonic()
        asked = understood.question
        conditions = self._conditions()
        route = self._router.route(asked.text, conditions) if self._router else None
        routing_ms = self._since(between) if route else 0.0
        into_english = (between - came) if understood.translated or understood.failed else 0.0
        if route and route.refuses:
            answer, spent = unsafe(question.text, route), _ms(into_english)
            return Reply(
                answer, question.mode, 0.0, 0.0, Source.NONE, route=route, routing_ms=routing_ms, translation_ms=spent
            )
        with without(AnswerSentence) if understood.translated else nullcontext():  # they are told translated, or not
            made = self._engines.answer(asked, route)
        told = (understood.notice, notice(route, conditions) if route else "", made.notice, made.answer.remark)
        answer = out_of_scope(made.answer, route) if route else made.answer
        done = self._clock.monotonic()
        answer = self._tongues.told(answer, question, understood)
        back = self._clock.monotonic() - done if understood.translated else 0.0
        return Reply(
            answer,
            question.mode,
            made.retrieval_ms,
            made.generation_ms,
            made.source,
            made.assessment,
            route,
            routing_ms,
            " ".join(part for part in told if part),
            bool(made.notice or made.answer.remark or understood.failed),
            translation_ms=_ms(into_english + back),
        )

    def _since(self, moment: float) -> float:
        return _ms(self._clock.monotonic() - moment)


def admit(text: str, mode: str = Mode.HYBRID, filters: Filters | None = None, payer: Payer | None = None) -> Question:
    """A question as it may be asked: cleaned, bounded, its mode known.

    Raises:
        BadQuestion: empty, too long, or without a letter or digit.
        BadFilter: the mode is unknown, or the years are upside down.
    """
    if len(text) > MAX_QUESTION_CHARS:
        raise BadQuestion(
            f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} can be asked. Shorten it."
        )
    cleaned = clean_line(text)
    if not any(character.isalnum() for character in cleaned):
        raise BadQuestion("The question is empty. Ask in words, such as: Which metabolites are raised in PKU?")
    if mode not in _MODES:
        raise BadFilter(f"There is no mode {mode!r}. The modes are: {', '.join(Mode)}.")
    filters = filters or Filters()
    if wrong := [
        year for year in (filters.year_from, filters.year_to) if year is not None and not 0 < year <= _LAST_YEAR
    ]:
        raise BadFilter(f"{wrong[0]} is no year. Give one such as 2016.")
    if filters.year_from and filters.year_to and filters.year_from > filters.year_to:
        raise BadFilter(f"No year lies between {filters.year_from} and {filters.year_to}. Swap them.")
    return Question(cleaned, Mode(mode), filters, payer=payer or Payer())


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
