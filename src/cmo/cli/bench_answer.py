"""`cmo bench answer`: what answers are worth, and what they take, in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cmo.cli.figures import figures
from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json
from cmo.errors import NotFound
from cmo.kit.clock import SystemClock
from cmo.settings import read_settings


def answer(
    data: Annotated[Path, typer.Option(help="The folder that holds papers, qa and grounding.")],
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="This part alone: extractive, served, generated, yesno, grounding or outage; may be repeated.",
        ),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            help="An OpenAI-compatible endpoint; without one, a model of rules whose every sentence is known to be true or untrue."
        ),
    ] = "",
    model: Annotated[str, typer.Option(help="Name of the model there.")] = "",
    configured: Annotated[
        bool, typer.Option("--configured", help="The model that the settings name, instead.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where bases are made and kept.")] = Path("~/.cache/cmo/bench/graph"),
    most: Annotated[int, typer.Option(min=15, help="Questions about articles that are asked at most.")] = 110,
    most_tokens: Annotated[int, typer.Option(min=16, help="That the model may say to one.")] = 700,
    most_chars: Annotated[int, typer.Option(min=500, help="Of passages that it is told.")] = 8_000,
    page: Annotated[
        Path | None, typer.Option("--publish", help="Put the table into this page, between its marks.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Speed and citations of extractive answers, a model's answers checked and unchecked, yes and no, support, outages; ten minutes."""
    from cmo.answer.generate import Limits
    from cmo.bench.answer_parts import Run, measure
    from cmo.bench.answer_parts import as_json as plain
    from cmo.bench.answer_table import ended, machine, markdown, place, publish

    if url and not model:
        raise typer.BadParameter("--url needs the name of the model there: give --model.")
    if not (data / "papers").is_dir():
        raise NotFound(f"{data} has no folder papers. Name the folder of the shared data with --data.")
    limits = Limits(most_tokens=most_tokens, most_chars=most_chars)
    if page:
        place(page)  # minutes of measuring should not end in a page that is not there
    about = machine()
    with _bar(as_json) as bar:
        task = bar.add_task("", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        run, rows = Run(read_settings(), data, folder.expanduser(), progress, most, limits, url, model, configured), []
        try:
            for row in measure(run, tuple(only or ())):
                rows.append(row)
                if not as_json:
                    bar.console.print(f"[dim]{row.part}: {row.what}: {row.value:.4g} {row.unit}[/]", soft_wrap=True)
        finally:  # a part that fails, or somebody who has seen enough, loses nothing that was measured
            bar.stop()
            if rows:
                about = ended(about)
                print_json(plain(rows, run, about)) if as_json else console.print(figures(rows))
                if page:
                    publish(page, markdown(rows, about, SystemClock().now()))


def _bar(as_json: bool) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn()
    return Progress(*columns, console=complaints, transient=True, disable=as_json or not complaints.is_terminal)
