"""One attempt at a completion, through the openai SDK: no retries of its own, no reply without an end.

::

    messages --> openai SDK --> LimitedClient --> OpenAI, Ollama, vLLM, llama.cpp
                     `--> text, tokens, whether it was cut; or one of ERRORS, of which `judge` says what it means

The SDK takes half a second to import, so this module is imported with the first call.
Protocol: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import openai

from cmo.kit import deadline, spans
from cmo.kit.breaker import Outcome
from cmo.kit.http import retry_after
from cmo.kit.retry import Again
from cmo.kit.trouble import Trouble
from cmo.llm.limited import LimitedClient, Limits, TooMuch, limited
from cmo.model.chat import Completion, Message, Speech

_BYTES: Final = 65_536
_BYTES_A_TOKEN: Final = 1_024
"""An event of a stream holds a token and some hundred bytes around it."""
_CHARS_A_TOKEN: Final = 64
_SLACK: Final = 8
"""Pieces beyond the most tokens: a character may come in several."""
_SLUG = re.compile(r"[a-z][a-z_]{1,40}")
_OTHER_WORDS: Final = {"max_tokens": "max_completion_tokens", "temperature": ""}
"""What to say instead of what a model refuses; nothing instead of a temperature."""
_NO_KEY: Final = "none"
"""The SDK insists on a key; servers that ask for none do not look at it."""


class NoCompletion(Exception):
    """What came is no completion, or one that nobody can use."""


class Silence(NoCompletion):
    """It said nothing."""


ERRORS: Final[tuple[type[Exception], ...]] = (openai.OpenAIError, httpx2.HTTPError, NoCompletion)
"""All that an attempt raises by itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is, and how it is talked to."""

    base_url: str
    model: str
    api_key: str = ""
    temperature: float = 0.0
    timeout: float = 120.0
    connections: int = 50

    def __repr__(self) -> str:
        return f"Address({self.model!r})"


class Wire:
    """A chat model, asked once a call. Threads may share it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._refused: frozenset[str] = frozenset()
        limits = httpx2.Limits(max_connections=address.connections, max_keepalive_connections=address.connections)
        self._client = openai.OpenAI(
            base_url=address.base_url,
            api_key=address.api_key or _NO_KEY,
            max_retries=0,
            http_client=LimitedClient(limits=limits, headers={"Accept-Encoding": "identity"}),
        )

    @property
    def name(self) -> str:
        """Of the model."""
        return self.address.model

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """What it says next."""
        body = self._body(messages, most_tokens)
        if schema is not None:
            held = {"name": "reply", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        with _readable():
            said = self._send(body, most_tokens)
            choice = said.choices[0]
            text = choice.message.content
            if not isinstance(text, str) or not text.strip():
                raise Silence(_silent(getattr(choice.message, "refusal", None), choice.finish_reason))
            found = _completion(text, said.usage, choice.finish_reason)
        _check(found.text, found.completion_tokens, most_tokens)
        return found

    def stream(self, messages: Sequence[Message], *, most_tokens: int) -> Speech:
        """The same in pieces."""
        body = self._body(messages, most_tokens) | {"stream": True, "stream_options": {"include_usage": True}}
        parts: list[str] = []
        usage, ended = None, ""
        with _readable():
            events = self._send(body, most_tokens)
        try:
            while True:
                with _readable():
                    event = next(events, None)
                    if event is None:
                        break
                    usage = event.usage or usage
                    piece, end = _heard(event)
                ended = end or ended
                if piece:
                    parts.append(piece)
                    _check("", len(parts), most_tokens)
                    yield piece
        finally:
            events.close()
        if not ended:
            raise NoCompletion("a stream that ends in the middle")
        found = _completion("".join(parts), usage, ended)
        if not found.text.strip():
            raise Silence(_silent(None, ended))
        _check(found.text, 0, most_tokens)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, messages: Sequence[Message], most_tokens: int) -> dict[str, Any]:
        address = self.address
        return {
            "model": address.model,
            "messages": [{"role": m.speaker.value, "content": m.text} for m in messages],
            "max_tokens": most_tokens,
            "temperature": address.temperature,
        }

    def _send(self, body: dict[str, Any], most_tokens: int) -> Any:
        allowed = min(self.address.timeout, deadline.share())
        create: Any = self._client.chat.completions.create
        with limited(Limits(allowed, _BYTES + _BYTES_A_TOKEN * most_tokens)):
            headers: dict[str, Any] = deadline.header() | spans.header()
            if not self.address.api_key:
                headers["Authorization"] = openai.Omit()
            try:
                return create(**self._worded(body), timeout=allowed, extra_headers=headers)
            except (
                openai.BadRequestError
            ) as error:  # models that reason know some words under other names, or not at all
                if error.param not in _OTHER_WORDS or error.param in self._refused:
                    raise
                self._refused |= {error.param}
                return create(**self._worded(body), timeout=allowed, extra_headers=headers)

    def _worded(self, body: dict[str, Any]) -> dict[str, Any]:
        """In words that this model has not refused."""
        told = {_OTHER_WORDS[name] if name in self._refused else name: value for name, value in body.items()}
        told.pop("", None)
        return told


def judge(error: Exception) -> Trouble:
    """What an error means (RFC 9110, 15): a wrong request says nothing about the service, one too many little."""
    cause = error.__cause__
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(cause, TooMuch) or isinstance(error, NoCompletion | TooMuch):
        return Trouble(Outcome.FAILURE)
    if is_full(error):
        return Trouble(Outcome.IGNORED)
    if isinstance(error, openai.APITimeoutError):  # what took two minutes takes two more, and costs as much again
        again = Again() if isinstance(cause, httpx2.ConnectTimeout) else None
        return Trouble(Outcome.FAILURE, again, dropped=True)
    if isinstance(error, openai.APIConnectionError) and not isinstance(cause, httpx2.UnsupportedProtocol):
        return Trouble(Outcome.FAILURE, Again())
    return Trouble(Outcome.FAILURE if isinstance(error, openai.APIError) else Outcome.IGNORED)


def reason(error: Exception) -> str:
    """What went wrong in a word or two: ``HTTP 401``, ``ReadTimeout``; nothing that the server wrote but a code."""
    if isinstance(error, openai.APIStatusError):
        codes = [str(code) for code in (error.code, error.type) if _SLUG.fullmatch(str(code or ""))]
        return f"HTTP {error.status_code}" + (f" ({codes[0]})" if codes else "")
    cause = error.__cause__
    if isinstance(error, NoCompletion | TooMuch) or isinstance(cause, TooMuch):
        return str(error if isinstance(error, NoCompletion | TooMuch) else cause)
    return type(cause).__name__ if isinstance(cause, httpx2.HTTPError) else type(error).__name__


def is_timeout(error: Exception) -> bool:
    """Whether time ran out."""
    return isinstance(error, openai.APITimeoutError) and not is_full(error)


def is_full(error: Exception) -> bool:
    """Whether all our own connections were taken."""
    return isinstance(error.__cause__, httpx2.PoolTimeout)


def is_free(error: BaseException) -> bool:
    """Whether an attempt surely cost nothing: it was not sent, or it was refused unread."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code < httpx2.codes.INTERNAL_SERVER_ERROR
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
    return isinstance(
        cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol
    )


def _of_status(error: openai.APIStatusError) -> Trouble:
    again = Again(retry_after(error.response.headers.get("retry-after", "")))
    if error.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        spent = error.code == "insufficient_quota"  # no waiting fills an account
        return Trouble(Outcome.IGNORED, None if spent else again, dropped=not spent)
    if error.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return Trouble(Outcome.FAILURE, again, dropped=error.status_code == httpx2.codes.SERVICE_UNAVAILABLE)
    return Trouble(Outcome.IGNORED)


@contextmanager
def _readable() -> Iterator[None]:
    """What cannot be read is no completion; the SDK passes on what its parsers raise."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NoCompletion("a reply that is no chat completion") from error


def _heard(event: Any) -> tuple[str, str]:
    """The text of an event, and how the stream ended if it did."""
    if not event.choices:
        return "", ""
    choice = event.choices[0]
    text = choice.delta.content
    return text if isinstance(text, str) else "", str(choice.finish_reason or "")


def _completion(text: str, usage: Any, ended: Any) -> Completion:
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or getattr(usage, "prompt_cache_hit_tokens", None)
    sent, said = (_count(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens"))
    return Completion(text, sent, said, _count(cached), cut=ended == "length")


def _silent(refusal: Any, ended: Any) -> str:
    if refusal or ended == "content_filter":
        return "it would not answer"
    return "a completion without text"


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _check(text: str, tokens: int, most: int) -> None:
    """Whether it kept to what it was asked for."""
    if tokens > most + _SLACK or len(text) > _CHARS_A_TOKEN * (most + _SLACK):
        raise NoCompletion(f"more than the {most:,} tokens that were asked for")
