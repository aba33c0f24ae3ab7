"""Serving: uvicorn, on this machine alone unless told otherwise.

With several workers each is a process with its own model; the index is memory-mapped and shared, and one lock file
lets one of them write at a time.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from fastapi import FastAPI

from cmo.app import App, opened
from cmo.errors import SettingsError
from cmo.ops import logs
from cmo.ops.traces import require
from cmo.settings import Settings, read_settings
from cmo.web import fair
from cmo.web.api import create_api
from cmo.web.doors import Files, require_keys, tls
from cmo.web.drain import draining
from cmo.web.line import Line, take_descriptors
from cmo.web.workers import Workers

log = logging.getLogger("uvicorn.error")  # says where one worker listens


@dataclass(frozen=True, slots=True)
class Service:
    """Makes the service in the process that runs it; can be sent to another process."""

    settings: Settings
    run: Path | None = None
    """Where its workers tell each other what they count; None where there is but one."""
    workers: int = 1

    def __call__(self) -> FastAPI:
        """The service, which closes its app when it ends."""
        logs.set_up(self.settings.log_format, self.settings.log_level)
        house = App(self.settings)
        house.run, house.workers = self.run, self.workers
        api = create_api(house, self.run)
        inner = api.router.lifespan_context

        @asynccontextmanager
        async def lifespan(served: FastAPI) -> AsyncIterator[None]:
            try:
                async with inner(served):
                    with draining(api.state.desk, self.settings.drain_seconds):
                        yield
            finally:
                house.close()

        api.router.lifespan_context = lifespan
        return api


def serve(
    settings: Settings,
    *,
    workers: int = 1,
    grace_seconds: int = 10,
    renewed: Callable[[], Settings] = read_settings,
) -> None:
    """Serve until told to stop (SIGINT, SIGTERM); requests at work are finished first.

    On SIGHUP the settings are read anew and several workers are exchanged one by one, so that somebody always answers; a
    single one goes on as it is.

    Args:
        settings: where to listen and what to serve.
        workers: processes that answer.
        grace_seconds: longest wait for requests at work.
        renewed: reads the settings anew; address and port stay as they were.

    Raises:
        AccessRefused: the network could come in, and nobody would be asked for a key.
        SettingsError: nothing can listen at that address and port, TLS cannot be spoken, or answers and traces cannot go
            where they are to.
    """
    settings = settings.model_copy(update={"base_of": ""})  # it serves all tenants
    _require_free(settings.host, settings.port)
    files = tls(settings)
    with opened(settings) as house:
        require_keys(house)
        if settings.cache:
            _ = house.keeping.tiers  # what every question would fail by is said before anybody asks
        if workers > 1:
            house.record.head()  # migrates once, before several processes would
    if settings.otlp_url:
        require(settings.otlp_url)
    logs.set_up(settings.log_format, settings.log_level)
    # One worker ends by the signal that it was told to end by, and leaves no block.
    with TemporaryDirectory(prefix="cmo-run-") if workers > 1 else nullcontext() as run:
        told = Path(run) if run else None
        config = _config(settings, Service(settings, told, workers), workers, grace_seconds, files)
        take_descriptors()
        if workers > 1:
            sockets = [_listening(settings.host, settings.port, by_tls=settings.tls_certificate is not None)]
            Workers(config, sockets, lambda: Service(renewed(), told, workers)).run()
        else:
            signal.signal(signal.SIGHUP, _stays)
            uvicorn.Server(config).run()


def _config(settings: Settings, service: Service, workers: int, grace_seconds: int, files: Files) -> uvicorn.Config:
    return uvicorn.Config(
        service,
        host=settings.host,
        port=settings.port,
        factory=True,
        http=Line,
        loop=fair.NAME if workers > 1 else "auto",
        workers=workers,
        timeout_graceful_shutdown=grace_seconds,
        log_config=None,  # see `cmo.ops.logs`
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=files[0],
        ssl_keyfile=files[1],
    )


def _stays(_number: int, _frame: FrameType | None) -> None:
    log.warning(
        "nothing was reloaded: one worker alone is not exchanged, as nobody would answer meanwhile. "
        "Restart the service for other settings, or begin it with --workers 2"
    )


def _listening(host: str, port: int, *, by_tls: bool = False) -> socket.socket:
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
    scheme = "https" if by_tls else "http"
    log.info("Uvicorn running on %s://%s:%d (Press CTRL+C to quit)", scheme, shown, listening.getsockname()[1])
    return listening


def _require_free(host: str, port: int) -> None:
    """Said here, because uvicorn says it in the midst of its log."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        what = f"Nothing can listen at {host} port {port}: {os.strerror(error.errno or 0)}."
        raise SettingsError(f"{what} Choose another with --port (0 takes a free one) or --host.") from error
