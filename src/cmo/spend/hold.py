"""What is set aside for one call, and the blocks that take it and give it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from types import TracebackType
from typing import Final

from cmo.errors import OracleError
from cmo.model.money import Draft, Micros, Usage
from cmo.spend.purse import Purse

_MOST_TOKENS: Final = 1_000_000_000
"""More than that is no count."""


class Hold:
    """Money that is set aside for one call; see `cmo.model.money.Held`."""

    def __init__(self, entry: int, draft: Draft, began: float, purse: Purse) -> None:
        self.entry = entry
        self.draft = draft
        self.began = began
        self.purse = purse
        self.usage: Usage | None = None
        self.billed: Micros | None = None
        self.spent = True

    def settle(self, usage: Usage | None, billed: Micros | None = None) -> None:
        """Say what the call took; None where nobody knows. `billed` is what the provider says that it charged."""
        self.usage = usage if usage is None or _is_count(usage) else None
        self.billed = billed if billed is None or billed >= 0 else None

    def nothing_spent(self) -> None:
        """Say that the call was not made, or surely cost nothing."""
        self.spent = False


Take = Callable[[], Hold]
Give = Callable[[Hold, BaseException | None], None]


class Block(AbstractContextManager[Hold]):
    """Takes at its beginning, gives at its end."""

    def __init__(self, take: Take, give: Give) -> None:
        self._take = take
        self._give = give

    def __enter__(self) -> Hold:
        self._hold = self._take()
        return self._hold

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._give(self._hold, error)


class AwaitedBlock(AbstractAsyncContextManager[Hold]):
    """The same in threads, so that the event loop never waits; and to the end, also where the task is cancelled."""

    def __init__(self, take: Take, give: Give) -> None:
        self._take = take
        self._give = give

    async def __aenter__(self) -> Hold:
        taking = asyncio.ensure_future(asyncio.to_thread(self._take))
        try:
            self._hold = await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(OracleError):  # the thread goes on; what it takes nobody will spend
                hold = await taking
                hold.nothing_spent()
                await asyncio.to_thread(self._give, hold, None)
            raise
        return self._hold

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(self._give, self._hold, error)))


def _is_count(usage: Usage) -> bool:
    return all(0 <= n <= _MOST_TOKENS for n in (usage.input_tokens, usage.output_tokens, usage.cached_tokens))
