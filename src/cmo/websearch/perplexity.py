"""Perplexity: a question to pages that bear on it, and an answer of its own, through its chat API.

::

    question --paid for--> POST {base_url}/chat/completions --> search_results (else citations), and what it says

Protocol: https://docs.perplexity.ai/api-reference/chat-completions-post
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import httpx

from cmo.errors import WebFailed
from cmo.kit.breaker import Phase
from cmo.kit.endpoint import FIRST_PAUSE_SECONDS, Endpoint
from cmo.model.money import Call, Held, Micros, Need, Payments, Service, Usage, micros
from cmo.websearch.results import Answered, Result, day

BASE_URL: Final = "https://api.perplexity.ai"
MODEL: Final = "sonar"
ATTEMPTS: Final = 3
_TOKENS: Final = 1_000
"""Of its answer at most."""
_BYTES_AROUND: Final = 64
_GRACE_SECONDS: Final = 60.0
_MOST_RESULTS: Final = 100
_MOST_CHARS: Final = 20_000
_MOST_DOLLARS: Final = 1_000
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class Perplexity:
    """Searches the web. Threads may share it.

    Args:
        api_key: never shown.
        base_url: where it is.
        model: which of its models.
        timeout: seconds a request may take.
        first_pause: seconds at most before the second attempt; doubles with each.
        payments: the budget; None where calls cost nothing.
        need: how much a search matters when money runs short.
    """

    name = "perplexity"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = BASE_URL,
        model: str = MODEL,
        timeout: float = 30.0,
        first_pause: float = FIRST_PAUSE_SECONDS,
        payments: Payments | None = None,
        need: Need = Need.UNCERTAIN,
    ) -> None:
        self._model = model
        self._timeout = timeout
        self._payments = payments
        self._need = need
        self._endpoint = Endpoint(
            base_url, self._failed, api_key=api_key, timeout=timeout, attempts=ATTEMPTS, first_pause=first_pause
        )

    def __repr__(self) -> str:
        return f"Perplexity({self._model!r} at {self._endpoint.host})"

    @property
    def phase(self) -> Phase:
        """What its breaker does now."""
        return self._endpoint.phase

    def ask(self, question: str, limit: int) -> Answered:
        """The best pages, best first, and what it says itself.

        Raises:
            WebFailed: it kept failing, or sent what cannot be read.
            OverBudget: no money may be spent on it now.
            PriceUnknown: nobody said what it costs.
            OutOfTime: the deadline passed.
        """
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": _TOKENS,
            "temperature": 0,
        }
        reply = self._endpoint.post("/chat/completions", body, around=lambda attempt: self._paid(question, attempt))
        try:
            said = reply.json()
            results = tuple(_results(said))[: min(limit, _MOST_RESULTS)]
            text = said["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self._failed("a reply that is no search") from error
        return Answered(results, text[:_MOST_CHARS] if isinstance(text, str) else "")

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _paid(self, question: str, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        if self._payments is None:
            return attempt()
        most = Usage(len(question.encode()) + _BYTES_AROUND, _TOKENS)
        seconds = self._timeout + _GRACE_SECONDS
        call = Call(self._endpoint.host, self._model, Service.WEB, "search", most, self._need, seconds=seconds)
        with self._payments.reserved(call) as held:
            reply = _unless_free(held, attempt)
            held.settle(*_used(reply, most))
        return reply

    def _failed(self, reason: str) -> WebFailed:
        return WebFailed(
            f"{self._endpoint.host} does not search with {self._model}: {reason}. Check PERPLEXITY_API_KEY, and whether "
            "the service is up; questions are answered from the papers meanwhile."
        )


def _unless_free(held: Held, attempt: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        return attempt()
    except httpx.HTTPStatusError as error:
        if _CLIENT_ERROR <= error.response.status_code < _SERVER_ERROR:  # refused unread
            held.nothing_spent()
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        held.nothing_spent()
        raise


def _results(said: Any) -> Iterator[Result]:
    """Pages as newer versions describe them, and those that only older ones' addresses name."""
    seen = set()
    for told in (said.get("search_results") or [])[:_MOST_RESULTS]:
        if isinstance(told, dict) and isinstance(url := told.get("url"), str):
            seen.add(url)
            title, snippet = (str(told.get(name) or "")[:_MOST_CHARS] for name in ("title", "snippet"))
            yield Result(url, title, day(told.get("date")) or day(told.get("last_updated")), snippet)
    for url in (said.get("citations") or [])[:_MOST_RESULTS]:
        if isinstance(url, str) and url not in seen:
            seen.add(url)
            yield Result(url)


def _used(reply: httpx.Response, most: Usage) -> tuple[Usage | None, Micros | None]:
    """What it took, and what it says that it charged."""
    try:
        usage = reply.json()["usage"]
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
        cost = (usage.get("cost") or {}).get("total_cost")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return most, None
    known = all(isinstance(n, int) and n >= 0 for n in counts)
    return Usage(*counts) if known else most, _billed(cost)


def _billed(cost: Any) -> Micros | None:
    if not isinstance(cost, int | float) or not math.isfinite(cost) or not 0 <= cost <= _MOST_DOLLARS:
        return None
    try:
        return micros(Decimal(str(cost)))
    except InvalidOperation:
        return None
