"""`cmo config`: what is set, where that came from, and what does not go together."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Home
from cmo.cli.output import console, print_json
from cmo.errors import NotFound
from cmo.settings import Settings, no_text, read_settings
from cmo.settings.clashes import clashes
from cmo.settings.origins import Layers, Origin, Row, rows, unknown

app = typer.Typer(help="What is set, where it came from, and what does not go together.", no_args_is_help=True)
_COLOURS: Final = {Origin.OPTION: "cyan", Origin.ENVIRONMENT: "green", Origin.FILE: "green", Origin.PROFILE: "yellow"}


@app.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="One setting alone, by any of its names.")] = None,
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not the default.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show every setting with its value and where it came from; secrets are masked."""
    settings = read_settings(working_dir=home)
    told = rows(settings, {"working_dir"} if home else ())
    told = _named(told, name) if name else [row for row in told if not (changed and row.origin is Origin.DEFAULT)]
    if as_json:
        print_json({"profile": settings.profile, "settings": [_facts(row) for row in told]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for row in told:
        said = f"{row.origin}: {row.where}" if row.where else row.origin.value
        colour = _COLOURS.get(row.origin, "dim")
        table.add_row(row.names[0], escape(row.value) or "[dim]none[/]", f"[{colour}]{escape(said)}[/]")
    console.print(table)


@app.command("check")
def check(home: Home = None, as_json: AsJson = False) -> None:
    """Look for values that cannot be used, names that nothing reads, and settings that contradict each other.

    Exits with 2 where a value cannot be used, with 9 where something else is wrong.
    """
    wrong, found = _refused(home), _findings(home)
    if as_json:
        print_json({"usable": not wrong, "sound": not (wrong or found), "findings": [*wrong, *found]})
    else:
        for finding in (*wrong, *found):
            colour = "bold red" if finding["kind"] == "value" else "yellow"
            said = escape(f"{', '.join(finding['names'])}: {finding['why']} {finding['remedy']}".strip())
            console.print(f"[{colour}]{finding['kind']}[/] {said}", soft_wrap=True)
        if not (wrong or found):
            console.print(f"All {len(Settings.model_fields)} settings can be used, and go together.")
    if wrong or found:
        raise typer.Exit(Exit.USAGE if wrong else Exit.UNSOUND)


def _refused(home: Any) -> list[dict[str, Any]]:
    """Values that cannot be used, each with its place.

    Raises:
        SettingsError: the file is no text.
    """
    try:
        Settings(**({"working_dir": home} if home else {}))
    except ValidationError as error:
        layers = Layers.read(Settings)
        return [_refusal(layers, e) for e in error.errors(include_url=False, include_input=False)]
    except UnicodeDecodeError as error:
        raise no_text(error) from error
    return []


def _refusal(layers: Layers, error: Any) -> dict[str, Any]:
    first = str(error["loc"][0]) if error["loc"] else ""
    for field, info in Settings.model_fields.items():
        names = tuple(str(choice) for choice in getattr(info.validation_alias, "choices", (field,)))
        if first in {field, *names}:
            origin, where = layers.of(field, names)
            return _finding("value", [where or names[0]], f"{error['msg']} (from {origin}).", "")
    return _finding("value", [first or "settings"], f"{error['msg'].removeprefix('Value error, ')}.", "")


def _findings(home: Any) -> list[dict[str, Any]]:
    """What else is wrong. Where a value cannot be used, its neighbours cannot be judged, only names."""
    found = []
    for name in unknown(Settings):
        meant = f"Did you mean {name.nearest}?" if name.nearest else "`cmo config show` lists all names."
        found.append(_finding("unknown", [name.name], f"Nothing reads this ({name.where}).", meant))
    if _refused(home):
        return found
    settings = read_settings(working_dir=home)
    for row in rows(settings):
        if row.unheard:
            why = f"Set as well as {row.where.split(',')[0]}, which counts alone."
            found.append(_finding("unheard", row.unheard, why, "Leave one of them out."))
    return found + [_finding("clash", clash.names, clash.why, clash.remedy) for clash in clashes(settings)]


def _finding(kind: str, names: Any, why: str, remedy: str) -> dict[str, Any]:
    return {"kind": kind, "names": list(names), "why": why, "remedy": remedy}


def _named(told: list[Row], name: str) -> list[Row]:
    """The row of one name.

    Raises:
        NotFound: no setting is called so.
    """
    by_name = {known.casefold(): row for row in told for known in (*row.names, row.field)}
    if name.casefold() in by_name:
        return [by_name[name.casefold()]]
    near = get_close_matches(name.casefold(), by_name, n=1)
    hint = f"Did you mean {by_name[near[0]].names[0]}?" if near else "`cmo config show` lists them all."
    raise NotFound(f"There is no setting {name!r}. {hint}")


def _facts(row: Row) -> dict[str, Any]:
    return {**asdict(row), "origin": row.origin.value}
