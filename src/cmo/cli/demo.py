"""`cmo demo`: the whole path on the starter library, from PDFs to a cited answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmo.app import opened
from cmo.cli import ingest, show
from cmo.cli.options import Home
from cmo.cli.output import console
from cmo.errors import NotFound
from cmo.ingest.folder import find_papers
from cmo.oracle import admit
from cmo.settings import read_settings

QUESTION = "Which metabolites are raised in phenylketonuria?"
NEXT = "Which enzyme makes TMAO from trimethylamine?"


def demo(
    library: Annotated[Path, typer.Option(help="Folder with the starter library's PDFs.")] = Path("library/pdf"),
    question: Annotated[str, typer.Option(help="What to ask.")] = QUESTION,
    home: Home = None,
) -> None:
    """Install the model, ingest the starter library, ask a question, show the cited answer."""
    from cmo.embed import provision

    if not library.is_dir():
        raise NotFound(f"{library} is not here. Run this from the project's folder, or name it with --library.")
    settings = read_settings(working_dir=home)
    console.print("[bold]1/3[/] the embedding model")
    installed = provision.install(settings.embed_model, settings.models_dir.expanduser())
    console.print(f"    {installed.identity}")
    with opened(settings) as house:
        console.print(f"[bold]2/3[/] the papers of {library}")
        ingest.run(house, sorted(find_papers([library])), quiet=True)
        console.print("[bold]3/3[/] a question")
        reply = house.oracle.reply(admit(question))
        images = {}
        for evidence in reply.answer.evidence[:1]:
            target = house.folder / "demo-evidence.png"
            target.write_bytes(house.viewer.image(evidence.paper, evidence.page, evidence.boxes))
            images[evidence.id] = str(target)
        show.reply(console, reply, images)
    console.print(
        "\nNext:\n"
        f'  [bold]cmo ask[/] "{NEXT}"\n'
        "  [bold]cmo ingest[/] FOLDER          your own PDFs, JATS XML, Markdown or text\n"
        "  [bold]make serve[/]                 the page, at http://127.0.0.1:8000\n"
        "(cmo lives in .venv/bin; `source .venv/bin/activate` puts it on your path)"
    )
