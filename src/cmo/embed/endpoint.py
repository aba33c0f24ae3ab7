"""Vectors from an OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp.

::

    passages, sentences ─► batches ─► POST {base_url}/embeddings ─► checked ─► unit vectors

Such an endpoint gives no token states, so each sentence is an input of its own. The dimension is the model's: it is
asked once. The key goes into the request's header and nowhere else. Protocol:
https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import httpx
import numpy as np

from cmo.embed.pool import Span, unit
from cmo.errors import EmbeddingFailed
from cmo.kit.endpoint import FIRST_PAUSE_SECONDS, Endpoint
from cmo.kit.hashing import hex_hash
from cmo.model.evidence import FloatArray
from cmo.model.ports import EncodedPassage, ModelIdentity

BATCH_TEXTS = 128
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
        self._batch_texts = batch_texts
        self._endpoint = Endpoint(
            base_url, self._failed, api_key=api_key, timeout=timeout, first_pause=first_pause, transport=transport
        )
        self._host = self._endpoint.host

    def __repr__(self) -> str:
        return f"EndpointEmbedder({self._model!r} at {self._host})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

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
        return self._read(self._endpoint.post("/embeddings", body), len(texts))

    def _failed(self, reason: str) -> EmbeddingFailed:
        return EmbeddingFailed(
            f"{self._host} does not embed with {self._model}: {reason}. Check CMO_EMBED_URL, EMBED_MODEL "
            "and the key, and whether the service is up; what was ingested so far is kept."
        )

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
