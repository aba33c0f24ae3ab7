"""Vectors from an OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp.

::

    passages, sentences ─► batches ─► POST {base_url}/embeddings ─► checked ─► unit vectors
                                          └─ 429, 5xx, cut, late ─► a pause (Retry-After, else growing) ─► again

Such an endpoint gives no token states, so each sentence is an input of its own. The dimension is the model's: it is
asked once. The key goes into the request's header and nowhere else. Protocol:
https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import stamina

from cmo.embed.pool import Span, unit
from cmo.errors import EmbeddingFailed
from cmo.kit.hashing import hex_hash
from cmo.model.evidence import FloatArray
from cmo.model.ports import EncodedPassage, ModelIdentity

BATCH_TEXTS = 128
ATTEMPTS = 5
PATIENCE_SECONDS = 120.0
"""After this no further attempt is begun."""
FIRST_PAUSE_SECONDS = 0.2
MAX_RETRY_AFTER_SECONDS = 60.0
"""A longer pause than this is not waited for."""
_TOKENS_A_WORD = 1.4
"""Generous for English prose in wordpiece and byte-pair encodings: chunks come out a little short, never too long."""


class EndpointEmbedder:
    """An embedding model behind HTTP. Threads may share it.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        model: its name there.
        api_key: sent as a bearer token; never shown.
        timeout: seconds a request may take.
        batch_texts: texts in one request.
        first_pause: seconds before the second attempt; doubles with each, with some chance added.
        transport: of the HTTP client; for tests.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str = "",
        timeout: float = 30.0,
        batch_texts: int = BATCH_TEXTS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._model = model
        self._url = base_url.rstrip("/") + "/embeddings"
        self._host = re.sub(r"^\w+://(?:[^@/]*@)?", "", base_url)
        self._batch_texts = batch_texts
        self._first_pause = first_pause
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout, transport=transport)

    def __repr__(self) -> str:
        return f"EndpointEmbedder({self._model!r} at {self._host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @cached_property
    def identity(self) -> ModelIdentity:
        """Name, digest of name and dimension, and dimension; asks the endpoint once.

        Raises:
            EmbeddingFailed: it kept failing.
        """
        dimension = self._request(["dimension"]).shape[1]
        return ModelIdentity(self._model, hex_hash(self._model, str(dimension), size=6), dimension)

    def encode_query(self, text: str) -> FloatArray:
        """A question to a unit vector (dim,).

        Raises:
            EmbeddingFailed: the endpoint kept failing, or sent what is no embedding.
        """
        vector: FloatArray = self._vectors([text])[0]
        return vector

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[EncodedPassage]:
        """Passages and their sentences as inputs of their own, in the same batches.

        Raises:
            EmbeddingFailed: the endpoint kept failing, or sent what is no embedding.
        """
        sentences = [text[a:b].strip() for text, places in zip(texts, spans, strict=True) for a, b in places]
        vectors = self._vectors([*texts, *(s for s in sentences if s)])
        rest, own = iter(vectors[len(texts) :]), iter(sentences)
        return [
            EncodedPassage(vector, _stacked([next(rest) if next(own) else vector for _ in places], vector))
            for vector, places in zip(vectors, spans, strict=False)
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate on the safe side, as the tokenizer is not known here."""
        return [int(len(re.findall(r"\w+|[^\w\s]", text)) * _TOKENS_A_WORD) + 1 if text else 0 for text in texts]

    def _vectors(self, texts: Sequence[str]) -> FloatArray:
        width = self.identity.dimension
        batches = [
            self._request(texts[start : start + self._batch_texts]) for start in range(0, len(texts), self._batch_texts)
        ]
        for batch in batches:
            if batch.shape[1] != width:
                raise EmbeddingFailed(
                    f"{self._host} changed the dimension of {self._model} from {width} to {batch.shape[1]}. "
                    "If the model there was replaced, run `cmo kb rebuild --re-embed`."
                )
        return unit(np.concatenate([np.empty((0, width), np.float32), *batches]))

    def _request(self, texts: Sequence[str]) -> FloatArray:
        """One batch, (len(texts), dim), not yet at unit length."""
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        try:
            for attempt in stamina.retry_context(
                on=_pause,
                attempts=ATTEMPTS,
                timeout=PATIENCE_SECONDS,
                wait_initial=self._first_pause,
                wait_jitter=self._first_pause,
            ):
                with attempt:
                    reply = self._client.post(self._url, json=body).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EmbeddingFailed(
                f"{self._host} does not embed with {self._model}: {_reason(error)}. Check CMO_EMBED_URL, EMBED_MODEL "
                "and the key, and whether the service is up; what was ingested so far is kept."
            ) from None  # the cause holds the request, and the request holds the key
        return self._read(reply, len(texts))

    def _read(self, reply: httpx.Response, count: int) -> FloatArray:
        try:
            items = sorted(reply.json()["data"], key=lambda item: int(item["index"]))
            rows = np.array([item["embedding"] for item in items], np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddingFailed(f"{self._host} sent a reply that is not JSON of embeddings.") from error
        if rows.ndim != 2 or len(rows) != count or not rows.size:  # noqa: PLR2004 - rows of vectors
            raise EmbeddingFailed(f"{self._host} sent {len(rows)} vectors for {count} texts.")
        if not np.isfinite(rows).all() or not rows.any(axis=1).all():
            raise EmbeddingFailed(f"{self._host} sent a vector of {self._model} that has no direction.")
        return rows


def _stacked(rows: Sequence[FloatArray], like: FloatArray) -> FloatArray:
    return np.stack(rows) if rows else np.empty((0, like.shape[0]), np.float32)


def _pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds where the server says so."""
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, httpx.UnsupportedProtocol)
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    reply = error.response
    if reply.status_code != httpx.codes.TOO_MANY_REQUESTS and not reply.is_server_error:
        return False
    return _retry_after(reply.headers.get("retry-after", ""))


def _retry_after(value: Any) -> bool | float:
    """Seconds of a Retry-After header; a date (rare for these servers) or none leaves the pause to us (RFC 9110)."""
    try:
        seconds = float(value)
    except ValueError:
        return True
    return seconds if 0 <= seconds <= MAX_RETRY_AFTER_SECONDS else False


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__
