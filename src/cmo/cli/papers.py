"""`cmo papers`: what is in the base, and taking things out of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cmo import wire
from cmo.app import opened
from cmo.cli.options import AsJson, Begun, Wait
from cmo.cli.output import console, print_json
from cmo.settings import read_settings

app = typer.Typer(help="List, show, retract and readmit papers.", no_args_is_help=True)

PaperId = Annotated[str, typer.Argument(help="Id of the paper, as `cmo papers list` shows it.")]


@app.command("list")
def list_papers(home: Begun = None, as_json: AsJson = False) -> None:
    """List all papers, newest first."""
    with opened(read_settings(working_dir=home)) as house:
        found = house.record.papers()
        retracted = house.record.retracted()
    if as_json:
        print_json({"papers": [wire.summary(p) for p in found], "retracted": retracted})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "v", "year", "pages", "passages", "title"):
        table.add_column(column, overflow="fold" if column == "title" else "ellipsis", no_wrap=column != "title")
    for p in found:
        about = p.ref.metadata
        table.add_row(
            p.ref.paper_id, str(p.ref.version), str(about.year or ""), str(p.pages), str(p.chunks),
            Text(about.title or p.ref.source),
        )  # fmt: skip
    console.print(table)
    for paper_id, reason in retracted.items():
        console.print(f"[dim]retracted[/] {paper_id} {escape(reason)}".rstrip(), soft_wrap=True)
    console.print(f"[dim]{len(found)} papers, {len(retracted)} retracted[/]")


@app.command("show")
def show_paper(paper_id: PaperId, home: Begun = None, as_json: AsJson = False) -> None:
    """Show one paper."""
    with opened(read_settings(working_dir=home)) as house:
        facts = {
            **wire.paper(house.record.paper(paper_id)),
            "pages": len(house.record.pages(house.record.paper(paper_id))),
        }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        console.print(f"[bold]{name:10}[/] {escape(str(shown))}", soft_wrap=True)


@app.command("retract")
def retract(
    paper_id: PaperId,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with the tombstone.")] = "",
    wait: Wait = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Take a paper out for good: nothing of it can be found or cited any more."""
    with opened(read_settings(working_dir=home)) as house:
        ref = house.curator.retract(paper_id, reason, wait=wait)
        snapshot = house.shelf.current()
    if as_json:
        print_json({"retracted": wire.paper(ref), "snapshot": snapshot.id if snapshot else ""})
    else:
        console.print(f"Retracted {ref.paper_id}: {ref.metadata.title or ref.source}", soft_wrap=True, markup=False)


@app.command("readmit")
def readmit(
    paper_id: PaperId,
    *,
    wait: Wait = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Lift a retraction, so that the paper can be ingested again."""
    with opened(read_settings(working_dir=home)) as house:
        house.curator.readmit(paper_id, wait=wait)
    if as_json:
        print_json({"readmitted": paper_id})
    else:
        console.print(f"{paper_id} may be ingested again.")
