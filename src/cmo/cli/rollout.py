"""`cmo rollout`: the plans, what they would do to a release that is like this or like that, and rollouts under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cmo.cli import rollout_live
from cmo.cli.options import AsJson
from cmo.cli.output import complaints, console, print_json
from cmo.delivery.rollout import plan, plans
from cmo.delivery.simulate import SCENARIOS, Summary, play, scenario, summary

app = typer.Typer(help="Changes in stages: plans, simulations, and rollouts that move traffic.", no_args_is_help=True)
_HOUR = 3_600


@app.callback()
def _group() -> None:
    """Changes in stages: plans, simulations, and rollouts that move traffic."""


for name, command in rollout_live.COMMANDS.items():
    app.command(name)(command)


@app.command("plans")
def show_plans(*, as_json: AsJson = False) -> None:
    """List the plans that are shipped."""
    if as_json:
        print_json({"plans": [p.as_json() for p in plans().values()]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("plan", "percent", "each stage", "waits for evidence", "goes back", "about"):
        table.add_column(name)
    for one in plans().values():
        stages = " · ".join(f"{percent:g}" for percent in one.stages)
        down = "by halves" if one.gradual else "at once"
        table.add_row(one.name, stages, _span(one.bake), _span(one.patience), down, one.about)
    console.print(table)


@app.command("simulate")
def simulate(
    *,
    plan_name: Annotated[str, typer.Option("--plan", help="See `cmo rollout plans`.")] = "cmo",
    what: Annotated[
        str, typer.Option("--scenario", help=f"One of {', '.join(SCENARIOS)}; `all` plays each.")
    ] = "healthy",
    runs: Annotated[int, typer.Option(min=1, max=20_000, help="Releases that are played.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Of chance: the same seed gives the same releases.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Play releases through the real gates on a clock of their own: how many are taken back, and how soon."""
    of = plan(plan_name)
    names = list(SCENARIOS) if what == "all" else [what]
    scenarios = {name: scenario(name) for name in names}
    found = []
    for name, one in scenarios.items():
        with _bar(name) as progress:
            found.append(summary(name, play(of, one, runs, seed, progress=progress)))
    if as_json:
        plain = [_plain(told) for told in found]
        about = {"plan": of.name, "seed": seed}
        print_json(plain[0] | about if len(plain) == 1 else {"scenarios": plain, **about})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("scenario", "taken back", "median until then", "questions exposed", "by"):
        table.add_column(name)
    for told in found:
        share, low, high = told.rolled_back
        seconds = "-"
        if told.seconds is not None:
            seconds = "{} [{}, {}]".format(*map(_span, told.seconds))
        table.add_row(
            f"{told.scenario}: {SCENARIOS[told.scenario].about}",
            f"{share:.1%} [{low:.1%}, {high:.1%}]",
            seconds,
            f"{told.exposed:,.0f}",
            ", ".join(f"{gate} {count}" for gate, count in told.blamed.items()) or "-",
        )
    console.print(table)


def _plain(one: Summary) -> dict[str, object]:
    def estimate(told: tuple[float, float, float] | None) -> dict[str, float] | None:
        return None if told is None else dict(zip(("value", "low", "high"), told, strict=True))

    rate = "false_rollback_rate" if SCENARIOS[one.scenario].healthy else "rollback_rate"
    return {
        "scenario": one.scenario,
        "runs": one.runs,
        rate: estimate(one.rolled_back),
        "median_detection_seconds": estimate(one.seconds),
        "exposed_questions": one.exposed,
        "promoted": one.promoted,
        "blamed": one.blamed,
    }


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float], None]]:
    bar = Progress(TextColumn(name), BarColumn(), TimeRemainingColumn(), console=complaints, transient=True)
    with bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _span(seconds: float) -> str:
    for unit, size in (("d", 24 * _HOUR), ("h", _HOUR), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
