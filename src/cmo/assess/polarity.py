"""Cue words: which way something goes, whether it is denied or guarded, and words that are opposites.

The list is `polarity.json`: a star stands for any ending, and a space joins words that follow each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any


class Way(IntEnum):
    """What is said of something."""

    UP = 0
    DOWN = 1
    RELATED = 2
    """It has to do with it."""
    NONE = 3
    """It has nothing to do with it, or does not change."""
    BETTER = 4
    WORSE = 5


NEGATE, HEDGE = "negate", "hedge"
_WAYS = {
    "none": Way.NONE,
    "up": Way.UP,
    "down": Way.DOWN,
    "better": Way.BETTER,
    "worse": Way.WORSE,
    "related": Way.RELATED,
}
"""Groups in the order in which they count where a word is in two."""


@dataclass(frozen=True, slots=True)
class Event:
    """A word that says which way something goes."""

    way: Way
    word: str
    """As it is written."""
    around: Mapping[str, float]
    """Stems beside it, with how near they are, 0 to 1."""


@lru_cache(100_000)
def groups_of(word: str) -> tuple[str, ...]:
    """The groups that a lower-case word, or two joined by a space, belong to; ``12+`` is a half of a pair of opposites."""
    whole, heads = _cues()
    found = list(whole.get(word, ()))
    for size in range(2, len(word) + 1):
        found += heads.get(word[:size], ())
    return tuple(dict.fromkeys(found))


def way_of(groups: tuple[str, ...]) -> Way | None:
    """What a word of these groups says."""
    return next((way for name, way in _WAYS.items() if name in groups), None)


def opposite(side: str) -> str:
    """The other half of a pair: ``12-`` for ``12+``."""
    return side[:-1] + ("-" if side[-1] == "+" else "+")


def sides_of(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the groups that are halves of pairs."""
    return tuple(group for group in groups if group[-1] in "+-")


@cache
def _cues() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    facts: dict[str, Any] = json.loads(files("cmo.assess").joinpath("polarity.json").read_text("utf-8"))
    named = {group: facts[group] for group in (*_WAYS, NEGATE, HEDGE)}
    for number, (one, other) in enumerate(facts["antonyms"]):
        named |= {f"{number}+": [one], f"{number}-": [other]}
    whole: dict[str, tuple[str, ...]] = {}
    heads: dict[str, tuple[str, ...]] = {}
    for group, words in named.items():
        for word in words:
            table = heads if word.endswith("*") else whole
            key = word.removesuffix("*")
            table[key] = (*table.get(key, ()), group)
    return whole, heads
