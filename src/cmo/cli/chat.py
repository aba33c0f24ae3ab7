"""`cmo chat`: the oracle in a conversation, in the browser."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from cmo.chat.history import FILE, History
from cmo.cli.options import Home, named
from cmo.cli.output import complaints, console
from cmo.cli.ports import require_free
from cmo.errors import ServiceGone, SettingsError
from cmo.kit.begun import begun
from cmo.kit.clock import SystemClock
from cmo.kit.seal import seal_of
from cmo.settings import Settings, read_settings, sealing_keys

_MISSING = 'This needs the extra [chat]. Run `make chat`, or `pip install "clinical-metabolomics-oracle[chat]"`.'
_BEGIN_SECONDS = 60.0


def chat(
    *,
    url: Annotated[
        str, typer.Option(help="Address of the service; default: the one of this base, begun if it does not run.")
    ] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of 127.0.0.1 on which the chat listens.")] = 8001,
    home: Home = None,
) -> None:
    """Chat in the browser, over a running service. Needs the extra `chat`."""
    try:
        chainlit = version("chainlit")
    except PackageNotFoundError as error:
        raise SettingsError(_MISSING) from error
    from cmo.chat.serve import prepare, serve

    settings = read_settings(working_dir=home)
    require_free(port)
    folder = settings.working_dir.expanduser().absolute() / "chat"
    prepare(folder, chainlit, settings.max_file_megabytes)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # else what is begun here would outlive this process
    with _service(url, settings) as address:
        console.print(f"The chat is at http://127.0.0.1:{port}, over {address}. Ctrl-C ends it.", soft_wrap=True)
        with history(settings, new=settings.audit_days > 0) as kept:
            if kept is not None:
                kept.tidy()  # with 0 days all of it
            serve(folder, address, port, named(None), kept if settings.audit_days else None)


@contextmanager
def history(settings: Settings, *, new: bool = False) -> Iterator[History | None]:
    """The conversations of the base's chat, opened.

    Args:
        settings: of the base.
        new: whether a file is made where there is none; else there is None.
    """
    path = settings.working_dir.expanduser().absolute() / "chat" / FILE
    if not (new or path.exists()):
        yield None
        return
    found = History(path, SystemClock(), seal_of(sealing_keys(settings)), settings.audit_days)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def _service(url: str, settings: Settings) -> Iterator[str]:
    """Address of a service that runs; one of this base is begun, and ended, where none does."""
    address = url or f"http://{settings.host}:{settings.port}"
    if _runs(address) or url:
        if not _runs(address):
            complaints.print(f"No service answers at {address} yet. The chat will say so until one does.")
        yield address
        return
    complaints.print(f"No service runs at {address}; one is begun.")
    command = [str(Path(sys.executable).with_name("cmo")), "serve", "--home", str(settings.working_dir)]
    silent = ServiceGone(f"The service at {address} did not begin. Run `cmo serve` to see why.")
    with begun(command, lambda: _runs(address), _BEGIN_SECONDS, silent):
        yield address


def _runs(address: str) -> bool:
    from cmo.client import Client

    try:
        with Client(address, seconds=2.0) as client:
            client.health()
    except ServiceGone:
        return False
    return True
