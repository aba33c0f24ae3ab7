"""Ways to ask one thing, brought to one form by the rules of `phrasing.toml`.

::

    could you tell me how metformin affects lactate --openings--> how metformin effect lactate
                                                    --rules-->    what effect of metformin on lactate
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

_MOST_OPENINGS = 6
_NAME = "[\ue000-\uf8ff]"
"""A name stands in the text as one letter of the private use area."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said, and the form that it is brought to."""

    pattern: re.Pattern[str]
    to: str


class Phrasing:
    """Rewrites questions; pure."""

    def __init__(
        self, facts: Mapping[str, Any], persons: Iterable[str], places: Iterable[str], verbs: Iterable[str]
    ) -> None:
        short = {
            "GEN": f"(?:{'|'.join(facts['generic'])})",
            "DET": "(?:(?:the|a|an) )?",
            "PERSON": "|".join(persons),
            "VERB": f"(?:{'|'.join(verbs)})",
            "PLACE": "|".join(places),
            "NAME": f"(?:(?:a|an|the|acute|chronic|severe|mild) )?{_NAME}",
            "A": "(.+?)",
            "B": "(.+?)",
            "Z": "(.+)",
            "N": r"\S+",
        }
        self._openings = _compiled(f"^(?:{'|'.join(facts['openings'])})(?= |$) ?", short)
        self._endings = _compiled(f" (?:{'|'.join(facts['endings'])})$", short)
        self._rules = [Rule(_compiled(rule["from"], short), rule["to"]) for rule in facts["rule"]]

    @classmethod
    def shipped(cls, persons: frozenset[str], places: frozenset[str], verbs: frozenset[str]) -> Phrasing:
        """As `phrasing.toml` has it, for a language's words for people, its prepositions and its verbs."""
        return _shipped(persons, places, verbs)

    def brought_to_form(self, words: str) -> str:
        """Words, each followed by a space but the last, in the form that stands for all that ask the same."""
        for _ in range(_MOST_OPENINGS):
            shorter = self._endings.sub("", self._openings.sub("", words, count=1), count=1)
            if shorter in (words, ""):
                break
            words = shorter
        for rule in self._rules:
            words = " ".join(rule.pattern.sub(rule.to, words, count=1).split())
        return words


def _compiled(pattern: str, short: Mapping[str, str]) -> re.Pattern[str]:
    names = "|".join(short)
    return re.compile(re.sub(rf"(?<![A-Za-z\\])({names})(?![A-Za-z])", lambda m: short[m.group()], pattern))


@lru_cache(maxsize=4)
def _shipped(persons: frozenset[str], places: frozenset[str], verbs: frozenset[str]) -> Phrasing:
    text = files("cmo.cache.semantic").joinpath("phrasing.toml").read_text("utf-8")
    return Phrasing(tomllib.loads(text), sorted(persons), sorted(places), sorted(verbs))
