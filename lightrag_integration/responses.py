"""`EnhancedResponseProcessor`: an answer as a chat shows it, with its sources, what it is worth, and in which language.

::

    response --> its words --> its translation, sentence by sentence --> [1] sources --> ✅ Good (0.84)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cmo.app import App
from cmo.errors import OracleError
from cmo.kit.language import ENGLISH, language
from cmo.llm import Bill
from cmo.llm.translate import Translator
from cmo.model.assessments import indicator
from cmo.settings import Settings, read_settings

_CITED: Final = re.compile(r"(\S.*?)\s*((?:\[\d+\]\s?)+|$)", re.DOTALL)
"""What is said, and the marks of what it cites: the marks are not translated."""
_NO_MODEL: Final = "Not translated into the language of the question ({code}): no language model is set."
_FAILED: Final = "Not translated into the language of the question ({code}): the language model could not be asked."
_UNTRUSTED: Final = "Not translated into the language of the question ({code}): no translation could be trusted."
_PARTLY: Final = "Sentences whose translation could not be trusted stand in English."


@dataclass(frozen=True, slots=True)
class ProcessedResponse:
    """An answer as it is shown, and its pieces."""

    formatted_content: str
    content: str
    """The answer alone."""
    citations: tuple[str, ...]
    """A line for each source, numbered as the answer cites them."""
    indicator: str
    language: str
    """Of the question, ISO 639."""
    translation: str = ""
    note: str = ""

    def __str__(self) -> str:
        return self.formatted_content


class EnhancedResponseProcessor:
    """Formats answers.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._app = App(config or read_settings())

    async def process(
        self,
        response: object,
        query: str,
        quality_score: float,
        *,
        include_citations: bool = True,
        include_translation: bool = False,
    ) -> ProcessedResponse:
        """An answer as it is shown.

        Args:
            response: a text, or what `query` returned: its `sources` are the citations.
            query: the question; a translation is into its language.
            quality_score: composite quality, 0 to 1.
            include_citations: whether its sources are listed.
            include_translation: whether it is translated where the question is not in English. What cannot be
                translated stays in English, with a note.
        """
        content = str(_part(response, "content") or response).strip()
        code = language(query)
        translation, note = "", ""
        if include_translation and code != ENGLISH and content:
            translation, note = await asyncio.to_thread(self._translated, content, code)
        citations = _citations(response) if include_citations else ()
        shown = indicator(float(quality_score))
        parts = (content, translation, note, "\n".join(citations), f"{shown} ({float(quality_score):.2f})")
        formatted = "\n\n".join(part for part in parts if part)
        return ProcessedResponse(formatted, content, citations, shown, code, translation, note)

    async def close(self) -> None:
        """Give everything back."""
        await asyncio.to_thread(self._app.close)

    def _translated(self, content: str, code: str) -> tuple[str, str]:
        """The translation and what is to be said of it."""
        chat = self._app.chat if self._app.settings.translate else None
        if chat is None:
            return "", _NO_MODEL.format(code=code)
        pieces = _CITED.findall(content)
        sentences = [text for text, _ in pieces]
        try:
            said = Translator(chat.billed(Bill("translate"))).translate(sentences, code)
        except OracleError:
            return "", _FAILED.format(code=code)
        if not any(said):
            return "", _UNTRUSTED.format(code=code)
        both = [f"{there or here} {marks}".strip() for (here, marks), there in zip(pieces, said, strict=True)]
        return " ".join(both), "" if all(said) else _PARTLY


def _citations(response: object) -> tuple[str, ...]:
    sources = _part(response, "sources") or ()
    if isinstance(sources, str) or not isinstance(sources, Sequence):
        sources = (sources,)
    return tuple(f"[{number}] {_line(source)}" for number, source in enumerate(sources, 1))


def _line(source: object) -> str:
    if isinstance(source, Mapping):
        return str(source.get("title") or source.get("url") or source.get("source") or dict(source))
    return str(getattr(source, "title", source)) if not isinstance(source, str) else source


def _part(response: object, name: str) -> Any:
    return response.get(name) if isinstance(response, Mapping) else getattr(response, name, None)
