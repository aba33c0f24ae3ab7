"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from cmo.errors import NotFound

_FOLDER = "Folder of the knowledge base; default: $CMO_HOME, else .cmo."


def _there(home: Path | None) -> Path | None:
    if home is None or home.expanduser().exists():
        return home
    from cmo.settings import read_settings

    if read_settings(working_dir=home).database_url:
        return home  # the papers are elsewhere, and the folder is made from them
    raise NotFound(
        f"There is no knowledge base at {home}. Look at --home; `cmo ingest FOLDER --home {home}` begins one."
    )


Words = Annotated[list[str], typer.Argument(metavar="QUESTION", help="What you want to know, in quotes or without.")]
"""A question; a shell that is given no quotes hands over its words. Joined with spaces they are the question."""
Home = Annotated[Path | None, typer.Option(help=_FOLDER)]
Begun = Annotated[Path | None, typer.Option(callback=_there, help=_FOLDER)]
"""The same, for a command that cannot begin a base: a folder that was named and is not there is a slip of the hand."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option(help="Wait while another process writes, instead of giving up.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who does it; default: who runs the command.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def named(actor: str | None) -> str:
    """Who does something: as named, else who runs the command."""
    if actor:
        return actor
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without users
        return "somebody"
