"""A rollout as people read it in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_COLOURS = {"pass": "green", "fail": "bold red", "unsure": "yellow"}
_WIDE = 20


def shown(facts: dict[str, Any], now: float | None = None) -> RenderableType:
    """Its stage, its share, and what each gate says, with the evidence towards failing as a bar."""
    stages = " ".join(
        f"[reverse] {percent:g} [/]" if number == facts["stage"] - 1 else f" {percent:g} "
        for number, percent in enumerate(facts["plan"]["stages"])
    )
    settings = ", ".join(f"{name}={value}" for name, value in facts["settings"].items())
    for_ = "" if now is None else f", for {max(0.0, now - facts['since']):,.0f} s"
    head = (
        f"[bold]{escape(facts['name'])}[/]: {escape(facts['release'])} ({escape(settings)}) over "
        f"{escape(facts['baseline'] or 'the settings')}\n"
        f"{stages} % · [bold]{facts['phase']}[/] at {facts['percent']:g} %{for_}: {escape(facts['reason'])}"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("gate", "says", "towards failing", "evidence"):
        table.add_column(column)
    for gate in facts["gates"]:
        full = min(_WIDE, round(_WIDE * max(0.0, gate["evidence"])))
        bar = "█" * full + "·" * (_WIDE - full)
        colour = _COLOURS[gate["verdict"]]
        table.add_row(gate["gate"], f"[{colour}]{gate['verdict']}[/]", bar, escape(gate["text"]))
    return Group(Text.from_markup(head), table) if facts["gates"] else Text.from_markup(head)
