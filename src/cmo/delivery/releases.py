"""What a release may change: settings that can differ from one question to the next.

::

    {"mode": "mix", "max_hops": 2} --checked--> Release --bundle--> Bundle --on--> a question asked its way

What needs another index, model or process cannot differ between two questions of one service and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from cmo.errors import ReleaseRefused
from cmo.model.delivery import Release, Setting
from cmo.model.questions import MAX_HOPS, Mode, Question, Reach

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
ENGINES: Final = ("cmo", "lightrag")
KINDS: Final[Mapping[str, str]] = {
    "engine": "who searches and answers: cmo or lightrag",
    "mode": f"how passages are found where the asker leaves it open: {', '.join(Mode)}",
    "multi_hop": "whether a search follows relations: true or false",
    "max_hops": f"how many relations it follows: 0 to {MAX_HOPS}",
    "reasoning": "whether an answer tells how it was reached: true or false",
    "routing": "whether questions are routed: true or false",
    "min_confidence": "confidence below which an answer is refused: 0 to 1",
}
"""Settings of a release, with what they may be."""
_ELSEWHERE: Final = ("model", "prompt", "embed", "chunk", "llm", "database", "vocabulary")
"""Beginnings of names that exist and cannot be varied from one question to the next."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A release as answers use it; None leaves a setting as the service has it."""

    engine: str | None = None
    mode: Mode | None = None
    multi_hop: bool | None = None
    max_hops: int | None = None
    reasoning: bool | None = None
    routing: bool | None = None
    min_confidence: float = 0.0

    @property
    def reaches(self) -> bool:
        """Whether it changes how far the graph carries a search."""
        return self.multi_hop is not None or self.max_hops is not None or self.reasoning is not None

    def on(self, question: Question, reach: Reach | None, release: str = "") -> Question:
        """A question as this bundle asks it: what the asker chose stands.

        Args:
            question: as admitted.
            reach: how far the graph carries a search where nobody says otherwise; not asked for where nothing `reaches`.
            release: whose bundle it is, for the log of answers.
        """
        changed: dict[str, Any] = {"release": release} if release != question.release else {}
        if question.reach is None and self.reaches and reach is not None:
            changed["reach"] = _reached(self, reach)
        if self.mode is not None and question.mode is Mode.HYBRID:
            changed["mode"] = self.mode
        return replace(question, **changed) if changed else question


@lru_cache(64)
def _reached(bundle: Bundle, reach: Reach) -> Reach:
    given = {"multi_hop": bundle.multi_hop, "hops": bundle.max_hops, "reasoning": bundle.reasoning}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(reach, **changed)


BASELINE: Final = Bundle()


def bundle(settings: Mapping[str, Setting]) -> Bundle:
    """Settings as answers use them.

    Raises:
        ReleaseRefused: one is unknown, wrong, or cannot be varied from one question to the next.
    """
    found: dict[str, Any] = {name: _checked(name, value) for name, value in settings.items()}
    return Bundle(**found)


def release(name: str, settings: Mapping[str, Setting], about: str = "", at: float = 0.0) -> Release:
    """A release that can be rolled out.

    Raises:
        ReleaseRefused: its name or a setting cannot be used, or it changes nothing.
    """
    if not NAME.fullmatch(name):
        raise ReleaseRefused(f"{name!r} is no name. Use small letters, digits, dots and dashes, 63 at most.")
    if not settings:
        raise ReleaseRefused(f"The release {name!r} changes nothing. Name a setting, such as max_hops=2.")
    bundle(settings)
    return Release(name, dict(settings), about, at)


def parsed(text: str) -> tuple[str, Setting]:
    """A setting as it is written on a command line: ``max_hops=2``.

    Raises:
        ReleaseRefused: it is no setting.
    """
    name, equals, said = text.partition("=")
    if not equals:
        raise ReleaseRefused(f"{text!r} is no setting. Write it as name=value, such as max_hops=2.")
    return name.strip(), read(said.strip())


def read(text: str) -> Setting:
    """A value as people write it: true, 2, 0.5, mix."""
    if text.casefold() in {"true", "false"}:
        return text.casefold() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def checked(name: str, value: Setting) -> Setting:
    """A setting's value, if it may have that.

    Raises:
        ReleaseRefused: it may not.
    """
    _checked(name, value)
    return value


def _checked(name: str, value: Setting) -> Setting:
    if name not in KINDS:
        raise ReleaseRefused(unknown(name, f"A release may set: {', '.join(KINDS)}."))
    match name, value:
        case "engine", str() if value in ENGINES:
            return value
        case "mode", str() if value in set(Mode):
            return Mode(value)
        case (("multi_hop" | "reasoning" | "routing"), bool()):
            return value
        case "max_hops", int() if not isinstance(value, bool) and 0 <= value <= MAX_HOPS:
            return value
        case "min_confidence", int() | float() if not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
    raise ReleaseRefused(f"{name} cannot be {value!r}: it says {KINDS[name]}.")


def unknown(name: str, known: str) -> str:
    """What is said of a setting that there is not, or not for one question."""
    if name.casefold().startswith(_ELSEWHERE):
        return (
            f"{name} cannot differ from one question to the next: it takes another index or process. "
            f"Run a second service with it. {known}"
        )
    return f"There is no {name!r} that could be set. {known}"
