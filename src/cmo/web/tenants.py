"""A desk for each tenant: its own papers, caches, answers and releases, so that there is nothing to filter.

::

    tenant of the service -----------------------> the front desk
    another one --opened when it is first asked--> a desk over a house of its own
                    '--too many are open--> the one that nobody asks and that was asked least lately is closed
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio import to_thread

from cmo.errors import Overloaded
from cmo.web.desk import Desk

log = logging.getLogger("cmo.web")


@dataclass(slots=True)
class _Open:
    desk: Desk
    at_work: int = 0
    """Requests that it is serving."""


class Desks:
    """Opens and closes desks.

    Args:
        front: of the service's own tenant; whoever made it closes its house.
        most: desks of other tenants that are open at once.
    """

    def __init__(self, front: Desk, most: int) -> None:
        self.front = front
        self._most = most
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._opening = anyio.Lock()

    @asynccontextmanager
    async def at(self, tenant: str) -> AsyncIterator[Desk]:
        """The desk of a tenant, which stays open meanwhile.

        Raises:
            Overloaded: as many tenants are being served as there may be.
            StoreError: what it keeps cannot be opened.
        """
        if tenant == self.front.house.settings.tenant:
            yield self.front
            return
        entry = self._open.get(tenant) or await self._opened(tenant)
        entry.at_work += 1
        try:
            self._open.move_to_end(tenant)
            yield entry.desk
        finally:
            entry.at_work -= 1

    def busy(self) -> int:
        """How many questions of any tenant are worked on in this process, or wait for that."""
        houses = (self.front.house, *(entry.desk.house for entry in self._open.values()))
        return sum(house.executor.inside for house in houses if "executor" in house.__dict__)

    async def aclose(self) -> None:
        """Close the desks of all other tenants."""
        while self._open:
            await _close(self._open.popitem()[1].desk)

    async def _opened(self, tenant: str) -> _Open:
        async with self._opening:
            if (entry := self._open.get(tenant)) is not None:
                return entry
            while len(self._open) >= self._most:
                await self._close_one()
            house = await to_thread.run_sync(self.front.house.sibling, tenant)
            entry = self._open[tenant] = _Open(self.front.beside(house))
            log.info("the base of tenant %s is open", tenant)
            return entry

    async def _close_one(self) -> None:
        idle = next((tenant for tenant, entry in self._open.items() if not entry.at_work), None)
        if idle is None:
            raise Overloaded(f"{self._most} other tenants are being served, the most at once. Try again.", 1.0)
        await _close(self._open.pop(idle).desk)


async def _close(desk: Desk) -> None:
    await desk.aclose()
    await to_thread.run_sync(desk.house.close)
