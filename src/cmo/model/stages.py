"""What is being done for an answer, told while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """A step on the way to an answer."""

    PLAN = "plan"
    """Of a question that is answered in steps."""
    RETRIEVE = "retrieve"
    READ = "read"
    """The same: what a step found."""
    WRITE = "write"
    CHECK = "check"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that begins; of deep mode, one that is done."""

    step: Step
    text: str
    """For people."""
    thread: str = ""
    """In which the question can be gone on with; empty where it cannot."""


@dataclass(frozen=True, slots=True)
class Anew:
    """An answer is begun: what was told of an earlier attempt does not stand."""
