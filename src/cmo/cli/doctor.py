"""`cmo doctor`: is everything here that the service needs, and if not, what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.markup import escape

from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Home
from cmo.cli.output import console, print_json
from cmo.ops.doctor import Finding, State, examine
from cmo.settings.usable import usable

_MARKS: Final = {
    State.OK: "[green]ok      [/]",
    State.DEGRADED: "[yellow]degraded[/]",
    State.BROKEN: "[bold red]broken  [/]",
}


def doctor(
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 9 also where something is only degraded.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.1, max=300, help="Longest that one check may take.")] = 15.0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check configuration, model, base, machine and whatever is asked outside; each line says the fix.

    Changes nothing. Exits with 9 where something is broken; settings that cannot be used are such a thing, the rest is
    looked at without them.
    """
    from cmo.cast.examining import Examining
    from cmo.cast.holdings import Holdings

    settings, wrong = usable(working_dir=home)
    holdings = Holdings(settings)
    checks = Examining(holdings, wrong=wrong).checks()
    width = max(len(check.name) for check in checks)
    report = examine(
        checks, holdings.clock, seconds=seconds, heard=(lambda _f: None) if as_json else (lambda f: _say(f, width))
    )
    if as_json:
        print_json({"state": report.state, "findings": [asdict(finding) for finding in report.findings]})
    else:
        console.print(_summary([f.state for f in report.findings]))
    if report.state is State.BROKEN or (strict and report.state is State.DEGRADED):
        raise typer.Exit(Exit.UNSOUND)


def _say(finding: Finding, width: int) -> None:
    console.print(f"{_MARKS[finding.state]} [bold]{finding.name:{width}}[/]  {escape(finding.said)}", soft_wrap=True)
    if finding.fix:
        console.print(f"{'':{width + 11}}→ {escape(finding.fix)}", soft_wrap=True)


def _summary(states: list[State]) -> str:
    wrong = [f"{states.count(state)} {state}" for state in (State.BROKEN, State.DEGRADED) if state in states]
    return f"{len(states)} checks: {', '.join(wrong) or 'all is well'}."
