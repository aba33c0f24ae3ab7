"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

Words = Annotated[list[str], typer.Argument(metavar="QUESTION", help="What you want to know, in quotes or without.")]
"""A question; a shell that is given no quotes hands over its words. Joined with spaces they are the question."""
Home = Annotated[Path | None, typer.Option(help="Folder of the knowledge base; default: $CMO_HOME, else .cmo.")]
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
