"""`cmo models`: install, list and verify embedding models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json
from cmo.settings import read_settings

app = typer.Typer(help="Install, list and verify embedding models.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="minilm, a folder with model.onnx, or a hub name.")]


@app.command("install")
def install(name: Name = None, as_json: AsJson = False) -> None:
    """Install a model into the user's cache; does nothing when it is there and sound."""
    from cmo.embed import provision

    settings = read_settings()
    with Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal) as bar:
        task = bar.add_task("installing", total=None)
        installed = provision.install(
            name or settings.embed_model,
            _folder(settings.models_dir),
            progress=lambda step, share: bar.update(task, description=step, completed=100 * share, total=100),
        )
    if as_json:
        print_json(
            {"name": installed.identity.name, "identity": str(installed.identity), "path": str(installed.folder)}
        )
    else:
        console.print(f"{installed.identity} is installed in {installed.folder}", soft_wrap=True)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that can be used."""
    from cmo.embed import provision

    found = provision.list_models(_folder(read_settings().models_dir))
    if as_json:
        print_json(
            [{"name": m.name, "installed": m.installed, "identity": m.identity, "about": m.about} for m in found]
        )
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "installed", "identity", "about"):
        table.add_column(column)
    for m in found:
        table.add_row(m.name, "yes" if m.installed else "no", m.identity, m.about)
    console.print(table)


@app.command("verify")
def verify(name: Name = None, as_json: AsJson = False) -> None:
    """Compare a model's files with their checksums; exits with 7 when they differ."""
    from cmo.embed import provision

    settings = read_settings()
    identity = provision.verify(name or settings.embed_model, _folder(settings.models_dir))
    if as_json:
        print_json({"sound": True, "identity": str(identity)})
    else:
        console.print(f"{identity} is sound")


def _folder(path: Path) -> Path:
    return path.expanduser()
