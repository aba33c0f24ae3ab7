"""`cmo kb`: the state of the knowledge base."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import App, opened
from cmo.cli import lightrag, read
from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Begun, Wait
from cmo.cli.output import complaints, console, print_json
from cmo.index.manifest import Manifest
from cmo.settings import read_settings

app = typer.Typer(help="Status, history, rollback, verify, rebuild and import.", no_args_is_help=True)
app.add_typer(lightrag.imports, name="import")
app.command("sync")(lightrag.sync)
app.command("read")(read.read)


@app.command("status")
def status(home: Begun = None, as_json: AsJson = False) -> None:
    """Show what the base holds and whether the index is up to date."""
    with opened(read_settings(working_dir=home)) as house:
        facts = _status(house)
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        console.print(f"[bold]{name:12}[/] {escape(str(value))}", soft_wrap=True)


@app.command("history")
def history(home: Begun = None, as_json: AsJson = False) -> None:
    """List the snapshots that are kept."""
    with opened(read_settings(working_dir=home)) as house:
        kept, current = house.shelf.history(), house.shelf.current()
    if as_json:
        print_json([{**_facts(m), "current": m == current} for m in kept])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("snapshot", "made at", "papers", "passages", "model", "origin"):
        table.add_column(column)
    for m in kept:
        mark = " [green]← current[/]" if m == current else ""
        table.add_row(
            m.id, f"{m.created_at:%Y-%m-%d %H:%M:%S}", str(m.papers), str(m.live), m.model.name, m.origin + mark
        )
    console.print(table)


@app.command("rollback")
def rollback(
    snapshot: Annotated[str, typer.Argument(help="Id of the snapshot to go back to.")],
    *,
    wait: Wait = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier snapshot, less the papers retracted since; holds until the next ingest or retraction."""
    with opened(read_settings(working_dir=home)) as house:
        _say(house.curator.rollback(snapshot, wait=wait), as_json=as_json)


@app.command("rebuild")
def rebuild(
    *,
    re_embed: Annotated[bool, typer.Option(help="Encode all papers with the model in use.")] = False,
    wait: Wait = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Make the index anew from the record."""
    with opened(read_settings(working_dir=home)) as house:
        _say(house.curator.rebuild(re_embed=re_embed, wait=wait, progress=_progress), as_json=as_json)


@app.command("verify")
def verify(home: Begun = None, as_json: AsJson = False) -> None:
    """Check the database, the papers' files, those of the index, and the recall of the vector search; exits with 9 on a fault."""
    with opened(read_settings(working_dir=home)) as house:
        check = house.curator.check()
    if as_json:
        print_json({
            "sound": check.sound, "faults": list(check.faults), "recall@10": check.recall_at_10,
            "record_change": check.record_seq, "index_change": check.index_seq, "passages": check.rows,
        })  # fmt: skip
    else:
        for fault in check.faults:
            console.print(f"[red]fault[/] {escape(fault)}", soft_wrap=True)
        console.print(
            f"{'sound' if check.sound else 'NOT SOUND'}: {check.rows:,} passages, "
            f"recall@10 {check.recall_at_10:.3f} against an exact scan"
        )
    if not check.sound:
        raise typer.Exit(Exit.UNSOUND)


def _status(house: App) -> dict[str, Any]:
    return {"home": str(house.folder), **asdict(house.curator.holdings())}


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "created_at": manifest.created_at.isoformat(),
        "papers": manifest.papers,
        "passages": manifest.live,
        "model": str(manifest.model),
        "change": manifest.seq,
        "origin": manifest.origin,
    }


def _say(manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(manifest))
    else:
        console.print(
            f"Snapshot {manifest.id}: {manifest.papers} papers, {manifest.live} passages ({manifest.origin})."
        )


def _progress(done: int, total: int) -> None:
    if complaints.is_terminal:
        complaints.print(f"{done} of {total} papers" if total else f"{done} passages", end="\r")
