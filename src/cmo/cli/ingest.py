"""`cmo ingest`: a folder of papers into the knowledge base."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cmo.app import App, opened
from cmo.cli import show
from cmo.cli.exits import Exit
from cmo.cli.interrupts import heeded
from cmo.cli.options import Home, Wait
from cmo.cli.output import complaints, console, print_json_line
from cmo.errors import NotFound, SettingsError
from cmo.ingest.folder import SUFFIXES, find_papers
from cmo.model.outcomes import Outcome, Status
from cmo.settings import read_settings


def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; default: $LIGHTRAG_PAPERS_DIR.")] = None,
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that read files.")] = 1,
    wait: Wait = False,
    every_file: Annotated[bool, typer.Option("--all", help="Also try files with other endings.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only refusals and the summary.")] = False,
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line a file, then a summary.")] = False,
) -> None:
    """Ingest PDF, JATS XML, Markdown and plain text.

    Safe to interrupt and to repeat: what is there already is skipped. Exits with 4 if a file was refused.
    """
    settings = read_settings(working_dir=home)
    roots = paths or ([settings.papers_dir] if settings.papers_dir else [])
    if not roots:
        raise SettingsError("Name a file or folder to ingest, or set LIGHTRAG_PAPERS_DIR.")
    files = sorted(set(find_papers(roots, every_file=every_file)))
    if not files:
        raise NotFound(f"No papers in {', '.join(map(str, roots))}: looked for {', '.join(sorted(SUFFIXES))}.")
    with opened(settings) as house:
        counts = run(house, files, workers=workers, wait=wait, quiet=quiet, as_json=as_json)
    if counts[Status.REFUSED]:
        raise typer.Exit(Exit.SOME_REFUSED)


def run(
    house: App, files: list[Path], *, workers: int = 1, wait: bool = False, quiet: bool = False, as_json: bool = False
) -> Counter[Status]:
    """Ingest files with a progress bar; returns how many met which fate."""
    counts: Counter[Status] = Counter()
    progress = _progress(disable=as_json or not complaints.is_terminal)
    with heeded() as check, progress as bar, house.pipeline(workers) as pipeline:
        task = bar.add_task("ingesting", total=len(files), rate="")
        for outcome in house.curator.ingest(pipeline, files, wait=wait, on_wait=_say_waiting):
            counts[outcome.status] += 1
            speed = bar.tasks[task].speed
            bar.update(task, advance=1, rate=f"{speed:.1f} files/s" if speed else "")
            _say(outcome, bar, quiet=quiet, as_json=as_json)
            check()
        bar.update(task, description="publishing")
    summary = {status.value: counts[status] for status in Status}
    if as_json:
        manifest = house.shelf.current()
        print_json_line({"summary": summary, "snapshot": manifest.id if manifest else ""})
    else:
        console.print(", ".join(f"{n} {name}" for name, n in summary.items()))
    return counts


def _progress(*, disable: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=complaints,
        disable=disable,
        transient=True,
    )


def _say(outcome: Outcome, bar: Progress, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        from cmo import wire

        print_json_line(wire.outcome(outcome))
    elif not quiet or outcome.status is Status.REFUSED:
        (bar.console if not bar.disable else console).print(show.outcome(outcome), soft_wrap=True)


def _say_waiting(holder: str) -> None:
    complaints.print(f"Waiting for {holder} to end …")
