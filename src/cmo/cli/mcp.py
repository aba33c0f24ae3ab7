"""`cmo mcp`: the oracle for assistants."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cmo.cli.options import Begun
from cmo.cli.output import complaints
from cmo.cli.ports import require_free
from cmo.errors import SettingsError
from cmo.settings import read_settings

_MISSING = 'This needs the extra [mcp]. Install it with `pip install "clinical-metabolomics-oracle[mcp]"`.'


def mcp(
    *,
    url: Annotated[str, typer.Option(help="Address of a running service to ask, instead of the base itself.")] = "",
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Speak HTTP at this port of 127.0.0.1, at /mcp, instead of stdin and stdout."
        ),
    ] = None,
    unguarded: Annotated[
        bool,
        typer.Option("--open", help="Let in at that port whoever reaches it: every program and user of this machine."),
    ] = False,
    home: Begun = None,
) -> None:
    """Offer ask, search, evidence, graph and papers to an assistant, by the Model Context Protocol. Needs the extra `mcp`."""
    try:
        from cmo.mcp.server import create
    except ImportError as error:
        raise SettingsError(_MISSING) from error
    from cmo.client import AsyncClient

    settings = read_settings(working_dir=home, access="open")  # whoever starts it may read the base anyway

    def client() -> AsyncClient:
        if url:
            return AsyncClient(url)
        from cmo.mcp.nearby import NearbyClient

        return NearbyClient(settings)

    if url:
        AsyncClient(url)  # says at once that it is no address
    token = ""
    if port is not None:
        require_free(port)
        token = _token(settings.working_dir.expanduser(), port, unguarded=unguarded)
    try:
        _run(create(client), port, token)
    except BaseExceptionGroup as several:
        raise _told(several) from several


def _token(folder: Path, port: int, *, unguarded: bool) -> str:
    """What is to be shown at the port; empty for nothing."""
    from cmo.mcp.door import FILE, token_of

    if unguarded:
        complaints.print(f"Every program and user of this machine may ask at port {port}.")
        return ""
    found, path = token_of(folder), (folder / FILE).absolute()
    told = f"At http://127.0.0.1:{port}/mcp with `Authorization: Bearer …`; the token stands in {path}."
    complaints.print(told, soft_wrap=True, markup=False)
    return found


def _run(server: Any, port: int | None, token: str) -> None:
    if port is None:
        if sys.stdin.isatty():
            complaints.print("An assistant is to start this, and speaks with it on stdin. Ctrl-D ends it.")
        server.run("stdio")
        return
    import uvicorn

    from cmo.mcp.door import Door

    app = server.streamable_http_app(host="127.0.0.1")
    uvicorn.run(Door(app, token) if token else app, host="127.0.0.1", port=port, log_level="warning")


def _told(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong, out of the groups that tasks put it in."""
    first = several.exceptions[0]
    return _told(first) if isinstance(first, BaseExceptionGroup) else first
