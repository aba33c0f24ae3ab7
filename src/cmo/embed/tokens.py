"""Text to token ids, their places in the text, and their number. Threads may share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from tokenizers import Encoding, Tokenizer

from cmo.errors import ModelCorrupt

WINDOW_TEXTS = 1024
"""Texts tokenised at once: bounds the memory of a long list."""
_PADS = ("[PAD]", "<pad>")


class Tokens:
    """A model's tokenizer.

    Args:
        tokenizer: as its file says; it is set to truncate at `max_tokens` and not to pad.
        max_tokens: length of a passage, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.pad_id = _pad_id(tokenizer)
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, path: Path, max_tokens: int) -> Self:
        """A tokenizer from its file.

        Raises:
            ModelCorrupt: it cannot be read.
        """
        return cls(read_tokenizer(path), max_tokens)

    def one(self, text: str) -> Encoding:
        """A text, with special tokens, truncated."""
        return self._tokenizer.encode(text)

    def many(self, texts: Sequence[str]) -> Iterator[Encoding]:
        """Texts, with special tokens, truncated, in the order given."""
        for start in range(0, len(texts), WINDOW_TEXTS):
            yield from self._tokenizer.encode_batch(list(texts[start : start + WINDOW_TEXTS]))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text in full, special tokens not counted."""
        return [
            len(encoding.ids)
            for start in range(0, len(texts), WINDOW_TEXTS)
            for encoding in self._endless.encode_batch_fast(
                list(texts[start : start + WINDOW_TEXTS]), add_special_tokens=False
            )
        ]

    @cached_property
    def _endless(self) -> Tokenizer:
        """The same tokenizer without truncation; only ingest needs it."""
        copy = Tokenizer.from_str(self._tokenizer.to_str())
        copy.no_truncation()
        return copy


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer as its file says.

    Raises:
        ModelCorrupt: it cannot be read.
    """
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the binding raises bare Exception
        raise ModelCorrupt(f"{path} cannot be loaded: {error}. Run `cmo models verify`.") from error


def _pad_id(tokenizer: Tokenizer) -> int:
    if tokenizer.padding:
        return int(tokenizer.padding["pad_id"])
    return next((i for i in map(tokenizer.token_to_id, _PADS) if i is not None), 0)
