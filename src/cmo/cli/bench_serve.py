"""`cmo bench serve`: what the real service does under load."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cmo.cli.figures import figures
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import NotFound
from cmo.kit.clock import SystemClock
from cmo.settings import Settings, read_settings

_ABSTRACTS = Path("retrieval/scifact_beir")


def serve(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="The folder that holds retrieval/scifact_beir: 5,183 abstracts, and claims to ask."),
    ] = None,
    home: Home = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="This part alone: uncached, half, overload, kept, users, instruments, connections, peer or soak; may be repeated.",
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.2, max=1_440, help="That the soak takes.")] = 30.0,
    folder: Annotated[Path, typer.Option(help="Where bases, figures and charts are kept.")] = Path(
        "~/.cache/cmo/bench"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on: what was measured is not measured again.")] = False,
    page: Annotated[
        Path | None, typer.Option("--publish", help="Put the table into this page, between its marks.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What `cmo serve --workers 2` does under load, asked by a second process; eight minutes and the soak."""
    from cmo.bench.answer_table import SERVED, markdown, place, publish
    from cmo.bench.figures import as_json as plain
    from cmo.bench.serving import Bench, Results, measure
    from cmo.bench.serving_parts import PARTS

    if unknown := [name for name in only or () if name not in PARTS]:
        raise typer.BadParameter(f"There is no part {unknown[0]!r}. The parts are: {', '.join(PARTS)}.")
    if page:
        place(page, SERVED)  # minutes of measuring should not end in a page that is not there
    folder = folder.expanduser()
    base, questions = _asked(read_settings(working_dir=home), data, home, folder)
    path = folder / "serve" / "results.json"
    results, rows = Results.read(path) if resume else Results.anew(path), []
    chosen = {name: part for name, part in PARTS.items() if not only or name in only}
    with (
        TemporaryDirectory(prefix="cmo-bench-") as work,
        Bench(base, questions, Path(work), results, _doing, kept=folder, minutes=minutes) as bench,
    ):
        for row in measure(bench, chosen, resume=resume):
            rows.append(row)
            if not as_json:
                complaints.print(f"[dim]{row.part}: {row.what}: {row.told}[/]", soft_wrap=True)
    if page:
        publish(page, markdown(results.rows(), results.about(), SystemClock().now()), SERVED)
    if as_json:
        print_json({"about": results.about(), "rows": plain(results.rows())})
    else:
        console.print(figures(results.rows()))
        console.print(f"[dim]{path}[/]", soft_wrap=True)


def _asked(settings: Settings, data: Path | None, home: Path | None, folder: Path) -> tuple[Path, list[str]]:
    """The base that is served, and what is asked of it."""
    from cmo.app import opened
    from cmo.bench.beir import Beir
    from cmo.bench.retrieval import index_corpus

    if data is None and home is None:
        raise typer.BadParameter("Name the folder of the shared data with --data, or a base of yours with --home.")
    if data is not None:
        if not (data / _ABSTRACTS).is_dir():
            raise NotFound(f"{data} has no folder {_ABSTRACTS}. Name the folder of the shared data with --data.")
        corpus = Beir.open(data / _ABSTRACTS)
        house = index_corpus(settings, corpus, folder / "eval", _progress)
        house.close()
        return house.folder, list(corpus.queries.values())
    with opened(settings) as house:
        if house.shelf.current() is None:
            raise NotFound(f"There are no papers in {house.folder}. Name a base with --home, or run `cmo ingest`.")
        titles = [paper.ref.metadata.title for paper in house.record.papers()]
        return house.folder, [f"What is known about {title}?"[:400] for title in titles if title]


def _progress(what: str, done: int, _of: int) -> None:
    if done % 500 == 0:
        _doing(f"{what} {done}")


def _doing(what: str) -> None:
    complaints.print(f"[dim]{what}[/]")
