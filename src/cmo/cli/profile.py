"""`cmo profile`: where a question's time goes, and what would help."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from cmo.cli.options import Begun, Words
from cmo.cli.output import complaints, console, print_json
from cmo.model.questions import Mode
from cmo.ops.profile import Measured, Profile, Stage
from cmo.oracle import admit
from cmo.settings import read_settings

WIDTH: Final = 36


def profile(
    question: Words,
    *,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How often it is asked; the median counts.")] = 15,
    mode: Annotated[str, typer.Option(help="How passages are found: " + " or ".join(Mode) + ".")] = Mode.HYBRID,
    advice: Annotated[bool, typer.Option(help="Try other ways beside it, and say what would help.")] = True,
    home: Begun = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Show where a question's time goes, stage by stage, and what would help; kept answers take no part."""
    asked = admit(" ".join(question), mode)
    from cmo.app import opened
    from cmo.bench.profiled import profiled

    def heard(done: int) -> None:
        if complaints.is_terminal:
            complaints.print(f"{done} of {runs} runs", end="\r")

    with opened(read_settings(working_dir=home)) as house:
        found = profiled(house, asked, runs, others=advice, heard=heard)
    if as_json:
        print_json({
            "question": asked.text, "mode": asked.mode, "answered": found.answer.refusal is None,
            "profile": asdict(found.profile), "trials": [asdict(one) for one in found.trials],
            "advice": [asdict(one) for one in found.advice],
        })  # fmt: skip
        return
    if refusal := found.answer.refusal:
        console.print(f"[yellow]It is not answered ({refusal.reason}): what is measured is the refusal.[/]")
    console.print(_table(found.profile))
    console.print(_summary(found.profile), soft_wrap=True)
    for one in found.trials:
        saved = f"{one.saved.median:+.0%} saved ({one.saved.low:+.0%} to {one.saved.high:+.0%})"
        console.print(
            f"[dim]tried[/] {escape(one.name)}: {_ms(one.seconds)}, {saved}, {one.same:.0%} of the answer stays"
        )
    for hint in found.advice:
        console.print(f"[bold yellow]→[/] {escape(hint.what)} [dim]{escape(hint.why)}[/]", soft_wrap=True)
    if advice and not found.advice:
        console.print("Nothing that was measured would help.")


def _table(found: Profile) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, justify in (("stage", "left"), ("ms", "right"), ("95 %", "right"), ("share", "right"), ("", "left")):
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for stage in found.stages:
        times = f" ×{stage.calls}" if stage.calls > 1 else ""
        name = f"{'  ' * (len(stage.path) - 1)}{stage.name}{times}"
        low, high = 1000 * stage.seconds.low, 1000 * stage.seconds.high
        colour = "red" if stage.own >= 1 / 3 else "yellow" if stage.own >= 1 / 10 else "green"
        bar = f"[{colour}]{_bar(stage, found.whole.median)}[/]"
        table.add_row(
            escape(name), f"{1000 * stage.seconds.median:.2f}", f"{low:.2f}–{high:.2f}", f"{stage.share:.0%}", bar
        )
    return table


def _bar(stage: Stage, whole: float) -> str:
    """Where in the whole it lies, as a flame graph shows it."""
    began = min(WIDTH - 1, round(WIDTH * stage.began / whole)) if whole else 0
    return " " * began + "█" * max(1, min(WIDTH - began, round(WIDTH * stage.share)))


def _summary(found: Profile) -> str:
    busy = found.cpu_seconds / found.whole.median if found.whole.median else 0.0
    return (
        f"{found.runs} runs: {_ms(found.whole)}; {busy:.1f} cores at work. "
        f"The first asking took {found.first_seconds:.2f} s and is not among them."
    )


def _ms(value: Measured) -> str:
    return f"{1000 * value.median:.1f} ms ({1000 * value.low:.1f} to {1000 * value.high:.1f})"
