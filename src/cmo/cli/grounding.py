"""`cmo eval grounding`: the support scorer on claims with evidence and a label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import NotFound
from cmo.settings import read_settings

_TOLD = 20
"""Bad lines that are named at most."""
_COLUMNS = ("auroc", "auroc_unrelated", "auroc_contradicted")


def grounding(
    data: Annotated[
        Path,
        typer.Option(
            help='JSONL of {"claim", "evidence", "label": supported|contradicted|unrelated}, also .gz; '
            "or SciFact's folder (claims_train.jsonl, corpus_sentences.jsonl.gz), judged by cross-validation."
        ),
    ],
    *,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare what evidence is said to bear out with labels: AUROC, calibration, recall by type, baselines."""
    from cmo.app import opened
    from cmo.bench import grounding as measure
    from cmo.bench.grounding_rows import read
    from cmo.ingest.sentences import split

    if data.is_dir():
        _crossed(data, home, as_json=as_json)
        return
    rows, bad = read(data, split)
    if not rows:
        why = f" The first line: {bad[0].reason}." if bad else ""
        raise NotFound(f"There is no usable row in {data}.{why}")
    with opened(read_settings(working_dir=home)) as house, _bar(as_json) as bar:
        task = bar.add_task("judging", total=len(rows))
        scores = measure.score(rows, house.support, lambda done: bar.update(task, completed=done))
    facts = measure.report(scores, bad)
    if as_json:
        print_json(facts)
        return
    _show(facts)


def _crossed(folder: Path, home: Path | None, *, as_json: bool) -> None:
    """SciFact, each claim judged by heads that never saw it."""
    from cmo.app import opened
    from cmo.assess import SupportScorer
    from cmo.bench.grounding_crossed import crossed, samples_of
    from cmo.vocabulary.units import quantities

    if not (folder / "claims_train.jsonl").is_file():
        raise NotFound(f"{folder} has no claims_train.jsonl. Name SciFact's folder, or a file of rows.")
    with opened(read_settings(working_dir=home)) as house, _bar(as_json) as bar:
        task = bar.add_task("comparing", total=None)
        scorer = SupportScorer(house.encoder, quantities)
        samples = samples_of(folder, scorer, lambda done, total: bar.update(task, completed=done, total=total))
        bar.update(task, description="judging by heads that never saw them", completed=0, total=None)
        facts = crossed(samples, scorer)
    if as_json:
        print_json(facts)
        return
    _show(facts)
    kinds = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("supported against", "auroc"):
        kinds.add_column(name, justify="right" if name == "auroc" else "left")
    for name, value in facts["by_kind"].items():
        kinds.add_row(name, f"{value:.3f}")
    console.print(kinds)


def _show(facts: dict[str, Any]) -> None:
    for line in facts["bad_lines"][:_TOLD]:
        complaints.print(f"[yellow]line {line['number']} left out[/]: {line['reason']}", soft_wrap=True)
    if facts["bad_count"] > _TOLD:
        complaints.print(f"[yellow]and {facts['bad_count'] - _TOLD} more lines left out[/]")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", *_COLUMNS):
        table.add_column(name, justify="right" if name else "left")
    for name, part in {"scorer": facts, **facts["baselines"]}.items():
        shares = (f"{part[c]['value']:.4f} [{part[c]['low']:.3f}, {part[c]['high']:.3f}]" for c in _COLUMNS)
        table.add_row(name, *shares)
    console.print(table)
    for name, part in facts["calibration"].items():
        console.print(f"calibration error of P({name}) {part['error']:.4f}, Brier {part['brier']:.4f}")
    types = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("recall by type", "rows", "scorer", *facts["baselines"]):
        types.add_column(name, justify="left" if name == "recall by type" else "right")
    for name, row in facts["by_type"].items():
        types.add_row(name, str(row["rows"]), *(f"{row[who]:.3f}" for who in ("scorer", *facts["baselines"])))
    console.print(types)
    for name, row in facts["flags"].items():
        console.print(f"{name}: raised at {row['raised']}, of these {row['at_supported']} supported")
    labels = ", ".join(f"{count} {label}" for label, count in facts["labels"].items())
    console.print(f"{facts['rows']} rows: {labels}; {facts['bad_count']} lines left out")


def _bar(as_json: bool) -> Progress:
    return Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal)
