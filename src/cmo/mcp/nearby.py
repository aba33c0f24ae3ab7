"""A service in this very process, without a port: what `cmo mcp` asks where no address is named."""

from __future__ import annotations

from typing import Self

import httpx

from cmo.app import App
from cmo.client import AsyncClient
from cmo.settings import Settings
from cmo.web.api import create_api


class NearbyClient(AsyncClient):
    """Asks a service of its own, which begins and ends with it.

    Args:
        settings: of the base.
    """

    def __init__(self, settings: Settings) -> None:
        self._house = App(settings)
        self._api = create_api(self._house)
        self._lifespan = self._api.router.lifespan_context(self._api)
        super().__init__(key="", transport=httpx.ASGITransport(self._api))

    async def __aenter__(self) -> Self:
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
        await self._lifespan.__aexit__(None, None, None)
        self._house.close()
