"""`cmo bench`: figures of one run, on the shared data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json
from cmo.errors import NotFound
from cmo.settings import read_settings

app = typer.Typer(help="Measure how good and how fast it is, in one run.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure how good and how fast it is, in one run."""


@app.command("graph")
def graph(
    data: Annotated[Path, typer.Option(help="The folder that holds dicts, ner, papers and retrieval.")],
    *,
    folder: Annotated[Path, typer.Option(help="Where bases are made and kept.")] = Path("~/.cache/cmo/bench/graph"),
    as_json: AsJson = False,
) -> None:
    """Linking, relations, questions over two papers, no loss elsewhere, speed; an hour the first time."""
    from cmo.bench.graph import Bench
    from cmo.bench.graph import as_json as plain

    if not (data / "ner").is_dir():
        raise NotFound(f"{data} has no folder ner. Name the folder of the shared data with --data.")
    measured = []
    bench = Bench(read_settings(), data, folder.expanduser(), lambda what: complaints.print(f"[dim]{what}[/]"))
    for row in bench.measure():
        measured.append(row)
        if not as_json:
            complaints.print(f"{row.name}: {row.value:.3f} {row.unit}")
    if as_json:
        print_json({"rows": plain(measured)})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("part", "figure", "value", "95 % interval", "goal"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for row in measured:
        interval = f"{row.low:.3f} to {row.high:.3f}" if row.low is not None and row.high is not None else ""
        table.add_row(row.part, row.name, f"{row.value:.3f} {row.unit}".strip(), interval, row.goal)
    console.print(table)
