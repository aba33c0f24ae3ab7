"""What a sentence encoder's graph takes and gives, found by name and rank, so that any usual export can be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cmo.errors import ModelCorrupt

_POOLED = ("sentence_embedding", "sentence_embeddings", "embedding", "embeddings")
"""Names of a pooled output. A BERT export's `pooler_output` is none: it was trained for another task."""
_TOKEN_RANK, _POOLED_RANK = 3, 2


class Session(Protocol):
    """What is used of ONNX Runtime."""

    def run(self, names: Sequence[str] | None, feed: dict[str, NDArray[np.integer[Any]]]) -> list[Any]:
        """Outputs in the order of their names."""
        ...

    def get_inputs(self) -> list[Any]:
        """Name and type of each input."""
        ...

    def get_outputs(self) -> list[Any]:
        """Name and shape of each output."""
        ...

    def get_providers(self) -> list[str]:
        """Where it runs, first choice first."""
        ...


@dataclass(frozen=True, slots=True)
class Signature:
    """What a graph takes and gives."""

    inputs: tuple[tuple[str, type[np.integer[Any]]], ...]
    tokens: str | None
    pooled: str | None

    @classmethod
    def read(cls, session: Session, model: str) -> Self:
        """The signature of a session's graph.

        Raises:
            ModelCorrupt: it has inputs or outputs that a sentence encoder has not; the message names the model.
        """
        inputs = {i.name: np.int32 if "int32" in i.type else np.int64 for i in session.get_inputs()}
        if unknown := set(inputs) - {"input_ids", "attention_mask", "token_type_ids"}:
            raise ModelCorrupt(f"The graph of {model} wants {', '.join(sorted(unknown))}: it is no sentence encoder.")
        ranks = {o.name: len(o.shape) for o in session.get_outputs()}
        tokens = next((name for name, rank in ranks.items() if rank == _TOKEN_RANK), None)
        flat = [name for name, rank in ranks.items() if rank == _POOLED_RANK]
        pooled = next((name for name in flat if name in _POOLED or tokens is None), None)
        if tokens is None and pooled is None:
            raise ModelCorrupt(f"The graph of {model} gives no vectors: it is no sentence encoder.")
        return cls(tuple(inputs.items()), tokens, pooled)

    def run(
        self, session: Session, ids: NDArray[np.int64], mask: NDArray[np.int64], *, only_pooled: bool = False
    ) -> tuple[Any, Any]:
        """Token vectors (n, t, dim) and pooled ones (n, dim), each None where there are none or they are not asked."""
        values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": None}
        feed: dict[str, NDArray[np.integer[Any]]] = {}
        for name, kind in self.inputs:
            value = values[name]
            feed[name] = np.zeros(ids.shape, kind) if value is None else value.astype(kind, copy=False)
        if self.pooled and (only_pooled or self.tokens is None):
            return None, session.run([self.pooled], feed)[0]
        assert self.tokens is not None
        outputs = session.run([name for name in (self.tokens, self.pooled) if name], feed)
        return outputs[0], outputs[1] if self.pooled else None
