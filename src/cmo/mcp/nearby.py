"""A service in this very process, without a port: what `cmo mcp` asks where no address is named."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self

import httpx

from cmo.app import opened
from cmo.client import AsyncClient
from cmo.settings import Settings
from cmo.web.api import create_api


class NearbyClient(AsyncClient):
    """Asks a service of its own, which begins and ends with it.

    Args:
        settings: of the base.
    """

    def __init__(self, settings: Settings) -> None:
        self._open = AsyncExitStack()
        self._house = self._open.enter_context(opened(settings))
        self._api = create_api(self._house)
        super().__init__(key="", transport=httpx.ASGITransport(self._api))

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._api.router.lifespan_context(self._api))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
        await self._open.aclose()
