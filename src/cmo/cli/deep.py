"""`cmo deep`: a question of several parts, answered in steps that are shown, and kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from cmo.app import opened
from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadQuestion
from cmo.kit.deadline import Until
from cmo.model.money import micros
from cmo.model.questions import Mode
from cmo.oracle import admit
from cmo.settings import read_settings


def deep(
    question: Annotated[str, typer.Argument(help="What you want to know; may have several parts.")] = "",
    *,
    thread: Annotated[
        str, typer.Option(help="Name of a thread; the same question goes on where it was interrupted.")
    ] = "",
    history: Annotated[bool, typer.Option("--history", help="Show what was asked in --thread, instead.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Delete --thread and all that was asked in it.")] = False,
    mode: Annotated[str, typer.Option(help="How passages are found: " + " or ".join(Mode) + ".")] = Mode.HYBRID,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds and tell what there is by then.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Dollars that all calls together may cost; default: the budget's.")
    ] = None,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Plan, retrieve, read, check and write; exits with 3 when the papers do not say enough. Needs the extra `agents`."""
    if (history or forget) and not thread:
        raise BadQuestion("Of which thread? Name it: `--thread NAME`.")
    with opened(read_settings(working_dir=home)) as house:
        if forget:
            house.deep.forget(thread)
            return
        if history:
            _show_history(house.deep.history(thread), as_json=as_json)
            return
        most = None if max_cost is None else micros(Decimal(str(max_cost)))
        asked = replace(admit(question, mode), max_cost=most)
        until = None if seconds is None else Until(time.monotonic() + seconds)
        answer: Mapping[str, Any] = {}
        for progress in house.deep.stream(asked, thread, until):
            complaints.print(f"[dim]{progress.stage:>8}[/]  {escape(progress.text)}", soft_wrap=True)
            answer = progress.answer or answer
    if as_json:
        print_json(dict(answer))
    else:
        _show(answer)
    if not answer["answered"]:
        raise typer.Exit(Exit.NO_ANSWER)


def _show(answer: Mapping[str, Any]) -> None:
    text = Text(answer["answer"])
    text.highlight_regex(r"\[\d+\]", "bold cyan")
    style = "green" if answer["answered"] else "yellow"
    console.print(Panel(text, title=escape(answer["question"]), border_style=style, title_align="left"))
    for cited, label in zip(answer["citations"], answer["sources"], strict=True):
        console.print(f"[bold cyan]\\[{cited['number']}][/] {escape(label)}", soft_wrap=True)
    for dispute in answer["disputes"]:
        console.print(f"[yellow]sources disagree[/]: {escape(dispute['text'])}", soft_wrap=True)
    for gap in answer["gaps"]:
        console.print(f"[yellow]no answer to[/] {escape(gap['question'])}: {escape(gap['why'])}", soft_wrap=True)
    if answer["notice"]:
        console.print(f"[yellow]note[/]: {escape(answer['notice'])}", soft_wrap=True)
    console.print(
        f"[dim]{len(answer['steps'])} questions, planned by {escape(answer['planned_by'])} · "
        f"{answer['processing_time_ms']:.0f} ms · thread {answer['thread_id']}[/]"
    )


def _show_history(entries: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"history": entries})
        return
    for entry in entries:
        console.print(f"[dim]{entry['at'][:16]}[/] [bold]{escape(entry['question'])}[/]", soft_wrap=True)
        console.print(Text(entry["answer"]))
    if not entries:
        console.print("Nothing was asked in this thread, or nothing is done yet.")
