"""`cmo ask`: one question, one cited answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cmo.answer.bibliography import Style, bibliography
from cmo.app import App, opened
from cmo.cli import show
from cmo.cli.exits import Exit
from cmo.cli.options import Begun, Words
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadFilter, NotFound, PaperRefused
from cmo.kit.telling import heard
from cmo.model.papers import Section
from cmo.model.questions import Filters, Mode
from cmo.oracle import Reply, admit
from cmo.settings import read_settings


def ask(
    question: Words,
    *,
    mode: Annotated[str, typer.Option(help="How passages are found: " + " or ".join(Mode) + ".")] = Mode.HYBRID,
    since: Annotated[int | None, typer.Option(help="Only papers of this year or later.")] = None,
    until: Annotated[int | None, typer.Option(help="Only papers of this year or earlier.")] = None,
    journal: Annotated[list[str] | None, typer.Option(help="Only this journal; may be repeated.")] = None,
    section: Annotated[
        list[str] | None, typer.Option(help="Only this section, such as results; may be repeated.")
    ] = None,
    paper: Annotated[list[str] | None, typer.Option(help="Only this paper (its id); may be repeated.")] = None,
    pages: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Write the page images of the evidence, highlighted, into this folder."),
    ] = None,
    references: Annotated[
        Style | None, typer.Option(help="Print the references of the answer alone, in this style.")
    ] = None,
    home: Begun = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole reply as JSON.")] = False,
) -> None:
    """Ask a question; exits with 3 when the papers do not say enough."""
    filters = _filters(since, until, journal or [], section or [], paper or [])
    asked = admit(" ".join(question), mode, filters)
    with opened(read_settings(working_dir=home)) as house:
        slow = house.settings.answers == "generated" and complaints.is_terminal  # else it is there before it is read
        with heard(show.along(complaints) if slow else None):
            reply = house.oracle.reply(asked)
        images = _draw(house, reply, pages) if pages else {}
        if references:
            typer.echo(bibliography([c.paper for c in reply.answer.citations], references), nl=False)
        elif as_json:
            from cmo import wire

            print_json({**wire.reply(reply), **({"images": images} if images else {})})
        else:
            show.reply(console, reply, images)
            if not reply.answer.snapshot:
                console.print(f"The base that was asked: {house.folder.resolve()}", markup=False, soft_wrap=True)
    if reply.answer.refusal:
        raise typer.Exit(Exit.NO_ANSWER)


def _filters(
    since: int | None, until: int | None, journals: list[str], sections: list[str], papers: list[str]
) -> Filters:
    known = {str(s) for s in Section}
    if unknown := [s for s in sections if s not in known]:
        raise BadFilter(f"There is no section {unknown[0]!r}. The sections are: {', '.join(sorted(known))}.")
    return Filters(
        since, until, frozenset(j.casefold() for j in journals), frozenset(map(Section, sections)), frozenset(papers)
    )


def _draw(house: App, reply: Reply, folder: Path) -> dict[str, str]:
    """Images by evidence. The answer stands without those that cannot be made; what is in the way is told."""
    written = {}
    for evidence in reply.answer.evidence:
        target = folder / f"{evidence.id}.png"
        try:
            image = house.viewer.image(evidence.paper, evidence.page, evidence.boxes)
            folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(image)
        except (NotFound, PaperRefused, OSError) as error:
            complaints.print(f"[yellow]no image of {evidence.id}[/]: {escape(str(error))}", soft_wrap=True)
        else:
            written[evidence.id] = str(target)
    return written
