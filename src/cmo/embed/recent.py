"""The last few questions with their vectors: routing and searching the same question encode it once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from cmo.model.evidence import FloatArray
from cmo.model.ports import Embedder, EncodedPassage, ModelIdentity

KEPT = 16
"""Questions in flight at once, more or less; it is no cache of what was asked before."""


class RecentQuestions:
    """An embedder that remembers the last few questions. Threads may share it.

    Args:
        embedder: who encodes.
        kept: how many questions.
    """

    def __init__(self, embedder: Embedder, kept: int = KEPT) -> None:
        self._embedder = embedder
        self._kept = kept
        self._vectors: OrderedDict[str, FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        """Of the embedder."""
        return self._embedder.identity

    def encode_query(self, text: str) -> FloatArray:
        """A question to a unit vector (dim,)."""
        with self._lock:
            known = self._vectors.get(text)
            if known is not None:
                self._vectors.move_to_end(text)
                return known
        vector = self._embedder.encode_query(text)
        self._keep(text, vector)
        return vector

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> list[EncodedPassage]:
        """As the embedder does; a question that is looked at word by word is known from then on."""
        encoded = self._embedder.encode_passages(texts, spans)
        for text, one in zip(texts[-self._kept :], encoded[-self._kept :], strict=True):
            self._keep(text, one.vector)
        return encoded

    def forget(self) -> None:
        """Forget them all, for whoever measures what a new question takes."""
        with self._lock:
            self._vectors.clear()

    def _keep(self, text: str, vector: FloatArray) -> None:
        with self._lock:
            self._vectors[text] = vector
            self._vectors.move_to_end(text)
            if len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)
