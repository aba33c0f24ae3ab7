"""`cmo cache`: the answers that are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cmo.app import App, opened
from cmo.cache import Warmed
from cmo.cli.exits import Exit
from cmo.cli.lines import lines_of
from cmo.cli.options import AsJson, Begun
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadQuestion, NotFound, SettingsError
from cmo.model.questions import Question
from cmo.oracle import admit
from cmo.settings import read_settings

app = typer.Typer(help="Look at kept answers, have some ready, forget them.", no_args_is_help=True)


@app.command("status")
def status(home: Begun = None, as_json: AsJson = False) -> None:
    """Show what is kept on the disk, and whether machines share answers."""
    with opened(read_settings(working_dir=home)) as house:
        disk = house.keeping.disk
        held = disk.look() if disk else None
        facts = {
            "on": house.settings.cache,
            "entries": held.size if held else 0,
            "bytes": held.bytes if held else 0,
            "limit_bytes": held.limit if held else 0,
            "shared": bool(house.keeping.redis_url),
            **_semantic(house),
        }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        console.print(f"[bold]{name:12}[/] {value}", soft_wrap=True)


@app.command("resume")
def resume(*, home: Begun = None, as_json: AsJson = False) -> None:
    """Let kept answers serve the same question in other words again, after their audit has stopped that."""
    with opened(read_settings(working_dir=home)) as house:
        seen = house.audit.evidence
        house.audit.start_again()
    if as_json:
        print_json({"looked": seen.looked, "wrong": seen.wrong})
        return
    console.print(f"{seen.wrong} of {seen.looked} checked answers differed; that is forgotten.")


@app.command("warm")
def warm(
    questions: Annotated[Path, typer.Argument(dir_okay=False, help="A file of questions, one a line.")],
    *,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="How many at once.")] = 2,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Answer questions now, so that the service has their answers ready; exits with 4 when one cannot be answered."""
    if not questions.is_file():
        raise NotFound(f"{questions} is no file. Name one with a question on each line.")
    with questions.open("rb") as file:
        wanted, refused = _admitted(lines_of(file, str(questions)))
    with opened(read_settings(working_dir=home)) as house:
        if not house.settings.cache:
            raise SettingsError("Nothing is kept: CMO_CACHE is off.")
        came = asyncio.run(_warmed(house, wanted, at_once))
    came.failed |= refused
    if as_json:
        print_json({"ready": came.ready, "failed": came.failed})
    else:
        console.print(f"{came.ready} answers are ready.")
        for question, why in came.failed.items():
            console.print(f"[red]failed[/] {escape(question)}: {escape(why)}", soft_wrap=True)
    if came.failed:
        raise typer.Exit(Exit.SOME_REFUSED)


@app.command("clear")
def clear(
    *,
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="At once, whatever state the places are in: nothing kept is found again."),
    ] = False,
    home: Begun = None,
    as_json: AsJson = False,
) -> None:
    """Forget all kept answers, also those in the memory of running services; exits with 8 where a place did not answer."""
    with opened(read_settings(working_dir=home)) as house:
        done = asyncio.run(_cleared(house, emergency=emergency))
    if as_json:
        print_json(done)
    else:
        for place, cleared in done.items():
            console.print(f"{place:8} {'cleared' if cleared else '[red]did not answer[/]'}")
    if not all(done.values()):
        raise typer.Exit(Exit.STORE)


def _admitted(lines: list[tuple[int, str]]) -> tuple[list[Question], dict[str, str]]:
    """Questions that can be asked; and why others cannot, by their line.

    Raises:
        BadQuestion: none of them can.
    """
    wanted: list[Question] = []
    refused: dict[str, str] = {}
    for number, line in lines:
        try:
            wanted.append(admit(line))
        except BadQuestion as error:
            refused[f"line {number}"] = str(error)
    if refused and not wanted:
        line, why = next(iter(refused.items()))
        raise BadQuestion(f"No line can be asked. {line.capitalize()}: {why}")
    return wanted, refused


def _semantic(house: App) -> dict[str, Any]:
    seen = house.audit.evidence
    stands = "stopped by its audit" if seen.stopped else house.settings.semantic_cache
    return {"semantic": stands, "semantic_checked": seen.looked, "semantic_differed": seen.wrong}


async def _warmed(house: App, questions: list[Question], at_once: int) -> Warmed:
    recall = house.recall
    came = await recall.warm(questions, at_once=at_once, progress=_progress)
    await recall.aclose()
    return came


async def _cleared(house: App, *, emergency: bool) -> dict[str, bool]:
    tiers = house.keeping.tiers
    done = await (tiers.emergency_clear() if emergency else tiers.clear_all())
    house.keeping.disown()  # running services keep answers in their own memory as well, and nothing else reaches that
    await tiers.aclose()
    return done


def _progress(done: int, total: int) -> None:
    if complaints.is_terminal:
        complaints.print(f"{done} of {total} questions", end="\r")
