"""A second call when the first one takes longer than most: the faster of the two answers, the other is ended.

::

    first call --95 % would have answered by now--> may it cost a second one? --> first success wins, loser cancelled

For reads that may be done twice, and for few of them (Dean & Barroso, The Tail at Scale, CACM 2013).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def hedged(
    call: Callable[[], Awaitable[T]],
    *,
    after: float | None,
    may: Callable[[], Awaitable[bool]],
    won: Callable[[], None] = lambda: None,
) -> T:
    """The answer of whichever call succeeds first; the first one's error if both fail.

    Args:
        call: makes a call.
        after: seconds before a second one; None for never.
        may: whether there may be a second one, asked when it is due.
        won: told that the second one was faster.
    """
    if after is None:
        return await call()
    first = asyncio.ensure_future(_awaited(call))
    tasks = [first]
    try:
        await asyncio.wait(tasks, timeout=after)
        if first.done() or not await may() or first.done():
            return await first
        tasks.append(asyncio.ensure_future(_awaited(call)))
        winner = await _first_success(tasks)
        if winner is not first and not _failed(winner):
            won()
        return await winner
    finally:
        await _ended(tasks)


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


async def _first_success(tasks: list[asyncio.Task[T]]) -> asyncio.Task[T]:
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done and not _failed(task):
                return task
    return tasks[0]


def _failed(task: asyncio.Task[T]) -> bool:
    return task.cancelled() or task.exception() is not None


async def _ended(tasks: list[asyncio.Task[T]]) -> None:
    """End who is still at it, and wait until it is, so that nothing is left behind."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
