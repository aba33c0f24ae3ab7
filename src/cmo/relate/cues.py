"""Words that show how two names are related, by group; the list itself is `cues.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Self

_REMEMBERED = 50_000
"""Words whose groups are kept; a paper has some thousands, and most papers the same ones."""


@dataclass(frozen=True)
class Cues:
    """Groups of cue words."""

    groups: Mapping[str, Sequence[str]]
    """Words by group, in the order of the columns that count them; ``increas*`` stands for any ending."""
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def shipped(cls) -> Self:
        """The list in `cues.json`."""
        return cls(json.loads(source())["groups"])

    @cached_property
    def columns(self) -> dict[str, int]:
        """Number of each group."""
        return {name: n for n, name in enumerate(self.groups)}

    def of(self, word: str) -> tuple[int, ...]:
        """Numbers of the groups that a lower-case word belongs to."""
        known = self._known.get(word)
        if known is None:
            known = self._sought(word)
            if len(self._known) < _REMEMBERED:
                self._known[word] = known
        return known

    def _sought(self, word: str) -> tuple[int, ...]:
        found = set(self._whole.get(word, ()))
        for size in range(2, len(word) + 1):
            found.update(self._heads.get(word[:size], ()))
        return tuple(sorted(found))

    @cached_property
    def _whole(self) -> dict[str, list[int]]:
        return self._by_word(starred=False)

    @cached_property
    def _heads(self) -> dict[str, list[int]]:
        return self._by_word(starred=True)

    def _by_word(self, *, starred: bool) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for name, words in self.groups.items():
            for word in words:
                if word.endswith("*") == starred:
                    found.setdefault(word.removesuffix("*"), []).append(self.columns[name])
        return found


def source() -> str:
    """The text of `cues.json`, for a digest."""
    return files("cmo.relate").joinpath("cues.json").read_text("utf-8")
