"""`cmo vocab`: the vocabularies that papers are read by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from cmo.cli.exits import Exit
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.kit.text import clean_line
from cmo.model.concepts import Concept
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.vocabulary.installed import Vocabularies

app = typer.Typer(help="Install, list, look into and verify vocabularies.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the list: chebi, disease-ontology, human-gem, …")]
_OURS = "cmo@"
"""Begins the names of readers that go by these vocabularies."""
_SHOWN = 20
"""Names of a concept that are shown without --json."""


@app.command("list")
def list_vocabularies(home: Home = None, as_json: AsJson = False) -> None:
    """List the vocabularies that are installed or can be, the most trusted first."""
    found = _vocabularies(home).listed()
    if as_json:
        print_json([asdict(line) for line in found])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "installed", "concepts", "edges", "licence", "about"):
        table.add_column(column)
    for v in found:
        installed = (v.version or "yes") if v.installed else "no"
        counts = (f"{v.concepts:,}", f"{v.edges:,}") if v.installed else ("", "")
        table.add_row(v.name, installed, *counts, v.licence, v.title)
    console.print(table)


@app.command("install")
def install(
    name: Name,
    *,
    source: Annotated[
        Path | None, typer.Option("--from", help="File, or folder with the files of its project.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Install a vocabulary from the files of its project, or download them; replaces the one that is there."""
    vocabularies = _vocabularies(home)
    before = _digest(vocabularies)
    with Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal) as bar:
        task = bar.add_task("installing", total=None)
        manifest = vocabularies.install(
            name, source, progress=lambda what, count: bar.update(task, description=f"{what} {count:,}")
        )
        apart = _apart(vocabularies, name)
    stale = _stale(home) if _digest(vocabularies) != before else 0
    if as_json:
        print_json({**asdict(manifest), "apart": apart[:_SHOWN], "stale_readings": stale})
        return
    title = f"{manifest.title} {manifest.version}".strip()
    console.print(
        f"{title} is installed: {manifest.concepts:,} concepts, {manifest.edges:,} edges. "
        f"© {manifest.project}, {manifest.licence}.",
        soft_wrap=True,
    )
    _say_stale(stale)
    for place in (*manifest.places[:_SHOWN], *apart[:_SHOWN]):
        complaints.print(escape(place), soft_wrap=True)


@app.command("remove")
def remove(name: Name, *, home: Home = None, as_json: AsJson = False) -> None:
    """Remove an installed vocabulary."""
    _vocabularies(home).remove(name)
    stale = _stale(home)
    if as_json:
        print_json({"removed": name, "stale_readings": stale})
    else:
        console.print(f"{name} is removed")
        _say_stale(stale)


@app.command("show")
def show(
    concept: Annotated[str, typer.Argument(help="An id, an identifier elsewhere such as HMDB0000925, or a name.")],
    *,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show the concepts that have an id, an identifier or a name; exits with 5 when there is none."""
    from cmo.errors import NotFound

    found = _vocabularies(home).find(concept)
    if as_json:
        print_json([asdict(c) for c in found])
    for c in () if as_json else found:
        _print(c)
    if not found:
        raise NotFound(f"No vocabulary has {concept!r}. `cmo vocab list` shows which could be installed.")


@app.command("verify")
def verify(home: Home = None, as_json: AsJson = False) -> None:
    """Hold the installed vocabularies against their checksums; exits with 9 on a fault."""
    vocabularies = _vocabularies(home)
    faults = vocabularies.verify()
    if as_json:
        print_json({"sound": not faults, "faults": faults, "digest": "" if faults else vocabularies.digest})
    else:
        _print_faults(faults)
    if faults:
        raise typer.Exit(Exit.UNSOUND)


def _vocabularies(home: Path | None) -> Vocabularies:
    from cmo.vocabulary.installed import Vocabularies

    return Vocabularies(read_settings(working_dir=home).working_dir.expanduser())


def _digest(vocabularies: Vocabularies) -> str:
    """Of all of them; nothing where one is damaged, which may be the very one that is installed anew."""
    from cmo.errors import VocabularyCorrupt

    try:
        return vocabularies.digest
    except VocabularyCorrupt:
        return ""


def _apart(vocabularies: Vocabularies, name: str) -> list[str]:
    """What stays beside a concept of the same identifier; nothing where another vocabulary is damaged."""
    from cmo.errors import VocabularyCorrupt

    try:
        return vocabularies.apart(name)
    except VocabularyCorrupt:
        return []


def _stale(home: Path | None) -> int:
    """Papers that were read by other names than those that are known now."""
    settings = read_settings(working_dir=home)
    if not (settings.database_url or (settings.working_dir.expanduser() / "record.sqlite3").exists()):
        return 0
    from cmo.app import opened

    with opened(settings) as house:
        readers = house.record.readings.readers()
    return sum(count for reader, count in readers.items() if reader.startswith(_OURS))


def _say_stale(papers: int) -> None:
    if papers:
        were = "One paper was" if papers == 1 else f"{papers:,} papers were"
        console.print(f"{were} read by the names known before. `cmo kb rebuild` reads them anew.", soft_wrap=True)


def _print(concept: Concept) -> None:
    facts = {
        "kind": concept.kind,
        "names": ", ".join(concept.synonyms[:_SHOWN]) + (" …" if len(concept.synonyms) > _SHOWN else ""),
        "identifiers": ", ".join(f"{s}:{v}" for s, values in concept.xrefs.items() for v in values),
        "broader": ", ".join(concept.parents),
    }
    console.print(f"[bold]{escape(clean_line(concept.name))}[/]  {escape(clean_line(concept.id))}", soft_wrap=True)
    for what, value in facts.items():
        if value:
            console.print(f"  {what:12} {escape(clean_line(value))}", soft_wrap=True)


def _print_faults(faults: Sequence[str]) -> None:
    for fault in faults:
        console.print(f"[red]fault[/] {escape(fault)}", soft_wrap=True)
    if not faults:
        console.print("All vocabularies are sound")
