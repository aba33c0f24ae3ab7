"""A language model behind an OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp.

::

    messages ─► POST {base_url}/chat/completions ─► checked ─► what it says, and the tokens that took

Temperature 0. A JSON schema goes along as ``response_format``, for servers that can hold a model to it; whether it
did is for the caller to check. Protocol: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from cmo.errors import ChatFailed
from cmo.kit.endpoint import FIRST_PAUSE_SECONDS, Endpoint
from cmo.model.chat import Completion, Message

ATTEMPTS = 3
"""Fewer than for vectors: an answer may take a minute, and a person may be waiting for it."""


class ChatEndpoint:
    """A chat model behind HTTP. Threads may share it.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        model: its name there.
        api_key: sent as a bearer token; never shown.
        timeout: seconds a request may take.
        first_pause: seconds before the second attempt; doubles with each, with some chance added.
        transport: of the HTTP client; for tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str = "",
        timeout: float = 120.0,
        first_pause: float = FIRST_PAUSE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._model = model
        self._endpoint = Endpoint(
            base_url,
            self._failed,
            api_key=api_key,
            timeout=timeout,
            attempts=ATTEMPTS,
            first_pause=first_pause,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"ChatEndpoint({self._model!r} at {self._endpoint.host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Of the model."""
        return self._model

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next, within `most_tokens`.

        Raises:
            ChatFailed: the endpoint kept failing, or sent what is no completion.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.speaker.value, "content": m.text} for m in messages],
            "max_tokens": most_tokens,
            "temperature": 0,
        }
        if schema is not None:
            held = {"name": "reply", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        return self._read(self._endpoint.post("/chat/completions", body))

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _read(self, reply: httpx.Response) -> Completion:
        try:
            said = reply.json()
            text = said["choices"][0]["message"]["content"]
            usage = said.get("usage") or {}
            counts = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ChatFailed(f"{self._endpoint.host} sent a reply that is no chat completion.") from error
        if not isinstance(text, str):
            raise ChatFailed(f"{self._endpoint.host} sent a completion without text.")
        return Completion(text, *counts)

    def _failed(self, reason: str) -> ChatFailed:
        return ChatFailed(
            f"{self._endpoint.host} does not answer with {self._model}: {reason}. Check CMO_LLM_URL, CMO_LLM_MODEL "
            "and the key, and whether the service is up; what was kept so far stays."
        )
