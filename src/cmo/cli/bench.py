"""`cmo bench`: figures of one run, on the shared data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cmo.app import opened
from cmo.cli.bench_answer import answer
from cmo.cli.bench_browser import chat, pages
from cmo.cli.bench_serve import serve
from cmo.cli.figures import figures
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadQuestion, NotFound
from cmo.oracle import admit
from cmo.settings import read_settings

_LEAST_QUESTIONS = 30
app = typer.Typer(help="Measure how good and how fast it is, in one run.", no_args_is_help=True)
app.command("answer")(answer)
app.command("serve")(serve)
app.command("chat")(chat)
app.command("pages")(pages)


@app.callback()
def _group() -> None:
    """Measure how good and how fast it is, in one run."""


@app.command("resilience")
def resilience(
    *,
    seconds: Annotated[float, typer.Option(min=60, help="Simulated time, for each load and way of calling.")] = 180,
    seed: Annotated[int, typer.Option(min=0, help="Of the chances.")] = 0,
    notices: Annotated[bool, typer.Option("--notices", help="The service stops when the caller has gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answers in time at 0.5 to 3 times what a service can do, with and without the kit; a simulation of seconds."""
    from cmo.bench.resilience import as_json as plain
    from cmo.bench.resilience import measure

    results = list(measure(seconds=seconds, seed=seed, notices=notices))
    if as_json:
        print_json({"rows": plain(results)})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("load", "way", "in time", "of those waited for", "possible", "p50", "p99", "sent"):
        table.add_column(name, justify="left" if name == "way" else "right")
    for r in results:
        shares = (f"{share:.1%}" for share in (r.goodput, r.interactive, r.possible))
        table.add_row(f"{r.load}x", r.way, *shares, f"{r.p50_seconds:.2f} s", f"{r.p99_seconds:.2f} s", f"{r.sent:.2f}")
    console.print(table)


@app.command("cache")
def cache(
    *,
    home: Home = None,
    redis: Annotated[str, typer.Option(help="Redis to measure with; one of its own where none is given.")] = "",
    kilobytes: Annotated[int, typer.Option(min=1, max=500, help="Size of a reply.")] = 16,
    as_json: AsJson = False,
) -> None:
    """What a kept answer costs in each tier, beside others, and what that gains; half a minute."""
    from tempfile import TemporaryDirectory

    from cmo.bench import cache_speed as speed
    from cmo.bench.figures import as_json as plain

    with TemporaryDirectory(prefix="cmo-bench-") as folder, speed.server(redis) as url:
        rows = list(speed.measure(Path(folder), redis_url=url, kilobytes=kilobytes))
    with opened(read_settings(working_dir=home, redis_url="")) as house:
        if house.settings.cache and house.shelf.current() is not None:
            titles = [paper.ref.metadata.title for paper in house.record.papers()]
            questions = [admit(f"What is known about {title}?"[:400]) for title in titles[:50] if title]
            rows += speed.gain(house.recall, questions)
    if as_json:
        print_json({"rows": plain(rows)})
        return
    console.print(figures(rows))


@app.command("query")
def query(
    questions: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Questions, one a line.")],
    *,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """How fast `cmo serve` answers over HTTP, nothing kept, and how long judging an answer takes; a minute."""
    from cmo.bench.figures import as_json as plain
    from cmo.bench.served import measure

    asked = [line.strip() for line in questions.read_text("utf-8").splitlines() if line.strip()]
    if len(asked) < _LEAST_QUESTIONS:
        raise BadQuestion(f"{questions} has {len(asked)} questions; give {_LEAST_QUESTIONS} or more, one a line.")
    with opened(read_settings(working_dir=home)) as house:
        rows = list(measure(house, asked))
    if as_json:
        print_json({"rows": plain(rows)})
        return
    console.print(figures(rows))


@app.command("classify")
def classify(
    *,
    redis: Annotated[
        str, typer.Option(help="Address of a Redis or Valkey for the shared tier; left out without.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """How long classes of questions take: alone, together, kept, and under the loads of the documents; a minute."""
    import tempfile

    from cmo.bench.classify import ClassifyBench
    from cmo.bench.figures import as_json as plain

    rows = []
    with tempfile.TemporaryDirectory(prefix="cmo-classify-") as folder:
        for row in ClassifyBench(read_settings(), Path(folder), redis).measure():
            rows.append(row)
            if not as_json:
                complaints.print(f"[dim]{row.part}: {row.what}[/]")
    if as_json:
        print_json({"rows": plain(rows)})
        return
    console.print(figures(rows))


@app.command("delivery")
def delivery(
    *,
    runs: Annotated[int, typer.Option(min=20, max=20_000, help="Releases that are played of each kind.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Of chance.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PART", help="rules, assignment, live or service; may be repeated.")
    ] = None,
    papers: Annotated[Path, typer.Option(help="Folder with papers, for the services.")] = Path("library/notes"),
    as_json: AsJson = False,
) -> None:
    """How soon bad releases are gone, beside the rules of others; assignment; what releases cost; eight minutes."""
    from cmo.bench.delivery import Part, measure
    from cmo.bench.delivery_served import summary
    from cmo.bench.figures import as_json as plain

    unknown = sorted(set(only or ()) - set(Part))
    if unknown:
        raise typer.BadParameter(f"There is no part {unknown[0]!r}. The parts are: {', '.join(Part)}.")
    rows = []
    for row in measure(runs, seed, _doing, [Part(name) for name in only or Part], papers):
        rows.append(row)
        if not as_json:
            complaints.print(f"{row.part}: {row.what}: {row.value:.4g} {row.unit}")
    if as_json:
        print_json({"rows": plain(rows)})
        return
    console.print(figures(rows))
    console.print(summary(rows))


def _doing(what: str) -> None:
    complaints.print(f"[dim]{what}[/]")


@app.command("graph")
def graph(
    data: Annotated[Path, typer.Option(help="The folder that holds dicts, ner, papers and retrieval.")],
    *,
    folder: Annotated[Path, typer.Option(help="Where bases are made and kept.")] = Path("~/.cache/cmo/bench/graph"),
    as_json: AsJson = False,
) -> None:
    """Linking, relations, questions over two papers, no loss elsewhere, speed; an hour the first time."""
    from cmo.bench.figures import as_json as plain
    from cmo.bench.graph import Bench

    if not (data / "ner").is_dir():
        raise NotFound(f"{data} has no folder ner. Name the folder of the shared data with --data.")
    measured = []
    bench = Bench(read_settings(), data, folder.expanduser(), lambda what: complaints.print(f"[dim]{what}[/]"))
    for row in bench.measure():
        measured.append(row)
        if not as_json:
            complaints.print(f"{row.what}: {row.value:.3f} {row.unit}")
    if as_json:
        print_json({"rows": plain(measured)})
        return
    console.print(figures(measured))
