"""Having answers ready before anybody asks: a list of questions, a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cmo.errors import OracleError

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told how many are done, and of how many."""


@dataclass(slots=True)
class Warmed:
    """What came of it."""

    ready: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by what failed."""


async def warm(
    items: Sequence[T],
    ask: Callable[[T], Awaitable[object]],
    *,
    at_once: int = 4,
    progress: Progress = lambda _done, _total: None,
) -> Warmed:
    """Ask for each item; one that fails does not stop the others.

    Args:
        items: what to ask for.
        ask: asks; what it returns is of no interest here.
        at_once: how many at once at most.
        progress: told after each.
    """
    warmed, waiting = Warmed(), iter(items)

    async def some() -> None:
        for item in waiting:
            try:
                await ask(item)
                warmed.ready += 1
            except OracleError as error:
                warmed.failed[str(item)] = str(error)
            progress(warmed.ready + len(warmed.failed), len(items))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(items))):
            group.create_task(some())
    return warmed
