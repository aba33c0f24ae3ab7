"""What is said to a language model, and what it says."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum


class Speaker(StrEnum):
    """Who says something."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said next, and what that took."""

    text: str
    prompt_tokens: int = 0
    """As the endpoint counts them; 0 where it does not say."""
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt that the endpoint had kept, as far as it says."""
    cut: bool = False
    """Whether it had more to say than it might."""


Speech = Generator[str, None, Completion]
"""What a model says, in pieces as they come; what it came to is returned at the end. Closing it leaves the rest unsaid."""
