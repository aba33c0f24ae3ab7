"""The sorter of a desk, which tells classes of questions; opened when it is first asked."""

from __future__ import annotations

import asyncio

import anyio

from cmo.app import App
from cmo.sorting.cast import OpenSorter, open_sorter


class Sorting:
    """Opens the sorter, and gives it back.

    Args:
        house: the app.
    """

    def __init__(self, house: App) -> None:
        self._house = house
        self._opened: OpenSorter | None = None
        self._opening = anyio.Lock()

    @property
    def at_hand(self) -> OpenSorter | None:
        """It, where somebody asked it already."""
        return self._opened

    async def opened(self) -> OpenSorter:
        """It."""
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    self._opened = await asyncio.to_thread(open_sorter, self._house)
        return self._opened

    async def aclose(self) -> None:
        """Give back what is open."""
        if self._opened is not None:
            await self._opened.sorter.aclose()
            await asyncio.to_thread(self._opened.close)
            self._opened = None
