"""`cmo bench chat` and `cmo bench pages`: what people wait for, in a browser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmo.cli.figures import figures
from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json

if TYPE_CHECKING:
    from cmo.bench.figures import Row

Papers = Annotated[Path, typer.Option(help="Folder with papers to ask about.")]
_NOTES = Path("library/notes")


def chat(
    *,
    questions: Annotated[int, typer.Option(min=5, max=1_000, help="How many are asked.")] = 30,
    program: Annotated[
        str, typer.Option("--chat", metavar="CMO", help="The `cmo` beside Chainlit; default: that of `make chat`.")
    ] = "",
    papers: Papers = _NOTES,
    as_json: AsJson = False,
) -> None:
    """How soon the chat shows its first step and its first sentence, in Chromium; two minutes."""
    from cmo.bench.chat import measure

    _tell(measure(papers, questions, program, _doing), as_json=as_json)


def pages(*, papers: Papers = _NOTES, as_json: AsJson = False) -> None:
    """How heavy each page is and how soon it can be used, in Chromium; two minutes."""
    from cmo.bench.pages import measure

    _tell(measure(papers, _doing), as_json=as_json)


def _doing(what: str) -> None:
    complaints.print(f"[dim]{what}[/]")


def _tell(measured: Iterable[Row], *, as_json: bool) -> None:
    from cmo.bench.figures import as_json as plain

    rows = list(measured)
    if as_json:
        print_json({"rows": plain(rows)})
        return
    console.print(figures(rows))
