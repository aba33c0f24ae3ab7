"""`cmo alerts`: when people are told that something is wrong, and when not for a while."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cmo.app import App, opened
from cmo.cli.options import Actor, AsJson, Begun, Why, named
from cmo.cli.output import complaints, console, print_json
from cmo.ops.alerts.rule import Rule
from cmo.ops.alerts.rules import RULES
from cmo.ops.alerts.silences import Silence, Silences
from cmo.settings import read_settings

app = typer.Typer(help="Alerts: what they are, and who is not told for a while.", no_args_is_help=True)

Alert = Annotated[str, typer.Option("--alert", help="Of this name; see `cmo alerts list`.")]
Release = Annotated[str, typer.Option("--release", help="About this release.")]


@app.command("list")
def list_alerts(*, as_json: AsJson = False) -> None:
    """List all alerts: how urgent, after how long, and the page that says what to do."""
    if as_json:
        print_json({"alerts": [_row(rule) for rule in RULES]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "alert", "min", "what is wrong", "in docs/runbooks"):
        table.add_column(column, no_wrap=column in {"alert", "in docs/runbooks"})
    for rule in sorted(RULES, key=lambda rule: (rule.priority, rule.subject, rule.name)):
        table.add_row(rule.priority.value, rule.name, f"{rule.minutes:g}", escape(rule.summary), f"{rule.subject}.md")
    console.print(table)


@app.command("rules")
def rules(
    *,
    runbooks: Annotated[
        str, typer.Option(help="Address under which the files of the repository can be read, for links in alerts.")
    ] = "",
) -> None:
    """Print the alerts as a rule file of Prometheus."""
    from cmo.ops.alerts.rules_file import rules_file

    typer.echo(rules_file(RULES, runbooks), nl=False)


@app.command("silence")
def silence(
    *,
    alert: Alert = "",
    release: Release = "",
    hours: Annotated[float, typer.Option(help="For how long.")] = 2.0,
    alertmanager: Annotated[
        str,
        typer.Option(help="Address of an Alertmanager that is to be silent as well, such as http://127.0.0.1:9093."),
    ] = "",
    end: Annotated[
        bool, typer.Option("--end", help="Tell people again, where this base's services tell them.")
    ] = False,
    actor: Actor = None,
    reason: Why = "",
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Tell nobody of an alert, or of a release, for a while; running services see it at once."""
    from cmo.notify import alertmanager_silences as remote
    from cmo.ops.alerts.silences import silence as made

    with opened(read_settings(working_dir=home)) as house:
        if end:
            ended = _silences(house).end(alert, release)
            print_json({"ended": ended}) if as_json else console.print(f"Ended: {ended}.")
            return
        one = made(alert, release, hours, named(actor), reason, clock=house.clock, known=RULES)
        ends, told = datetime.fromtimestamp(one.until, UTC), asdict(one)
        if alertmanager:
            why = reason or "no reason given"
            told["alertmanager"] = remote.silence(
                alertmanager, one.matchers(), begins=house.clock.now(), ends=ends, by=one.by, why=why
            )
        _silences(house).add(one)
    if as_json:
        print_json(told)
        return
    console.print(f"Nobody is told of {_about(one)} until {ends:%Y-%m-%d %H:%M} UTC.")
    if not alertmanager:
        complaints.print("An Alertmanager is silenced with --alertmanager URL.")


@app.command("silences")
def silences(*, home: Begun = None, as_json: AsJson = False) -> None:
    """List what nobody is told of now."""
    with opened(read_settings(working_dir=home)) as house:
        held = _silences(house).now()
    if as_json:
        print_json({"silences": [asdict(one) for one in held]})
        return
    for one in held:
        until = datetime.fromtimestamp(one.until, UTC)
        console.print(escape(f"{_about(one)}, until {until:%Y-%m-%d %H:%M} UTC, by {one.by}: {one.reason or '-'}"))
    if not held:
        console.print("People are told of everything.")


def _silences(house: App) -> Silences:
    house.folder.mkdir(parents=True, exist_ok=True)
    return Silences(house.folder, house.clock)


def _about(one: Silence) -> str:
    parts = [one.alert or "any alert", f"about the release {one.release}" if one.release else ""]
    return " ".join(part for part in parts if part)


def _row(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "priority": rule.priority.value,
        "severity": rule.severity.value,
        "minutes": rule.minutes,
        "summary": rule.summary,
        "source": rule.source,
        "runbook": rule.runbook,
        "expr": rule.promql(),
    }
