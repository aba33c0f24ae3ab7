"""What is known of a question under way: plain JSON, since it is kept after every step and read by another process."""

from __future__ import annotations

from typing import Any, TypedDict


class Step(TypedDict):
    """One question of a plan, and what came of it."""

    question: str
    why: str
    """What it is asked for: ``the question itself``, ``a part``, ``one side``, ``a link of a chain``."""
    mode: str
    tries: int
    reply: dict[str, Any] | None
    """As `cmo ask --json` prints it; None before it is asked, or where it could not be."""
    gap: str
    """Why nothing came of it; empty where something did, or before it is asked."""


class Dispute(TypedDict):
    """Something that sources do not agree on."""

    text: str
    evidence: list[str]
    """Ids of the evidence on both sides."""


class Run(TypedDict, total=False):
    """One question of a thread, from its plan to its answer."""

    id: str
    owner: str
    """Who began the thread; empty for whoever is at this machine."""
    question: str
    about: str
    """Hash of what is asked, its filters included."""
    planned_by: str
    """``rules`` or the name of a language model."""
    notice: str
    """What whoever asked should know of the plan."""
    steps: list[Step]
    at: int
    """Index of the step in hand."""
    disputes: list[Dispute]
    trace: list[dict[str, Any]]
    """What was done, in order."""
    cost: int
    """Millionths of a dollar, so far."""
    milliseconds: float
    answer: dict[str, Any] | None
    history: list[dict[str, Any]]
    """Questions of this thread that are done, oldest first."""
