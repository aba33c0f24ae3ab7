"""`cmo serve`: the HTTP service and its page."""

from __future__ import annotations

from typing import Annotated

import typer

from cmo.cli.exits import Exit
from cmo.cli.options import Home
from cmo.settings import Settings, read_settings


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; default: $CMO_PORT or 8000.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    home: Home = None,
) -> None:
    """Serve the HTTP API, and at / a page to ask on.

    SIGTERM ends it after what is being answered, and after CMO_DRAIN_SECONDS. SIGHUP reads the settings anew and exchanges two
    workers or more, one by one; one alone goes on as it is, and says so in the log.
    """
    from cmo.web.serve import serve as run

    def read() -> Settings:
        return read_settings(working_dir=home, host=host, port=port)

    try:
        run(read(), workers=workers, renewed=read)
    except SystemExit as end:  # uvicorn has said why, and ends with 3, which means something else here
        raise typer.Exit(Exit.ERROR if end.code else Exit.OK) from end
