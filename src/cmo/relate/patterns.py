"""Phrases that name a relation outright; the phrases themselves are `patterns.json`.

A meeting becomes a *frame*, its words with the two names put as S and O: ``plasma S was higher in patients with O``.
Each phrase is tried with the first name as subject and with the second, so the passive is one more phrase.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Self

from cmo.model.concepts import Kind, RelationType

_PARTY: Final[Mapping[Kind, str]] = {
    **dict.fromkeys((Kind.METABOLITE, Kind.LIPID, Kind.DRUG), "chemical"),
    **{kind: kind.value for kind in Kind if kind not in {Kind.METABOLITE, Kind.LIPID, Kind.DRUG}},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One phrase."""

    type: RelationType
    pattern: re.Pattern[str]
    probability: float
    """How often what it says is meant, a judgement where no fitted model knows; 0 where one does."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases, by the kinds of subject and object."""

    rules: Mapping[tuple[str, str], Sequence[Rule]]
    levels: re.Pattern[str]
    """The subject's amount is spoken of."""
    rises: re.Pattern[str]
    """Anything is said to be more,"""
    falls: re.Pattern[str]
    """or to be less."""
    at_risk: re.Pattern[str]
    """The object's risk is spoken of, not those who have it."""
    treated: re.Pattern[str]
    """Those with the object are compared by how they are treated, not with those without it."""
    passive: re.Pattern[str]

    @classmethod
    def shipped(cls) -> Self:
        """Those of `patterns.json`."""
        facts = json.loads(source())
        words = facts["words"]
        rules: dict[tuple[str, str], list[Rule]] = {}
        for row in facts["rules"]:
            rule = Rule(RelationType(row["type"]), _compiled(row["pattern"], words), row.get("probability", 0.0))
            for kinds in row["kinds"]:
                subject, object_ = kinds.split(" > ")
                rules.setdefault((subject, object_), []).append(rule)
        frames = ("levels", "rises", "falls", "at_risk", "treated", "passive")
        return cls(rules, *(_compiled(facts[name], words) for name in frames))

    def first(self, subject: Kind, object_: Kind, frame: str) -> Rule | None:
        """The first phrase that a frame holds."""
        rules = self.rules.get((_PARTY[subject], _PARTY[object_]), ())
        return next((rule for rule in rules if rule.pattern.search(frame)), None)

    def knows(self, subject: Kind, object_: Kind) -> bool:
        """Whether there are phrases for these kinds at all."""
        return (_PARTY[subject], _PARTY[object_]) in self.rules


def _compiled(pattern: str, words: Mapping[str, Any]) -> re.Pattern[str]:
    return re.compile(r"(?<!\S)(?:" + pattern.replace("~", r"(?:\S+ ){{0,4}}?").format(**words) + r")(?!\S)")


def source() -> str:
    """The text of `patterns.json`, for a digest."""
    return files("cmo.relate").joinpath("patterns.json").read_text("utf-8")
