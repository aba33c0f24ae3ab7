"""The local encoder: tokens through ONNX Runtime to unit vectors of passages and their sentences.

A sentence's vector is the mean over its tokens in the passage's own pass (ADR 3), so it costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from cmo.embed.manifest import Installed, load_manifest
from cmo.embed.pool import Span, packs, sentence_vectors, unit
from cmo.embed.signature import Session, Signature
from cmo.embed.tokens import WINDOW_TEXTS, Tokens
from cmo.model.evidence import FloatArray
from cmo.model.ports import EncodedPassage, ModelIdentity

if TYPE_CHECKING:
    from cmo.embed.session import Opener

CPU_BATCH_TOKENS = 640
"""Tokens in one run, padding included. On two cores 256-token passages go at 41 a second one by one, 46 by twos, 45 by
fours, 37 by sixteens: what fits the cores' caches is fastest."""
GPU_BATCH_TOKENS = 16_384
_QUESTION_THREADS: Final = 1
"""A question of some twenty tokens has too little for two: they take a third more of the processor for no time won."""
_SPECIMEN: Final = "Is trimethylamine N-oxide in plasma raised in patients with chronic kidney disease before dialysis?"
_ALIKE: Final = 0.98
"""Cosine of a question's two vectors; .994 on average and .990 at least over 300 claims of SciFact."""


class OnnxEmbedder:
    """An encoder with its tokenizer. Threads may share it.

    Args:
        identity: of the model.
        tokens: its tokenizer.
        sessions: one a device; the passages are shared out among them.
        asked: of a smaller graph for questions; used where it gives what the others give on this processor.
        pooling: ``mean`` or ``cls``, for graphs that pool nothing themselves.
        batch_tokens: tokens in one run of a session, padding included.

    Raises:
        ModelCorrupt: the graph has inputs or outputs that a sentence encoder has not.
    """

    def __init__(
        self,
        identity: ModelIdentity,
        tokens: Tokens,
        sessions: Sequence[Session],
        *,
        asked: Session | None = None,
        pooling: str = "mean",
        batch_tokens: int = CPU_BATCH_TOKENS,
    ) -> None:
        self._identity = identity
        self._tokens = tokens
        self._sessions = sessions
        self._pooling = pooling
        self._budget = batch_tokens
        self._signature = Signature.read(sessions[0], identity.name)
        self._asked = asked if asked is not None and self._alike(asked) else sessions[0]

    @classmethod
    def open(
        cls, installed: Installed, *, use_gpu: bool = True, threads: int = 0, opener: Opener | None = None
    ) -> Self:
        """Load an installed model.

        Args:
            installed: where it is.
            use_gpu: take every GPU that ONNX Runtime can use; False keeps to the CPU.
            threads: of the CPU; 0 takes all cores that this process may use.
            opener: makes a session; ONNX Runtime's by default.

        Raises:
            ModelCorrupt: a file cannot be loaded.
        """
        from cmo.embed import session  # noqa: PLC0415 - loads ONNX Runtime

        tokens = Tokens.load(installed.tokenizer, installed.max_tokens)
        sessions = session.open_sessions(
            installed.graph, use_gpu=use_gpu, threads=threads or _cores(), opener=opener or session.open_session
        )
        on_gpu = session.CUDA in sessions[0].get_providers()
        budget = GPU_BATCH_TOKENS if on_gpu else CPU_BATCH_TOKENS
        small = None if on_gpu else installed.question_graph
        asked = (opener or session.open_session)(small, _QUESTION_THREADS, None) if small else None
        return cls(installed.identity, tokens, sessions, asked=asked, pooling=installed.pooling, batch_tokens=budget)

    @property
    def identity(self) -> ModelIdentity:
        """Name, digest and dimension."""
        return self._identity

    def encode_query(self, text: str) -> FloatArray:
        """A question to a unit vector (dim,)."""
        return self._one(self._asked, text)

    def encode_passages(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[EncodedPassage]:
        """Passages with the character spans of their sentences to unit vectors, in the order given.

        What of a passage lies beyond the model's length is not read; a sentence there gets the passage's vector.
        A model that gives no token vectors has the sentences encoded on their own.
        """
        if self._signature.tokens is None and any(spans):
            return self._sentences_apart(texts, spans)
        found: list[EncodedPassage] = []
        for start in range(0, len(texts), WINDOW_TEXTS):
            window = slice(start, start + WINDOW_TEXTS)
            found += self._encode(list(self._tokens.many(texts[window])), spans[window])
        return found

    def _one(self, session: Session, text: str) -> FloatArray:
        ids = np.array([self._tokens.one(text).ids])
        tokens, pooled = self._signature.run(session, ids, np.ones_like(ids), only_pooled=True)
        return unit(pooled[0] if pooled is not None else self._pool(tokens[0]))

    def _alike(self, asked: Session) -> bool:
        """Whether 8-bit products are exact enough here: processors without instructions for them round the sums."""
        return float(self._one(asked, _SPECIMEN) @ self._one(self._sessions[0], _SPECIMEN)) >= _ALIKE

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        return self._tokens.count(texts)

    def _encode(self, encodings: Sequence[Encoding], spans: Sequence[Sequence[Span]]) -> list[EncodedPassage]:
        runs = packs([len(e) for e in encodings], self._budget)
        found: dict[int, EncodedPassage] = {}
        for run, passages in self._shared_out(runs, encodings, spans):
            found.update(zip(run, passages, strict=True))
        return [found[place] for place in range(len(encodings))]

    def _shared_out(
        self, runs: Sequence[list[int]], encodings: Sequence[Encoding], spans: Sequence[Sequence[Span]]
    ) -> Iterator[tuple[list[int], list[EncodedPassage]]]:
        """Each run with its result. Longest runs go first, striped over the devices, so that none ends late."""

        def work(device: int) -> list[tuple[list[int], list[EncodedPassage]]]:
            share = runs[::-1][device :: len(self._sessions)]
            return [(r, self._run(self._sessions[device], [(encodings[p], spans[p]) for p in r])) for r in share]

        if len(self._sessions) == 1:
            yield from work(0)
            return
        with ThreadPoolExecutor(len(self._sessions), thread_name_prefix="embed") as pool:
            for share in pool.map(work, range(len(self._sessions))):
                yield from share

    def _run(self, session: Session, batch: Sequence[tuple[Encoding, Sequence[Span]]]) -> list[EncodedPassage]:
        ids, mask = _padded([e.ids for e, _ in batch], self._tokens.pad_id)
        tokens, pooled = self._signature.run(session, ids, mask)
        return [
            self._passage(
                encoding, spans, None if tokens is None else tokens[row], None if pooled is None else pooled[row]
            )
            for row, (encoding, spans) in enumerate(batch)
        ]

    def _passage(
        self, encoding: Encoding, spans: Sequence[Span], tokens: FloatArray | None, pooled: FloatArray | None
    ) -> EncodedPassage:
        if tokens is None:
            assert pooled is not None
            return EncodedPassage(unit(pooled), np.empty((0, pooled.shape[0]), np.float32))
        own = tokens[: len(encoding)]
        vector = unit(self._pool(own) if pooled is None else pooled)
        return EncodedPassage(vector, sentence_vectors(own, encoding.offsets, spans, vector))

    def _pool(self, tokens: FloatArray) -> FloatArray:
        pooled: FloatArray = tokens[0] if self._pooling == "cls" else tokens.mean(axis=0)
        return pooled

    def _sentences_apart(self, texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[EncodedPassage]:
        sentences = [text[a:b].strip() or text for text, places in zip(texts, spans, strict=True) for a, b in places]
        vectors = [p.vector for p in self.encode_passages([*texts, *sentences], [()] * (len(texts) + len(sentences)))]
        passages, rest = vectors[: len(texts)], iter(vectors[len(texts) :])
        return [
            EncodedPassage(v, np.array([next(rest) for _ in places], np.float32).reshape(-1, v.shape[0]))
            for v, places in zip(passages, spans, strict=True)
        ]


def open_onnx(name: str, *, models_dir: Path, use_gpu: bool = True, threads: int = 0) -> OnnxEmbedder:
    """An installed model by name.

    Raises:
        ModelMissing: it is not installed; the message names the command that installs it.
        ModelCorrupt: it cannot be loaded.
    """
    return OnnxEmbedder.open(load_manifest(name, models_dir), use_gpu=use_gpu, threads=threads)


def _padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask, both (rows, longest)."""
    shape = len(rows), max(map(len, rows))
    ids, mask = np.full(shape, pad, np.int64), np.zeros(shape, np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row)] = row
        mask[n, : len(row)] = 1
    return ids, mask


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
