"""The story of a question in another language: into English, answered, and back, with the printed sentence beside it.

::

    question --English?--yes--> as it is
                 '--no--> translated, where a language model may be asked --> answered --> sentences translated
                            '--else--> asked as it is, and a notice that papers are found better in English

Evidence stays as it is printed. A translation that would change a figure or a name is not shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cmo.errors import OracleError
from cmo.kit.language import ENGLISH
from cmo.kit.spans import span
from cmo.kit.telling import tell
from cmo.model.answers import Answer
from cmo.model.questions import Question
from cmo.model.stages import Stage, Step

log = logging.getLogger("cmo.tongues")

_ADVICE: Final = "This question seems not to be in English ({code}). Papers are found better by English words."
_FAILED: Final = "The language model could not translate this question ({code}), so it was asked as it is."


class Translates(Protocol):
    """Into another language and back."""

    def translate(self, texts: Sequence[str], into: str) -> list[str]:
        """Each text in another language; empty where it cannot be trusted."""
        ...


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as the engines are asked it."""

    question: Question
    language: str
    """ISO 639."""
    translated: bool = False
    notice: str = ""
    failed: bool = False
    """Whether a translation was wanted and not to be had."""


class Tongues:
    """Understands questions in other languages, as far as that can be.

    Args:
        language: tells the language of a text.
        translator: None where no language model may be asked.
    """

    def __init__(self, language: Callable[[str], str], translator: Translates | None) -> None:
        self._language = language
        self._translator = translator

    def understood(self, question: Question) -> Understood:
        """The question in English, where it was in another language and somebody can translate."""
        code = self._language(question.text)
        if code == ENGLISH:
            return Understood(question, code)
        if self._translator is None:
            return Understood(question, code, notice=_ADVICE.format(code=code))
        [english] = self._said([question.text], "English")
        if not english:
            return Understood(question, code, notice=_FAILED.format(code=code), failed=True)
        return Understood(replace(question, text=english), code, translated=True)

    def told(self, answer: Answer, asked: Question, understood: Understood) -> Answer:
        """The answer to the question as it was asked, its sentences also in the language of that."""
        answer = replace(answer, question=asked.text)
        if not understood.translated or not answer.sentences:
            return answer
        said = self._said([sentence.text for sentence in answer.sentences], understood.language)
        pairs = zip(answer.sentences, said, strict=True)
        return replace(answer, sentences=tuple(replace(sentence, translation=text) for sentence, text in pairs))

    def _said(self, texts: list[str], into: str) -> list[str]:
        assert self._translator is not None
        tell(Stage(Step.TRANSLATE, f"Translating into {into}"))
        try:
            with span("translate"):
                return self._translator.translate(texts, into)
        except OracleError as error:
            log.info("nothing is translated: %s", error)
            return [""] * len(texts)
