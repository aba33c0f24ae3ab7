"""Serving: uvicorn, on this machine alone unless told otherwise.

With several workers each is a process with its own model; the index is memory-mapped and shared, and one lock file
lets one of them write at a time.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from cmo.app import App, opened
from cmo.errors import SettingsError
from cmo.settings import Settings
from cmo.web.api import create_api

log = logging.getLogger("uvicorn.error")  # says where one worker listens


@dataclass(frozen=True, slots=True)
class Service:
    """Makes the service in the process that runs it; can be sent to another process."""

    settings: Settings

    def __call__(self) -> FastAPI:
        """The service, which closes its app when it ends."""
        house = App(self.settings)
        api = create_api(house)
        inner = api.router.lifespan_context

        @asynccontextmanager
        async def lifespan(served: FastAPI) -> AsyncIterator[None]:
            try:
                async with inner(served):
                    yield
            finally:
                house.close()

        api.router.lifespan_context = lifespan
        return api


def serve(settings: Settings, *, workers: int = 1, grace_seconds: int = 10, log_level: str = "info") -> None:
    """Serve until told to stop (SIGINT, SIGTERM); requests at work are finished first.

    Args:
        settings: where to listen and what to serve.
        workers: processes that answer.
        grace_seconds: longest wait for requests at work.
        log_level: of uvicorn. Requests are not logged: questions may name patients.

    Raises:
        SettingsError: nothing can listen at that address and port, or answers cannot be kept where they are to be.
    """
    _require_free(settings.host, settings.port)
    with opened(settings) as house:
        if settings.cache:
            _ = house.keeping.tiers  # what every question would fail by is said before anybody asks
        if workers > 1:
            house.record.head()  # migrates once, before several processes would
    config = uvicorn.Config(
        Service(settings),
        host=settings.host,
        port=settings.port,
        factory=True,
        workers=workers,
        timeout_graceful_shutdown=grace_seconds,
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    if workers == 1:
        uvicorn.Server(config).run()
        return
    Multiprocess(config, sockets=[_listening(settings.host, settings.port)]).run()


def _listening(host: str, port: int) -> socket.socket:
    """A socket for all workers.

    It names its protocol: else asyncio does not know it for TCP and leaves Nagle's algorithm on, and each reply waits
    40 ms for an acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.set_inheritable(True)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    log.info("Uvicorn running on http://%s:%d (Press CTRL+C to quit)", shown, listening.getsockname()[1])
    return listening


def _require_free(host: str, port: int) -> None:
    """Said here, because uvicorn says it in the midst of its log."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        what = f"Nothing can listen at {host} port {port}: {os.strerror(error.errno or 0)}."
        raise SettingsError(f"{what} Choose another with --port (0 takes a free one) or --host.") from error
