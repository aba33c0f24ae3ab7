"""`cmo flags`: settings for everybody or for a share of the users, changed while the service runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import App, opened
from cmo.cli.options import Actor, AsJson, Begun, Why, named
from cmo.cli.output import console, print_json
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.model.delivery import Current

app = typer.Typer(help="Flags: settings for a share of the users.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="See `cmo flags list`.")]


@app.command("list")
def list_flags(*, home: Begun = None, as_json: AsJson = False) -> None:
    """List all flags: their values, and where each comes from."""
    from cmo.cast.delivering import defaults
    from cmo.delivery import told

    with opened(read_settings(working_dir=home)) as house:
        rows = told.flags(_current(house), defaults(house.settings))
    if as_json:
        print_json({"flags": rows})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("flag", "value", "from", "for", "about"):
        table.add_column(column)
    for row in rows:
        table.add_row(row["name"], escape(str(row["value"])), row["source"], escape(_for(row)), escape(row["about"]))
    console.print(table)


@app.command("set")
def set_flag(
    name: Name,
    value: Annotated[str | None, typer.Argument(help="true, false, a number or a word.")] = None,
    *,
    percent: Annotated[float | None, typer.Option(min=0, max=100, help="Share of the users; all by default.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="A user who gets it whatever the share.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="A user who does not get it.")] = None,
    cohort: Annotated[list[str] | None, typer.Option(help="Only users of this group.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the flag away.")] = False,
    actor: Actor = None,
    reason: Why = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Set a flag, or remove it; services see it within a second."""
    from cmo.delivery.desk import Desk
    from cmo.delivery.releases import read

    if remove == (value is not None):
        raise typer.BadParameter("Give a value, or --remove.")
    who = {"percent": percent, "allowed": allow, "denied": deny, "cohorts": cohort}
    with opened(read_settings(working_dir=home)) as house:
        given = None if value is None else read(value)
        spec = Desk(house.delivery, house.clock).set_flag(name, given, who, named(actor), reason)
    if as_json:
        print_json({"flag": name, "stored": spec})
    else:
        console.print(f"[bold]{escape(name)}[/]: {escape(_for(spec)) if spec else 'as the settings say'}")


@app.command("explain")
def explain(
    name: Annotated[str, typer.Argument(help="A flag; `release` tells which release answers.")],
    *,
    user: Annotated[str, typer.Option(help="Who asks; a session where no user is known.")] = "",
    cohort: Annotated[str, typer.Option(help="A group that the user is of.")] = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Show which value a user gets, from where, and why."""
    from cmo.cast.delivering import defaults
    from cmo.delivery import told

    with opened(read_settings(working_dir=home)) as house:
        facts = told.explained(_current(house), name, user, cohort, defaults(house.settings))
    if as_json:
        print_json(facts)
        return
    facts["facts"].pop("counted", None)
    more = ", ".join(f"{key} {_short(value)}" for key, value in facts["facts"].items())
    said = f"{facts['value']!r} ({facts['reason']}, from {facts['source']}, variant {facts['variant']})"
    console.print(f"[bold]{escape(name)}[/] is {escape(said)}{escape(f'; {more}' if more else '')}", soft_wrap=True)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _current(house: App) -> Current:
    from cmo.cast.delivering import given_by
    from cmo.delivery.flags import completed

    return completed(house.delivery.current(), given_by(house.settings))


def _for(row: Mapping[str, Any]) -> str:
    parts = [f"{row['value']}"] if "name" not in row else []
    if row.get("percent") is not None:
        parts.append(f"{row['percent']:g} % of the users")
    parts += [f"{key}: {', '.join(row[key])}" for key in ("allowed", "denied", "cohorts") if row.get(key)]
    return "; ".join(parts)
