"""LightRAG's free words as a type of relation; the words are in `relations.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib.resources import files

from cmo.model.concepts import Kind, Mention, RelationType

_WORD = re.compile(r"[^\W_]+")
_BY = frozenset({"by", "from"})
"""After a cue they turn it round: ``B is converted from A``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a relation is of a type."""

    type: RelationType
    cues: re.Pattern[str]
    subject: frozenset[Kind]
    object: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Typed:
    """A relation with its direction."""

    type: RelationType
    subject: Mention
    object: Mention


@dataclass(frozen=True, slots=True)
class Rules:
    """All of `relations.json`."""

    types: tuple[Rule, ...]
    negated: re.Pattern[str]
    hedged: re.Pattern[str]


@cache
def rules() -> Rules:
    """As shipped."""
    held = json.loads(files("cmo.lightrag").joinpath("relations.json").read_text("utf-8"))
    types = tuple(
        Rule(
            RelationType(name),
            _cues(rule["cues"]),
            frozenset(map(Kind, rule["subject"])),
            frozenset(map(Kind, rule["object"])),
        )
        for name, rule in held["types"].items()
    )
    return Rules(types, _cues(held["negated"]), _cues(held["hedged"]))


def typed(said: str, sentence: str, a: Mention, b: Mention, offset: int) -> Typed:
    """The type of a relation between two mentions, the one that is named first being `a`.

    Args:
        said: LightRAG's keywords and description.
        sentence: the evidence.
        a: the mention that stands first in it.
        b: the other one.
        offset: where the sentence begins in the text that the mentions' spans are of.
    """
    for rule in rules().types:
        if holds(rule.cues, said) and holds(rule.cues, sentence):
            found = _directed(rule, sentence, a, b, offset)
            if found is not None:
                return found
    first, second = sorted((a, b), key=lambda m: m.concept)
    return Typed(RelationType.ASSOCIATED_WITH, first, second)


def holds(cues: re.Pattern[str], text: str) -> bool:
    """Whether any word of a text is a cue."""
    return any(cues.fullmatch(word) for word in words(text))


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.casefold())


def _directed(rule: Rule, sentence: str, a: Mention, b: Mention, offset: int) -> Typed | None:
    forth = a.kind in rule.subject and b.kind in rule.object
    back = b.kind in rule.subject and a.kind in rule.object
    if forth != back:
        return Typed(rule.type, a, b) if forth else Typed(rule.type, b, a)
    between = words(sentence[a.end - offset : b.start - offset])
    places = [n for n, word in enumerate(between) if rule.cues.fullmatch(word)]
    if not forth or not places or _BY & set(between[places[0] :]):
        return None
    return Typed(rule.type, a, b)


def _cues(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))
