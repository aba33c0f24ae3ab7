"""An answerer that keeps to itself what it is not sure enough of."""

from __future__ import annotations

from cmo.answer.refuse import refuse
from cmo.kit.telling import without
from cmo.model.answers import Answer, AnswerSentence, RefusalReason
from cmo.model.evidence import Found
from cmo.model.ports import Answerer
from cmo.model.questions import Question


class CautiousAnswerer:
    """Refuses where another answerer is less sure than it should be.

    Args:
        answerer: who answers.
        least: confidence from which its answers are given, 0 to 1.
    """

    def __init__(self, answerer: Answerer, least: float) -> None:
        self._answerer = answerer
        self._least = least

    def answer(self, question: Question, found: Found) -> Answer:
        """The answer, or a refusal for thin evidence."""
        with without(AnswerSentence):  # how sure it is, is known at its end
            answer = self._answerer.answer(question, found)
        if answer.refusal is not None or answer.confidence >= self._least:
            return answer
        return refuse(question, found, RefusalReason.THIN_EVIDENCE, answer.confidence)
