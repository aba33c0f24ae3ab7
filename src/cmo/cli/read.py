"""`cmo kb read`: a language model reads the papers for concepts and relations."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from cmo.app import opened
from cmo.cli.options import Begun, Wait
from cmo.cli.output import complaints, console, print_json_line
from cmo.settings import read_settings


def read(
    *,
    most: Annotated[int, typer.Option(min=1, help="Papers to read at most.")] = 1_000_000,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what language models read, and read nothing.")
    ] = False,
    wait: Wait = False,
    home: Begun = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line a paper, then a summary.")] = False,
) -> None:
    """Have the language model at `CMO_LLM_URL` read the papers that it has not read, for concepts and relations.

    Only what a sentence of the paper bears out word for word is kept, marked with the model's name beside what our own
    reader finds. Costs at most `CMO_LLM_MAX_PASSAGES` completions a paper. Safe to interrupt and to repeat.
    """
    from cmo.stories.study import studied

    done: Counter[str] = Counter(papers=0, passages=0, relations=0, dropped=0, prompt_tokens=0, completion_tokens=0)
    with opened(read_settings(working_dir=home)) as house:
        if forget:
            _say({"forgotten": house.curator.forget_readings("llm", wait=wait)}, as_json=as_json)
            return
        reader = house.llm_reader
        versions = house.record.readings.unread(reader.identity).version_ids[:most]
        for read_ in studied(house.curator, house.record.readings, versions, reader, wait=wait, on_wait=_say_waiting):
            study, dropped = read_.study, asdict(read_.study.dropped)
            done.update({
                "papers": 1, "passages": study.passages, "relations": len(study.reading.relations),
                "dropped": sum(dropped.values()) - dropped["passages"], "prompt_tokens": study.prompt_tokens,
                "completion_tokens": study.completion_tokens,
            })  # fmt: skip
            kept = len(study.reading.relations)
            if as_json:
                print_json_line({"title": read_.title, "relations": kept, "dropped": dropped, "left": read_.left})
            else:
                lost = ", ".join(f"{n} {name}" for name, n in dropped.items() if n)
                console.print(
                    f"read {escape(read_.title[:70])}  [dim]{kept} relations; dropped: {lost or 'nothing'}[/]",
                    soft_wrap=True,
                )
    _say(dict(done), as_json=as_json)


def _say_waiting(holder: str) -> None:
    complaints.print(f"Waiting for {holder} to end …")


def _say(facts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json_line({"summary": facts})
    else:
        console.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in facts.items()), soft_wrap=True)
