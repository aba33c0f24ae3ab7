"""`cmo kb import lightrag` and `cmo kb sync`: from LightRAG, and to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cmo.app import App, opened
from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Home, Wait
from cmo.cli.output import complaints, console, print_json, print_json_line
from cmo.errors import SettingsError
from cmo.model.outcomes import Outcome, Status
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.stories.importer import Imported, Plan

imports = typer.Typer(help="Bring in what other programs left.", no_args_is_help=True)


@imports.callback()
def _imports() -> None:
    """Bring in what other programs left."""


@imports.command("lightrag")
def import_lightrag(
    folder: Annotated[Path, typer.Argument(help="LightRAG's working directory.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look whether it is whole.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that read documents.")] = 1,
    wait: Wait = False,
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line a document, then a summary.")] = False,
) -> None:
    """Bring in the documents, entities and relations of LightRAG (lightrag-hku 1.0 to 1.5, default storages).

    The folder is checked whole before anything changes; exits with 9 if it is not sound. Documents become papers through
    our own ingest. A relation comes in where a sentence names both of its ends; the others are counted. Safe to interrupt
    and to repeat. Exits with 4 if a document was refused.
    """
    with opened(read_settings(working_dir=home)) as house:
        plan = house.importer.check(folder)
        if check:
            _say_sound(plan, as_json=as_json)
            return
        done = _bring_in(house, plan, workers=workers, wait=wait, as_json=as_json)
    if as_json:
        print_json_line({"summary": done})
    else:
        console.print(_sentence(done), soft_wrap=True)
    if done[Status.REFUSED]:
        raise typer.Exit(Exit.SOME_REFUSED)


def sync(
    *,
    most: Annotated[
        int | None, typer.Option(min=1, help="Papers to read at most, each at the cost of some calls.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Have LightRAG read the papers that it has not read, and forget those that are gone (with `CMO_ENGINE=lightrag`)."""
    settings = read_settings(working_dir=home)
    if settings.engine != "lightrag":
        raise SettingsError("Our own engine needs no sync. Set CMO_ENGINE=lightrag to answer with LightRAG.")
    counts = {"read": 0, "forgotten": 0}
    with opened(settings) as house, _progress(disable=as_json or not complaints.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        for step in house.lightrag.sync(lambda: [p.ref for p in house.record.papers()], most=most):
            counts["read" if step.added else "forgotten"] += 1
            done = sum(counts.values())
            bar.update(task, completed=done, total=done + step.left)
        if any(counts.values()):
            house.keeping.disown()  # it answers differently by now, of the same snapshot
    if as_json:
        print_json(counts)
    else:
        console.print(f"LightRAG read {counts['read']} papers and forgot {counts['forgotten']}.")


def _bring_in(house: App, plan: Plan, *, workers: int, wait: bool, as_json: bool) -> Counter[str]:
    done: Counter[str] = Counter(dict.fromkeys((*(s.value for s in Status), *_COUNTED), 0))
    done["unplaced"] = plan.holdings.unplaced
    with _progress(disable=as_json or not complaints.is_terminal) as bar, house.pipeline(workers) as pipeline:
        documents = bar.add_task("documents", total=len(plan.documents))
        readings = bar.add_task("readings", total=len(plan.documents))

        def seen(_: Outcome) -> None:
            bar.advance(documents)

        for imported in house.importer.bring_in(plan, pipeline, wait=wait, on_wait=_say_waiting, on_ingested=seen):
            bar.advance(readings)
            facts = _facts(imported)
            done[imported.outcome.status.value] += 1
            done.update({name: facts[name] for name in _COUNTED})
            if as_json:
                print_json_line(facts)
            else:
                (bar.console if not bar.disable else console).print(_line(imported, facts), soft_wrap=True)
    return done


_COUNTED = ("entities", "not_in_text", "unlinked", "mentions", "relations", "kept", "without_evidence", "same")


def _facts(imported: Imported) -> dict[str, Any]:
    outcome, found = imported.outcome, imported.found
    return {
        "document": imported.document,
        "status": outcome.status.value,
        "paper_id": outcome.paper_id,
        "reason": outcome.reason,
        "detail": " ".join(filter(None, (outcome.detail, outcome.remedy))),
        "reading": "none" if found is None else "new" if imported.new else "unchanged",
        "entities": found.entities if found else 0,
        "not_in_text": found.not_in_text if found else 0,
        "unlinked": found.unlinked if found else 0,
        "mentions": len(found.reading.mentions) if found else 0,
        "relations": found.relations if found else 0,
        "kept": len(found.reading.relations) if found else 0,
        "without_evidence": found.without_evidence if found else 0,
        "same": found.same if found else 0,
    }


def _line(imported: Imported, facts: dict[str, Any]) -> str:
    head = f"{facts['status']:<9} {escape(Path(imported.outcome.source).name)}"
    if imported.found is None:
        return f"{head}  [yellow]{escape(facts['reason'])}[/]: {escape(facts['detail'])}"
    kept = f"{facts['kept']} of {facts['relations']} relations with a sentence"
    return f"{head}  [dim]{facts['entities']} entities, {kept}, reading {facts['reading']}[/]"


def _sentence(done: Counter[str]) -> str:
    papers = ", ".join(f"{done[status.value]} {status.value}" for status in Status)
    return (
        f"{papers}. {done['entities']} entities, {done['not_in_text']} of them not in the text; {done['relations']} "
        f"relations: {done['kept']} kept, {done['without_evidence']} without evidence, {done['same']} told twice or of "
        f"one concept; {done['unplaced']} entries of no document."
    )


def _say_sound(plan: Plan, *, as_json: bool) -> None:
    held = plan.holdings
    facts = {
        "documents": len(held.documents),
        "unfinished": sum(not d.finished for d in held.documents),
        "chunks": len(held.chunks),
        "entities": len(held.entities),
        "relations": len(held.links),
        "unplaced": held.unplaced,
    }
    if as_json:
        print_json({"sound": True, **facts})
    else:
        console.print("sound: " + ", ".join(f"{count} {name}" for name, count in facts.items()))


def _progress(*, disable: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=complaints,
        disable=disable,
        transient=True,
    )


def _say_waiting(holder: str) -> None:
    complaints.print(f"Waiting for {holder} to end …")
