"""The same endpoint for coroutines: what answers people while they wait.

::

    messages --> AsyncEndpoint (deadline, slot, breaker, hedge, retry) --> a stream, left once its object is whole

Connections are kept open between calls. With `stream` the reply is read as it comes and left as soon as its JSON object
closes: a model that goes on talking after it keeps nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from cmo.errors import ChatFailed
from cmo.kit.admission import Rank
from cmo.kit.breaker import Breaker
from cmo.kit.dependency import Dependency
from cmo.kit.endpoint import AsyncEndpoint
from cmo.kit.events import Reading
from cmo.kit.http import ERRORS, Body, judge
from cmo.kit.policy import Here, Policy
from cmo.model.chat import Completion, Message

_DONE: Final = "[DONE]"
_DATA: Final = "data:"
_LOOKED_AT: Final = 65_536
"""Bytes of a stream up to which its end is looked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """How an endpoint is reached."""

    base_url: str
    model: str
    api_key: str = ""
    connections: int = 64
    idle_seconds: float = 30.0
    stream: bool = True
    early: bool = True
    """Whether a stream is left early. What tokens it took stands at its end, so where money counts it is not."""

    def __repr__(self) -> str:
        return f"Line({self.model!r})"


class Talk:
    """A chat model behind HTTP, for one event loop.

    Args:
        line: how it is reached.
        policy: how it is called.
        transport: of the HTTP client; for tests.
    """

    def __init__(self, line: Line, policy: Policy, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._line = line
        self._dependency = Dependency(line.model, policy, on=ERRORS, judge=judge, gate=Here(Breaker(policy.fuse)))
        self._endpoint = AsyncEndpoint(
            line.base_url,
            self._failed,
            self._dependency,
            api_key=line.api_key,
            connections=line.connections,
            idle_connections=line.connections,
            idle_seconds=line.idle_seconds,
            transport=transport,
        )

    @property
    def name(self) -> str:
        """Of the model."""
        return self._line.model

    @property
    def host(self) -> str:
        """Where it is, without a password."""
        return self._endpoint.host

    def reading(self) -> Reading:
        """How it is doing."""
        return self._dependency.reading()

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        most_tokens: int,
        schema: Mapping[str, object] | None = None,
        rank: Rank = Rank.INTERACTIVE,
    ) -> Completion:
        """What it says next, within `most_tokens`.

        Raises:
            ChatFailed: the endpoint kept failing, or sent what is no completion.
            NotNow: it is not asked now.
            OutOfTime: the deadline passed.
        """
        body: dict[str, Any] = {
            "model": self._line.model,
            "messages": [{"role": m.speaker.value, "content": m.text} for m in messages],
            "max_tokens": most_tokens,
            "temperature": 0,
        }
        if schema is not None:
            held = {"name": "reply", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        enough: Callable[[Body], bool] | None = None
        if self._line.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            enough = _enough if schema is not None and self._line.early else None
        return self._read(await self._endpoint.post("/chat/completions", body, rank=rank, enough=enough))

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    def _read(self, reply: httpx.Response) -> Completion:
        try:
            text, usage = streamed(reply.text) if reply.text.lstrip().startswith(_DATA) else whole(reply.json())
            sent, said = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
            cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ChatFailed(f"{self._endpoint.host} sent a reply that is no chat completion.") from error
        return Completion(text, sent, said, cached)

    def _failed(self, reason: str) -> ChatFailed:
        return ChatFailed(
            f"{self._endpoint.host} does not answer with {self._line.model}: {reason}. Check CMO_LLM_URL, "
            "CMO_LLM_MODEL and the key, and whether the service is up."
        )


def whole(said: Any) -> tuple[str, Mapping[str, Any]]:
    """Text and usage of a completion."""
    text = said["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise TypeError("a completion without text")
    return text, said.get("usage") or {}


def streamed(lines: str) -> tuple[str, Mapping[str, Any]]:
    """Text and usage of the events of a stream, as far as it was read."""
    parts: list[str] = []
    usage: Mapping[str, Any] = {}
    for line in lines.splitlines():
        data = line[len(_DATA) :].strip() if line.startswith(_DATA) else ""
        if not data or data == _DONE:
            continue
        try:
            event = json.loads(data)
        except ValueError:  # the stream was left in the middle of it
            continue
        usage = event.get("usage") or usage
        parts += [choice.get("delta", {}).get("content") or "" for choice in event.get("choices") or ()]
    if not parts:
        raise ValueError("a stream without text")
    return "".join(parts), usage


def _enough(body: Body) -> bool:
    """Whether the object that was asked for is whole, so that nothing that follows matters."""
    if body.size > _LOOKED_AT:
        return False
    data = body.whole
    if not data.startswith(_DATA.encode()) or not data.rstrip().endswith(b"}"):
        return False
    try:
        text, _ = streamed(data.decode("utf-8", errors="replace"))
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
