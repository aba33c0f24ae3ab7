"""What the documents' snippets call without importing it: the web's answer, a question's language, an id for a user."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from functools import cache
from secrets import token_hex

from cmo.app import App
from cmo.errors import SettingsError
from cmo.kit.language import language
from cmo.model.questions import Web
from cmo.oracle import Oracle, admit
from cmo.settings import Settings, read_settings
from lightrag_integration.rag import RAGResponse


class WebAnswers:
    """Answers from the web, each sentence quoted from the page that it cites.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._app = App(config or read_settings())
        self._opening = threading.Lock()

    async def query(self, text: str) -> RAGResponse:
        """The answer to a question; papers serve where the web has nothing.

        Raises:
            SettingsError: no search of the web is set up.
            BadQuestion: it cannot be asked as it stands.
        """
        asked = replace(admit(text), web=Web.ONLY)
        oracle = await asyncio.to_thread(self._open)
        return RAGResponse.of(await oracle.ask(asked))

    async def close(self) -> None:
        """Give everything back."""
        await asyncio.to_thread(self._app.close)

    def _open(self) -> Oracle:
        with self._opening:  # questions may come at once
            if self._app.websearch is None:
                raise SettingsError("No search of the web is set up. Set PERPLEXITY_API_KEY.")
            return self._app.oracle


async def perplexity_query(query: str) -> RAGResponse:
    """The web's answer, by the settings of the environment as they are at the first call.

    Raises:
        SettingsError: PERPLEXITY_API_KEY is not set.
    """
    return await _shared().query(query)


async def perplexity_fallback_query(query: str) -> RAGResponse:
    """The same, where it stands in for another engine."""
    return await perplexity_query(query)


def detect_language(query: str) -> str:
    """The language of a question, by its code of ISO 639; what is too short to tell, or made of acronyms, is ``en``."""
    return language(query)


def generate_user_id() -> str:
    """An id that nobody can guess, for a user who has none."""
    return f"user-{token_hex(8)}"


@cache
def _shared() -> WebAnswers:
    return WebAnswers()
