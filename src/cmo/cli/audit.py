"""`cmo audit`: who did what, and whether what was written down still stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import App, opened
from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import console, print_json
from cmo.kit.text import clean_line
from cmo.settings import read_settings

app = typer.Typer(help="The audit: who did what, chained so that nothing is changed unnoticed.", no_args_is_help=True)


@app.command("list")
def list_lines(
    *,
    action: Annotated[str, typer.Option(help="Only this, such as key-refused.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many, the newest.")] = 50,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show what was done, the newest last."""
    from cmo.access.trail import all_lines

    with opened(read_settings(working_dir=home)) as house:
        lines = [line for line in all_lines(house.record.access) if action in {"", line.deed.action}][-most:]
    if as_json:
        print_json({"lines": [{"number": one.number, **one.deed.as_json(), "hash": one.hash} for one in lines]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "when", "who", "what", "of", ""):
        table.add_column(column, no_wrap=column in {"when", "what"})
    for one in lines:
        when = f"{datetime.fromtimestamp(one.deed.at, UTC):%Y-%m-%d %H:%M:%S}"
        short = {name: value for name, value in one.deed.facts.items() if value and not isinstance(value, list)}
        more = ", ".join(f"{name} {value}" for name, value in short.items())
        said = (when, one.deed.actor, one.deed.action, one.deed.subject, more)
        table.add_row(
            str(one.number), *(escape(clean_line(cell)) for cell in said)
        )  # a path may hold what moves a cursor
    console.print(table if lines else "Nothing was written down yet.")


@app.command("verify")
def verify(
    *,
    known: Annotated[
        str, typer.Option("--known", help="A line as `verify` printed it before, NUMBER:HASH: whether it still stands.")
    ] = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Check that no line was changed, removed or moved; the end is to be kept elsewhere now and then."""
    from cmo.access.trail import audited

    with opened(read_settings(working_dir=home)) as house:
        height = house.record.access.height()
        fault = audited(house.record.access)
        what = fault.what if fault else _missing(house, known)
    number, digest = height
    if as_json:
        print_json({"sound": not what, "fault": what, "lines": number, "end": f"{number}:{digest}"})
    elif what:
        console.print(f"[bold red]The audit does not hold[/]: {escape(what)}.")
    else:
        console.print(f"{number} lines hold. The end is {number}:{digest}", soft_wrap=True)
    if what:
        raise typer.Exit(Exit.UNSOUND)


def _missing(house: App, known: str) -> str:
    """What is wrong with a line that was known before; empty if nothing is."""
    if not known:
        return ""
    number, _, digest = known.partition(":")
    if not (number.isdecimal() and digest):
        raise typer.BadParameter("A line is NUMBER:HASH, as `cmo audit verify` prints it.", param_hint="--known")
    found = house.record.access.lines(int(number) - 1, 1)
    stands = bool(found) and (found[0].number, found[0].hash) == (int(number), digest)
    return "" if stands or known == "0:" else f"line {number} is not the one that was known"
