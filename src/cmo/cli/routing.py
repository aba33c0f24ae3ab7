"""`cmo eval routing`: the router on labelled questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.settings import read_settings

_TOLD = 20
"""Bad lines and mistakes that are named at most."""
_COLUMNS = ("accuracy", "strict_accuracy", "macro_f1", "category_accuracy", "research_accuracy")


def routing(
    labels: Annotated[list[Path], typer.Option("--labels", help="Questions with labels, JSONL; may be repeated.")],
    *,
    model: Annotated[Path | None, typer.Option(help="A model of yours; default: the configured one.")] = None,
    llm: Annotated[bool, typer.Option("--llm", help="Ask the language model in doubt, as configured.")] = False,
    show: Annotated[bool, typer.Option("--mistakes", help="List the questions that went wrong.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare routes with labels: accuracy, calibration, slices, beside keywords, majority and TF-IDF."""
    from cmo.app import opened
    from cmo.bench import routing as measure
    from cmo.model.routes import Conditions
    from cmo.route import KeywordRouter, kept, open_model, shipped_model, shipped_rules
    from cmo.route.labels import read

    found = read(labels)
    settings = read_settings(working_dir=home, route_model=model, llm_classification=llm or None)
    with opened(settings) as house:
        chosen = open_model(settings.route_model.expanduser()) if settings.route_model else shipped_model()
        systems = measure.Systems(
            house.router,
            KeywordRouter(shipped_rules(), house.year),
            kept.open_learned(settings.route_model),
            measure.commonest(chosen.head),
        )
        conditions = Conditions(llm=settings.llm_classification)
        facts = measure.evaluate(found, systems, conditions)
        facts["latency_ms"] = measure.latency(
            house.router, house.encoder, [row.query for row in found.rows], conditions
        )
        if show:
            facts["mistakes"] = measure.mistakes(
                found, house.router.routes([row.query for row in found.rows], conditions)
            )
    if as_json:
        print_json(facts)
        return
    _show(facts)


def _show(facts: dict[str, Any]) -> None:
    for line in facts["bad_lines"][:_TOLD]:
        complaints.print(f"[yellow]line {line['number']} left out[/]: {line['reason']}", soft_wrap=True)
    _systems(facts)
    console.print(
        f"calibration error {facts['ece']:.3f} (of true probabilities: {facts['ece_of_perfect']:.3f}), "
        f"Brier {facts['brier']:.3f}; right among the surest 85 %: {facts['selective_accuracy_85']:.3f}; "
        f"share answered at 95 % right: {facts['coverage_at_95']:.3f}"
    )
    cover = facts["coverage"]
    console.print(
        f"possible destinations hold the right one: {cover['holds_right']:.3f}, on average {cover['mean_size']:.2f} of five"
    )
    for name, gain in facts["gains"].items():
        part = gain["accuracy"]
        console.print(f"gain over {name}: {part['value']:+.3f} [{part['low']:+.3f}, {part['high']:+.3f}]")
    compat, away = facts["compatibility"], facts["false_neither"]
    console.print(
        f"on {compat['clear_questions']} clear questions that the keywords get right: same {compat['agreement']:.3f}, "
        f"wrong {compat['regressions']}"
    )
    console.print(
        f"sent away though ours: {away['sent_away']} of {away['asked']}, {away['refused_unread']} unread. {away['costs']}"
    )
    _parts("slice", facts["by_slice"], ("questions", "accuracy", "strict", "research"))
    _parts("destination", facts["by_destination"], ("questions", "precision", "recall", "f1"))
    for entry in facts.get("mistakes", ()):
        console.print(
            f"{entry['destination']} → {entry['routed']} ({entry['probability']:.2f}) {entry['query']}",
            markup=False,
            soft_wrap=True,
        )
    time = facts["latency_ms"]
    console.print(
        f"{facts['questions']} questions; a route p50 {time['p50']} ms, p99 {time['p99']} ms, {time['ratio']} × encoding alone"
    )


def _systems(facts: dict[str, Any]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", *(column.replace("_", " ") for column in _COLUMNS)):
        table.add_column(name, justify="right" if name else "left")
    for name, part in {"router": facts, **facts["baselines"]}.items():
        shares = (f"{part[c]['value']:.3f} [{part[c]['low']:.2f}, {part[c]['high']:.2f}]" for c in _COLUMNS)
        table.add_row(name, *shares)
    console.print(table)


def _parts(title: str, parts: dict[str, Any], columns: tuple[str, ...]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in (title, *columns):
        table.add_column(name, justify="left" if name == title else "right")
    for name, part in parts.items():
        table.add_row(name, *(f"{part[c]:.3f}" if isinstance(part[c], float) else str(part[c]) for c in columns))
    console.print(table)
