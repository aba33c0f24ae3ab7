"""`cmo route`: where a question goes and why; and the router fitted anew on labels of yours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.model.routes import Route
from cmo.settings import read_settings

_EXPLAIN = "explain"
_TOLD = 20
"""Bad lines that are named at most."""


class _ExplainsByDefault(TyperGroup):
    """A group in which a first word that is no command is a question."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front of a question."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args.insert(0, _EXPLAIN)
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ExplainsByDefault,
    help='Where a question goes and why: `cmo route "…"`. Fit the router anew on your own labels.',
    no_args_is_help=True,
)
Labels = Annotated[list[Path], typer.Argument(help="Questions with labels, JSONL; see bench/routing/LABELS.md.")]


@app.command(_EXPLAIN)
def explain(
    question: Annotated[str, typer.Argument(help="What somebody wants to know.")],
    *,
    web: Annotated[bool, typer.Option("--web", help="Suppose that a web engine can be asked.")] = False,
    model: Annotated[Path | None, typer.Option(help="A model of yours; default: the configured one.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Explain one decision: probabilities, interval, what is possible, reasons, and whom to ask now."""
    from dataclasses import replace

    from cmo import wire
    from cmo.app import opened
    from cmo.oracle import admit

    asked = admit(question)
    with opened(read_settings(working_dir=home, route_model=model)) as house:
        conditions = replace(house.conditions, web=web or house.conditions.web)
        found = house.router.route(asked.text, conditions, house.standing(asked.text))
    if as_json:
        print_json({"question": asked.text, **wire.route(found)})
        return
    _show(found)


@app.command("train")
def train(
    labels: Labels,
    *,
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the model is written.")],
    extra: Annotated[
        list[Path] | None, typer.Option(help="Labels that count for less, such as other people's; may be repeated.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fit the head on labelled questions; `cmo route calibrate` on others comes next."""
    from cmo.app import opened
    from cmo.route import training

    with opened(read_settings(working_dir=home)) as house:
        done = training.fit(labels, extra or [], out, house.encoder, house.year())
    _tell({**done.as_json(), "model": str(out)}, done.bad, as_json=as_json)


@app.command("calibrate")
def calibrate(
    labels: Labels,
    *,
    model: Annotated[Path, typer.Option(file_okay=False, help="What `cmo route train` wrote.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fit what the head's scores mean, on questions that it was not trained on."""
    from cmo.app import opened
    from cmo.route import training

    with opened(read_settings(working_dir=home)) as house:
        done = training.calibrate(labels, model, house.encoder, house.year())
    _tell({**done.as_json(), "model": str(model)}, done.bad, as_json=as_json)


def _tell(facts: dict[str, Any], bad: tuple[Any, ...], *, as_json: bool) -> None:
    for line in bad[:_TOLD]:
        complaints.print(f"[yellow]line {line.number} left out[/]: {line.reason}", soft_wrap=True)
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        console.print(f"[bold]{name:16}[/] {value}", soft_wrap=True)


def _show(route: Route) -> None:
    engines = " and ".join(engine.value for engine in route.engines) or "nobody"
    console.print(f"[bold]{route.destination.value}[/] · {route.category.value} · {route.research.value}")
    console.print(
        f"right with probability {route.probability:.2f} (between {route.interval[0]:.2f} and {route.interval[1]:.2f}), "
        f"novelty {route.novelty:.2f}, decided by {route.decided_by.value}; ask {engines} now"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("destination", "probability", "possible"):
        table.add_column(name, justify="right" if name == "probability" else "left")
    for destination, probability in sorted(route.probabilities.items(), key=lambda entry: -entry[1]):
        table.add_row(destination.value, f"{probability:.3f}", "yes" if destination in route.possible else "")
    console.print(table)
    for reason in route.reasons:
        console.print(f"[cyan]{reason.weight:+.2f}[/] {reason.text}", soft_wrap=True)
    console.print(f"[dim]version {route.version}[/]")
