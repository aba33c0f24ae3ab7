"""`cmo models`: install, list and verify embedding models and small language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json
from cmo.settings import Settings, read_settings

app = typer.Typer(help="Install, list and verify embedding models and small language models.", no_args_is_help=True)

Name = Annotated[
    str | None,
    typer.Argument(
        help="minilm, a folder with model.onnx, or a hub name; or the language models smollm2 and qwen-1.5b."
    ),
]


@app.command("install")
def install(name: Name = None, as_json: AsJson = False) -> None:
    """Install a model into the user's cache; does nothing when it is there and sound."""
    from cmo.embed import provision
    from cmo.llm import gguf

    settings = read_settings()
    name, cache = name or settings.embed_model, _folder(settings.models_dir)
    with Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal) as bar:
        task = bar.add_task("installing", total=None)

        def progress(step: str, share: float) -> None:
            bar.update(task, description=step, completed=100 * share, total=100)

        if name in gguf.KNOWN:
            path = gguf.install(name, cache, progress=progress)
            told = {"name": name, "identity": gguf.identity(name), "path": str(path)}
        else:
            installed = provision.install(name, cache, progress=progress)
            identity = installed.identity
            told = {"name": identity.name, "identity": str(identity), "path": str(installed.folder)}
    if as_json:
        print_json(told)
    else:
        console.print(f"{told['identity']} is installed in {told['path']}", soft_wrap=True)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that can be used, and which language model and search of the web are set up."""
    from cmo.embed import provision
    from cmo.llm import gguf

    settings = read_settings()
    cache = _folder(settings.models_dir)
    rows = [("embedding", m.name, m.installed, m.identity, m.about) for m in provision.list_models(cache)]
    rows += [("language", m.name, m.installed, m.identity, m.about) for m in gguf.list_models(cache)]
    if as_json:
        print_json([dict(zip(("kind", "name", "installed", "identity", "about"), row, strict=True)) for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "kind", "installed", "identity", "about"):
        table.add_column(column)
    for kind, name, installed, identity, about in rows:
        table.add_row(name, kind, "yes" if installed else "no", identity, about)
    console.print(table)
    for line in _set_up(settings):
        console.print(f"[dim]{line}[/]", soft_wrap=True)


@app.command("verify")
def verify(name: Name = None, as_json: AsJson = False) -> None:
    """Compare a model's files with their checksums; exits with 7 when they differ."""
    from cmo.embed import provision
    from cmo.llm import gguf

    settings = read_settings()
    name, cache = name or settings.embed_model, _folder(settings.models_dir)
    identity = gguf.verify(name, cache) if name in gguf.KNOWN else str(provision.verify(name, cache))
    if as_json:
        print_json({"sound": True, "identity": identity})
    else:
        console.print(f"{identity} is sound")


def _set_up(settings: Settings) -> list[str]:
    """What is asked outside, without asking it anything."""
    from cmo.cast.outside import HERE, place_of
    from cmo.llm.local import get_llm_backend

    place = place_of(settings)
    if place is None:
        chat = "none; set CMO_LLM_URL and CMO_LLM_MODEL"
    elif place.base_url == HERE:
        chat = f"{place.model} on this machine, on the {get_llm_backend()}; free"
    else:
        chat = f"{place.model} at {place.host}; {'free' if place.free else 'paid for from the budget'}"
    web = "none; set PERPLEXITY_API_KEY"
    if settings.perplexity_api_key.get_secret_value():
        web = f"Perplexity's {settings.perplexity_model}; paid for from the budget"
    return [f"language model: {chat}", f"search of the web: {web}"]


def _folder(path: Path) -> Path:
    return path.expanduser()
