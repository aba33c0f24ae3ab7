"""Questions with their labels, as `bench/routing/LABELS.md` describes them: one line of JSON each.

::

    {"query": …, "destination": …, "category"?: …, "research_category"?: …, "also"?: […], "topic"?: …}

Whatever cannot be used is told by line and left out; a file without a usable line is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from cmo.errors import LabelsUnusable
from cmo.kit.text import clean_line
from cmo.model.questions import MAX_QUESTION_CHARS
from cmo.model.routes import Category, Destination, ResearchCategory, Scope

T = TypeVar("T", bound=StrEnum)

_NEITHER = {"OUT_OF_SCOPE": Scope.OUT, "OUT": Scope.OUT, "UNSAFE": Scope.UNSAFE}
"""Names under which others keep what we call NEITHER."""
_NAMED = 20
"""Bad lines that a message names at most."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and where it belongs."""

    query: str
    destination: Destination
    also: frozenset[Destination] = frozenset()
    """Other destinations that are as good."""
    category: Category | None = None
    research: ResearchCategory | None = None
    also_research: frozenset[ResearchCategory] = frozenset()
    scope: Scope = Scope.IN
    slice: str = "plain"
    topic: str = ""
    template: str = ""

    def accepts(self, destination: Destination) -> bool:
        """Whether a destination is right: a question that either engine can answer may go to one of them."""
        if destination is self.destination or destination in self.also:
            return True
        one_of_them = destination in {Destination.LIGHTRAG, Destination.PERPLEXITY}
        return one_of_them and self.destination is Destination.EITHER

    def accepts_research(self, category: ResearchCategory) -> bool:
        """Whether a research category is right."""
        return category is self.research or category in self.also_research

    @property
    def cluster(self) -> str:
        """Questions of one cluster are not independent: those of one topic, or of one template."""
        return self.template or self.topic or self.query


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Labels:
    """What label files hold."""

    rows: tuple[Labelled, ...]
    bad: tuple[BadLine, ...]


def read(paths: Sequence[Path]) -> Labels:
    """Read label files, one after the other.

    Raises:
        LabelsUnusable: a file cannot be read, or there is no usable line in any.
    """
    rows: list[Labelled] = []
    bad: list[BadLine] = []
    for path in paths:
        try:
            lines = path.read_text("utf-8-sig").split("\n")  # JSON may hold other line separators
        except (OSError, UnicodeDecodeError) as error:
            raise LabelsUnusable(f"{path} cannot be read: {error}. Give a file of JSON lines.") from error
        found = parse(lines)
        rows += found.rows
        bad += found.bad
    if not rows:
        told = "; ".join(f"line {line.number}: {line.reason}" for line in bad[:_NAMED]) or "there is no line"
        raise LabelsUnusable(f"No label can be used in {', '.join(map(str, paths))}: {told}.")
    return Labels(tuple(rows), tuple(bad))


def parse(lines: Iterable[str]) -> Labels:
    """Lines to labels."""
    rows: list[Labelled] = []
    bad: list[BadLine] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(_labelled(json.loads(line)))
        except (ValueError, RecursionError) as error:
            bad.append(BadLine(number, str(error)))
    return Labels(tuple(rows), tuple(bad))


def _labelled(facts: Any) -> Labelled:
    if not isinstance(facts, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - one class of error for whatever is wrong with a line
    query = clean_line(_text(facts, "query"))
    if not query or len(query) > MAX_QUESTION_CHARS:
        raise ValueError(f"query is empty or has more than {MAX_QUESTION_CHARS:,} characters")
    named = _text(facts, "destination").strip().upper()
    scope = _NEITHER.get(named)
    destination = Destination.NEITHER if scope else _known(Destination, named, "destination")
    if scope is None:
        scope = _scope(facts, destination)
    return Labelled(
        query=query,
        destination=destination,
        also=frozenset(_known(Destination, a.upper(), "also") for a in _texts(facts, "also")),
        category=_optional(Category, _text(facts, "category", "").upper(), "category"),
        research=_optional(ResearchCategory, _text(facts, "research_category", "").lower(), "research_category"),
        also_research=frozenset(
            _known(ResearchCategory, a.lower(), "also_research") for a in _texts(facts, "also_research")
        ),
        scope=scope,
        slice=_text(facts, "slice", "plain"),
        topic=_text(facts, "topic", ""),
        template=_text(facts, "template", ""),
    )


def _scope(facts: Mapping[str, Any], destination: Destination) -> Scope:
    said = _optional(Scope, _text(facts, "scope", "").lower(), "scope")
    if said is not None:
        return said
    return Scope.OUT if destination is Destination.NEITHER else Scope.IN


def _optional(kind: type[T], name: str, key: str) -> T | None:
    return _known(kind, name, key) if name else None


def _known(kind: type[T], name: str, key: str) -> T:
    try:
        return kind(name)
    except ValueError:
        raise ValueError(f"{key} {name!r} is none of {', '.join(kind)}") from None


def _text(facts: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = facts.get(key, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing or no text")  # noqa: TRY004
    return value


def _texts(facts: Mapping[str, Any], key: str) -> list[str]:
    values = facts.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} is no list of texts")
    return values
