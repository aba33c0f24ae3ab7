"""`cmo eval`: how good it is, on your own data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadFilter, NotFound
from cmo.model.questions import Mode
from cmo.settings import read_settings

app = typer.Typer(help="Evaluate retrieval, PDF reading and confidence on your own data.", no_args_is_help=True)


@app.command("retrieval")
def retrieval(
    data: Annotated[Path, typer.Option(help="A folder in BEIR's format: corpus.jsonl[.gz], queries.jsonl, qrels/.")],
    *,
    split: Annotated[str | None, typer.Option(help="Which qrels; default: test, else dev, else train.")] = None,
    mode: Annotated[str, typer.Option(help="Ablation: " + " or ".join(Mode) + ".")] = Mode.HYBRID,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Rank a corpus for its queries: nDCG@10, recall@100, MRR with 95 % bootstrap intervals, latency."""
    from cmo.bench.beir import Beir
    from cmo.bench.retrieval import evaluate, index_corpus

    if mode not in Mode.__members__.values():
        raise BadFilter(f"There is no mode {mode!r}. The modes are: {', '.join(Mode)}.")
    settings = read_settings(working_dir=home)
    corpus = Beir.open(data, split)
    with _bar(as_json) as bar:
        task = bar.add_task("indexing", total=None)

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        house = index_corpus(settings, corpus, settings.working_dir / "eval", progress)
        try:
            scores = evaluate(house, corpus, Mode(mode), progress)
        finally:
            house.close()
    _print(scores.as_json(), as_json=as_json)


@app.command("pdf")
def pdf(
    data: Annotated[Path, typer.Option(help="A folder of pairs: NAME.pdf and NAME.xml (JATS).")],
    as_json: AsJson = False,
) -> None:
    """Compare what is read from PDFs with the same articles as JATS: words, order, sections, references."""
    from cmo.bench.metrics import estimate
    from cmo.bench.pdf_eval import evaluate

    pairs = sorted(p for p in data.glob("*.pdf") if p.with_suffix(".xml").exists())
    if not pairs:
        raise NotFound(f"{data} has no pairs of NAME.pdf and NAME.xml.")
    with _bar(as_json) as bar:
        task = bar.add_task("reading", total=len(pairs))
        scores = evaluate(data, progress=lambda _: bar.advance(task))
    measured = ("word_recall", "in_order", "section_right", "references_cited", "pages_per_second")
    facts: dict[str, Any] = {name: asdict(estimate([getattr(s, name) for s in scores])) for name in measured}
    rows = [asdict(score) for score in scores]
    if as_json:
        print_json({**facts, "pairs": rows})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("name", "pages", *measured):
        table.add_column(name, justify="left" if name == "name" else "right")
    for row in rows:
        numbers = (f"{row[name]:.3f}" for name in measured[:-1])
        table.add_row(row["name"], str(row["pages"]), *numbers, f"{row[measured[-1]]:.0f}")
    console.print(table)
    _print(facts, as_json=False)


@app.command("confidence")
def confidence(
    data: Annotated[list[Path], typer.Option(help="A folder in BEIR's format; may be repeated.")],
    *,
    foreign: Annotated[
        Path | None, typer.Option(help="A text file of questions that no paper answers, one a line.")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Answers below this confidence are withheld.")] = 0.25,
    fit_to: Annotated[
        Path | None, typer.Option("--fit", help="Fit anew on these data and write the model here.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare stated confidence with what was right, on questions whose answer the corpus holds or lacks."""
    from cmo.answer.confidence import Confidence
    from cmo.bench import confidence as measure
    from cmo.bench.beir import Beir
    from cmo.bench.retrieval import index_corpus

    settings = read_settings(working_dir=home)
    strangers = foreign.read_text("utf-8").splitlines() if foreign else []
    samples: list[measure.Trial] = []
    with _bar(as_json) as bar:
        task = bar.add_task("indexing", total=None)

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        for folder in data:
            corpus = Beir.open(folder)
            house = index_corpus(settings, corpus, settings.working_dir / "eval", progress)
            try:
                samples += measure.trials(house, corpus, progress) + measure.foreign_trials(house, strangers)
            finally:
                house.close()
    if not samples:
        raise NotFound("There is no judged question in these data.")
    facts = {"shipped": measure.as_json(measure.reliability(Confidence.shipped(), samples), samples)}
    if fit_to:
        facts["fitted_cross_validated"] = measure.as_json(measure.cross_validated(samples, threshold), samples)
        fit_to.write_text(measure.fit(samples, threshold).to_json([str(d) for d in data]), "utf-8")
    if as_json:
        print_json(facts)
        return
    for name, values in facts.items():
        console.print(f"[bold]{name}[/]")
        _print(values, as_json=False)


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict) and "low" in value:
            console.print(
                f"[bold]{name:12}[/] {value['value']:.4f}  [{value['low']:.4f}, {value['high']:.4f}]", markup=True
            )
        else:
            console.print(f"[bold]{name:12}[/] {value}")


def _bar(as_json: bool) -> Progress:
    return Progress(console=complaints, transient=True, disable=as_json or not complaints.is_terminal)
