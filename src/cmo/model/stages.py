"""What is being done for an answer, told while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """A step on the way to an answer."""

    RETRIEVE = "retrieve"
    WRITE = "write"
    CHECK = "check"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that begins."""

    step: Step
    text: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Anew:
    """An answer is begun: what was told of an earlier attempt does not stand."""
