"""The part of the cast list that asks the outside: language models and the web, by the settings.

::

    CMO_LLM_URL + CMO_LLM_MODEL          an OpenAI-compatible endpoint; paid for, unless CMO_LLM_LOCAL
    CMO_LLM_MODEL=smollm2, own.gguf      on this machine; free
    CMO_LLM_MODEL + OPENAI_API_KEY       OpenAI; paid for
    OLLAMA_MODEL                         the Ollama of this machine; free
    PERPLEXITY_API_KEY                   the web; paid for

Nothing is opened before it is asked something.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cmo.errors import SettingsError
from cmo.kit.breaker import Phase
from cmo.kit.clock import Clock
from cmo.model.money import Need, Payments
from cmo.settings import Settings

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.llm import Bill, ChatEndpoint
    from cmo.llm.local import LocalModel
    from cmo.websearch import Search

OPENAI: Final = "https://api.openai.com/v1"
OLLAMA: Final = "http://127.0.0.1:11434/v1"
HERE: Final = "http://llama.cpp"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a language model is."""

    base_url: str
    model: str
    api_key: str = ""
    free: bool = False

    def __repr__(self) -> str:
        return f"Place({self.model!r} at {self.host})"

    @property
    def host(self) -> str:
        """The address without a name and a password."""
        return re.sub(r"^\w+://(?:[^@/]*@)?", "", self.base_url)


def place_of(settings: Settings) -> Place | None:
    """Where the language model is that the settings name; None where they name none."""
    from cmo.llm.gguf import is_local  # noqa: PLC0415

    key = settings.llm_api_key.get_secret_value()
    if settings.llm_url:
        return Place(settings.llm_url, settings.llm_model, key, settings.llm_local) if settings.llm_model else None
    if settings.llm_model and is_local(settings.llm_model):
        return Place(HERE, settings.llm_model, free=True)
    if settings.llm_model:
        return Place(OPENAI, settings.llm_model, key) if key else None
    return Place(OLLAMA, settings.ollama_model, free=True) if settings.ollama_model else None


class Outside:
    """Language models and the web.

    Args:
        settings: which, and how.
        payments: opens the budget that calls are made under.
        clock: the time.
    """

    def __init__(self, settings: Settings, payments: Callable[[], Payments], clock: Clock) -> None:
        self._settings = settings
        self._payments = payments
        self._clock = clock
        self._opened: list[ChatEndpoint] = []

    @cached_property
    def chat(self) -> ChatEndpoint | None:
        """The language model; None where none is set."""
        return self.endpoint(self._settings.llm_seconds)

    @cached_property
    def websearch(self) -> Search | None:
        """The web; None where no key is set."""
        settings = self._settings
        if not (key := settings.perplexity_api_key.get_secret_value()):
            return None
        from cmo.websearch import PageReader, Perplexity, Reading, Search  # noqa: PLC0415

        private, seconds = settings.web_private, settings.web_page_seconds
        provider = Perplexity(
            api_key=key,
            base_url=settings.perplexity_url,
            model=settings.perplexity_model,
            timeout=settings.web_seconds,
            payments=self._payments(),
        )
        reader = PageReader(Reading(page_seconds=seconds, private=private)) if seconds else None
        return Search(provider, self._clock, reader, private=private)

    def needed(self, purpose: str) -> ChatEndpoint:
        """The language model for something that somebody asked for and that cannot be done without it.

        Raises:
            SettingsError: none is set.
        """
        from cmo.llm import Bill  # noqa: PLC0415

        if self.chat is None:
            raise SettingsError(
                "No language model is set. Set CMO_LLM_URL and CMO_LLM_MODEL to an OpenAI-compatible one; or install a "
                "small one with `cmo models install smollm2` and set CMO_LLM_MODEL=smollm2."
            )
        return self.chat.billed(Bill(purpose, Need.PRIORITY))

    def endpoint(self, seconds: float, bill: Bill | None = None, *, attempts: int = 3) -> ChatEndpoint | None:
        """The language model with another patience; None where none is set. It is closed with the rest."""
        from cmo.llm import Bill, ChatEndpoint  # noqa: PLC0415

        settings, place = self._settings, place_of(self._settings)
        if place is None:
            return None
        made = ChatEndpoint(
            base_url=place.base_url,
            model=place.model,
            api_key=place.api_key,
            timeout=seconds,
            attempts=attempts,
            temperature=settings.llm_temperature,
            connections=settings.llm_connections,
            payments=None if place.free else self._payments(),
            bill=bill or Bill(),
            start=self._local.start if place.base_url == HERE else None,
        )
        if not self._opened:  # so that the first question does not wait for the import
            threading.Thread(target=import_module, args=("cmo.llm.wire",), daemon=True).start()
        self._opened.append(made)
        return made

    def phases(self) -> dict[str, Phase]:
        """What the breaker of each service does that was asked; the worst, where there are several."""
        found: dict[str, Phase] = {}
        if self._opened:
            told = {endpoint.phase for endpoint in self._opened}
            found["llm"] = next(phase for phase in (Phase.OPEN, Phase.PROBING, Phase.CLOSED) if phase in told)
        if (search := self.__dict__.get("websearch")) is not None:
            found["web"] = search.phase
        return found

    def close(self) -> None:
        """Close what is open."""
        for endpoint in self._opened:
            endpoint.close()
        if "_local" in self.__dict__:
            self._local.close()
        if (search := self.__dict__.get("websearch")) is not None:
            search.close()

    @cached_property
    def _local(self) -> LocalModel:
        from cmo.llm.local import KVCacheConfig, LocalModel  # noqa: PLC0415

        settings = self._settings
        config = KVCacheConfig(settings.llm_kv_cache, settings.llm_context_tokens)
        return LocalModel(settings.llm_model, Path(settings.models_dir).expanduser(), config, threads=settings.threads)
