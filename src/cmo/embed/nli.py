"""A local model of natural-language inference: two texts to whether the one entails or contradicts the other.

Any export of a sequence classifier with three labels will do: a folder with ``model.onnx``, ``tokenizer.json`` and
``config.json``, whose ``id2label`` names the labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from cmo.embed.signature import Session
from cmo.embed.tokens import read_tokenizer
from cmo.errors import ModelCorrupt, ModelMissing

MOST_TOKENS = 256
"""Of premise and hypothesis together; of a longer pair the premise loses its end."""
BATCH = 8
_FILES = ("model.onnx", "tokenizer.json", "config.json")
_WANTED = {"input_ids", "attention_mask", "token_type_ids"}


class NliModel:
    """A classifier with its tokenizer. Threads may share it.

    Args:
        session: the graph.
        tokenizer: as its file says; it is set to truncate the premise and to pad.
        entails: which label says that the premise entails the hypothesis.
        contradicts: which label says that it contradicts it.
    """

    def __init__(self, session: Session, tokenizer: Tokenizer, entails: int, contradicts: int) -> None:
        tokenizer.enable_truncation(MOST_TOKENS, strategy="only_first")
        tokenizer.enable_padding()
        self._session = session
        self._tokenizer = tokenizer
        self._entails, self._contradicts = entails, contradicts
        self._inputs = {i.name: np.int32 if "int32" in i.type else np.int64 for i in session.get_inputs()}

    @classmethod
    def open(cls, folder: Path, *, threads: int = 0) -> Self:
        """Load a model.

        Raises:
            ModelMissing: a file is not there.
            ModelCorrupt: a file cannot be loaded, or it is no classifier of inference.
        """
        from cmo.embed.session import open_session  # noqa: PLC0415 - loads ONNX Runtime

        for name in _FILES:
            if not (folder / name).is_file():
                raise ModelMissing(f"{folder / name} is not there. Name a folder with {', '.join(_FILES)}.")
        labels = _labels(folder / "config.json")
        session = open_session(folder / "model.onnx", threads, None)
        if unknown := {i.name for i in session.get_inputs()} - _WANTED:
            raise ModelCorrupt(
                f"The graph in {folder} wants {', '.join(sorted(unknown))}: it is no classifier of text."
            )
        tokenizer = read_tokenizer(folder / "tokenizer.json")
        return cls(session, tokenizer, labels["entailment"], labels["contradiction"])

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        """Premise and hypothesis to the probabilities of entailment and of contradiction, in the order given."""
        found: list[tuple[float, float]] = []
        for start in range(0, len(pairs), BATCH):
            encodings = self._tokenizer.encode_batch(list(pairs[start : start + BATCH]))
            chances = _softmax(np.asarray(self._session.run(None, self._feed(encodings))[0], np.float64))
            found += [(float(row[self._entails]), float(row[self._contradicts])) for row in chances]
        return found

    def _feed(self, encodings: Sequence[Encoding]) -> dict[str, NDArray[Any]]:
        values = {
            "input_ids": [e.ids for e in encodings],
            "attention_mask": [e.attention_mask for e in encodings],
            "token_type_ids": [e.type_ids for e in encodings],
        }
        return {name: np.array(values[name], kind) for name, kind in self._inputs.items()}


def _labels(config: Path) -> Mapping[str, int]:
    try:
        stated = json.loads(config.read_text("utf-8"))["id2label"]
        labels = {str(label).casefold(): int(number) for number, label in stated.items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelCorrupt(f"{config} names no labels (id2label): {error}.") from error
    if not {"entailment", "contradiction"} <= labels.keys():
        raise ModelCorrupt(f"{config} has the labels {', '.join(labels)}; entailment and contradiction are needed.")
    return labels


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))
