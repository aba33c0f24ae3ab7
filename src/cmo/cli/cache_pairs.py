"""`cmo eval cache`: the guard of the semantic cache on labelled pairs of questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.settings import read_settings

_RATES = ("hit_rate", "recall", "false_hit_rate")


def cache(
    pairs: Annotated[Path, typer.Option("--pairs", help='JSONL of {"a", "b", "same": true|false, "kind"?}.')],
    *,
    show: Annotated[bool, typer.Option("--show", help="List wrong hits, and the pairs that were missed.")] = False,
    fit_to: Annotated[
        Path | None,
        typer.Option("--fit", help="Fit the model and its threshold anew on these pairs and write it here."),
    ] = None,
    epsilon: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="With --fit: the share of wrong hits that may be.")
    ] = 0.05,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Which pairs the semantic cache takes for one question: hits, recall, wrong hits with exact intervals, by kind."""
    from cmo.app import opened
    from cmo.bench import cache_fit
    from cmo.bench import cache_pairs as measure

    found, bad = measure.read(pairs)
    with opened(read_settings(working_dir=home)) as house, _bar(as_json) as bar:
        task = bar.add_task("comparing", total=len(found))
        judged = list(measure.judge(house.guard, house.encoder, found, lambda done: bar.update(task, completed=done)))
        facts = measure.report(judged, bad)
        if fit_to:
            fitted = cache_fit.model(house.guard, house.encoder, found, epsilon, pairs.name)
            fit_to.write_text(fitted.likeness.to_json(), "utf-8")
            facts["fitted"] = fitted.as_json()
    if as_json:
        print_json(facts)
        return
    _show(facts, whole=show)


def _show(facts: dict[str, Any], *, whole: bool) -> None:
    for row in facts["bad"]:
        complaints.print(f"[yellow]line {row['line']} left out[/]: {row['reason']}", soft_wrap=True)
    if facts["bad_rows"] > len(facts["bad"]):
        complaints.print(f"[yellow]{facts['bad_rows']} lines are left out in all[/]")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "hits", *(rate.replace("_", " ") for rate in _RATES)):
        table.add_column(name, justify="right" if name else "left")
    for name, part in {"guard": facts, **facts["baselines"]}.items():
        shares = (f"{part[r]['value']:.3f} [{part[r]['low']:.3f}, {part[r]['high']:.3f}]" for r in _RATES)
        table.add_row(name, str(part["false_hit_rate"]["of"]), *shares)
    console.print(table)
    kinds = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "pairs", "same", "hits", "wrong"):
        kinds.add_column(name, justify="left" if name == "kind" else "right")
    for kind, part in facts["by_kind"].items():
        kinds.add_row(kind or "–", *(str(part[n]) for n in ("pairs", "same", "hits", "wrong")))
    console.print(kinds)
    for name in ("wrong_hits", "missed") if whole else ():
        for row in facts[name]:
            told = f"{name.replace('_', ' ')} ({row['kind'] or '–'}, line {row['line']})"
            console.print(f"{told}\n  {row['a']}\n  {row['b']}", markup=False, soft_wrap=True)
            console.print(f"  {'; '.join(row['reasons'])}", markup=False, soft_wrap=True, style="dim")
    if "fitted" in facts:
        console.print_json(data=facts["fitted"])
    console.print(
        f"{facts['pairs']} pairs, {facts['same']} of them the same; one comparison p50 {facts['compare_ms']['p50']} ms, "
        f"p99 {facts['compare_ms']['p99']} ms"
    )


def _bar(as_json: bool) -> Progress:
    return Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal)
