"""`cmo eval`: how good it is, on your own data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from cmo.cli import cache_pairs, grounding, routing
from cmo.cli.options import AsJson, Home
from cmo.cli.output import complaints, console, print_json
from cmo.errors import BadFilter, NotFound
from cmo.model.ports import Linker
from cmo.model.questions import Mode
from cmo.settings import read_settings

if TYPE_CHECKING:
    from cmo.vocabulary.compiled import CompiledVocabulary

app = typer.Typer(
    help="Evaluate retrieval, PDF reading, confidence, relations, routing and grounding on your own data.",
    no_args_is_help=True,
)
app.command("cache")(cache_pairs.cache)
app.command("routing")(routing.routing)
app.command("grounding")(grounding.grounding)


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


@app.command("graph")
def graph(
    data: Annotated[Path, typer.Option(help="The folder that holds dicts, ner, papers and retrieval.")],
    *,
    questions: Annotated[str, typer.Option("--set", help="Which questions: bioasq, biored or jats.")] = "biored",
    split: Annotated[str, typer.Option(help="dev, or test.")] = "dev",
    mode: Annotated[str, typer.Option(help="How passages are found: " + ", ".join(Mode) + ".")] = Mode.HYBRID,
    hops: Annotated[int, typer.Option(min=0, max=2, help="Relations that are followed; 0 leaves the graph out.")] = 2,
    folder: Annotated[Path, typer.Option(help="Where bases are made and kept.")] = Path("~/.cache/cmo/bench/graph"),
    as_json: AsJson = False,
) -> None:
    """Ask questions that take two papers: both facts found among ten, the right answer, by kind and origin."""
    from cmo.bench.graph import Bench

    if mode not in Mode.__members__.values():
        raise BadFilter(f"There is no mode {mode!r}. The modes are: {', '.join(Mode)}.")
    if split not in {"dev", "test"}:
        raise BadFilter(f"There is no part {split!r}: dev and test are.")
    bench = Bench(read_settings(), data, folder.expanduser(), lambda what: complaints.print(f"[dim]{what}[/]"))
    facts = bench.two_papers(questions, split, Mode(mode), hops).as_json()
    if as_json:
        print_json(facts)
        return
    parts = {"all": facts, **facts.pop("by_kind"), **facts.pop("by_origin")}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "questions", "both facts among ten", "right answer"):
        table.add_column(name, justify="right" if name else "left")
    for name, part in parts.items():
        shares = (
            f"{part[k]['value']:.3f} [{part[k]['low']:.2f}, {part[k]['high']:.2f}]" for k in ("complete10", "correct")
        )
        table.add_row(name, str(part["questions"]), *shares)
    console.print(table)


@app.command("linking")
def linking(
    data: Annotated[list[Path], typer.Option(help="Texts with marked names, PubTator or IOB, also .gz; repeatable.")],
    *,
    vocabulary: Annotated[
        Path | None, typer.Option(help="A folder with a compiled vocabulary; default: those of the base.")
    ] = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="Measure plain dictionary matching as well.")] = False,
    fit_to: Annotated[
        Path | None, typer.Option("--fit", help="Fit anew on these data and write tagger and confidence here.")
    ] = None,
    unseen: Annotated[
        list[Path] | None, typer.Option(help="With --fit: a file to measure on; its texts are kept out. Repeatable.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Find the names in texts and compare with what people marked: strict spans by type, concepts, speed."""
    from cmo.bench.annotated import read
    from cmo.bench.link_fit import fit
    from cmo.bench.linking import PlainMatch, evaluate
    from cmo.vocabulary.compiled import CompiledVocabulary
    from cmo.vocabulary.linker import DictionaryLinker
    from cmo.vocabulary.tagger import shipped

    corpora = [read(path) for path in data]
    compiled = CompiledVocabulary.open(_there(vocabulary)) if vocabulary else _vocabulary_of(home)
    with _bar(as_json) as bar:
        task = bar.add_task("linking", total=sum(map(len, corpora)))
        if fit_to:
            kept_out = [text for path in unseen or () for text in read(path)]
            fitted = fit(
                corpora, kept_out, compiled, lambda name, step, _: bar.update(task, description=f"{name}, step {step}")
            )
            fitted.write(fit_to, [path.name for path in data])
            _print({"calibration_error": fitted.calibration_error}, as_json=as_json)
            return
        texts = [text for corpus in corpora for text in corpus]
        linker = DictionaryLinker(compiled, shipped())
        facts = evaluate(linker, texts, lambda done: bar.update(task, completed=done)).as_json()
        if baseline:
            facts["baseline"] = evaluate(PlainMatch(compiled), texts).as_json()
    if as_json:
        print_json(facts)
        return
    _print_linking(facts)


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise NotFound(
            f"There is no folder {folder}. `compiled` in the folder of a knowledge base holds its vocabulary."
        )
    return folder


def _vocabulary_of(home: Path | None) -> CompiledVocabulary:
    from cmo.vocabulary.compile import current
    from cmo.vocabulary.installed import Vocabularies

    working_dir = read_settings(working_dir=home).working_dir
    vocabularies = Vocabularies(working_dir)
    return current(working_dir / "eval" / "vocabulary", vocabularies.digest, lambda: vocabularies.merged().concepts)


def _print_linking(facts: dict[str, Any]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "precision", "recall", "f1", "95 % interval", "marked"):
        table.add_column(name, justify="left" if not name else "right")
    for title, values in (("", facts), ("baseline ", facts.get("baseline") or {})):
        rows = {"all spans": values, **values.get("by_type", {}), "concepts": values.get("concepts")}
        for name, row in rows.items():
            if row:
                numbers = (f"{row[n]:.4f}" for n in ("precision", "recall", "f1"))
                table.add_row(title + name, *numbers, f"{row['low']:.4f}–{row['high']:.4f}", str(row["marked"]))
    console.print(table)
    console.print(f"{facts['texts']} texts, {facts['texts_per_second']:.0f} a second")


@app.command("relations")
def relations(
    data: Annotated[Path, typer.Option(help="Texts with marked names and relations, in PubTator's format.")],
    *,
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Take the file's own names; otherwise they are linked.")
    ] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="A compiled vocabulary to link with; default: those of the home.")
    ] = None,
    fit_to: Annotated[
        Path | None, typer.Option("--fit", help="Fit anew on these data and write pairs.json and signs.json here.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare the relations that are read with those that people marked: pairs, signs, calibration, co-occurrence."""
    from cmo.bench import fit_relations, related
    from cmo.bench import relations as measure
    from cmo.relate.patterns import Phrases
    from cmo.relate.statements import Teller

    texts = related.read(data)
    linker = None if gold_entities else _linker(vocabulary, read_settings(working_dir=home).working_dir)
    with _bar(as_json) as bar:
        task = bar.add_task("reading", total=len(texts))
        scores = measure.evaluate(texts, Teller.shipped(), linker, lambda done: bar.update(task, completed=done))
    facts = scores.as_json()
    if fit_to:
        phrases = Phrases.shipped()
        facts["fitted_cross_validated"] = measure.cross_validated(fit_relations.unseen(texts, phrases)).as_json()
        fit_relations.write(fit_relations.fitted(texts, phrases), fit_to, f"{data.name}, {len(texts)} texts")
    if as_json:
        print_json(facts)
        return
    unseen = facts.pop("fitted_cross_validated", None)
    _print_relations(facts)
    if unseen:
        console.print("[bold]fitted, cross-validated[/]")
        _print_relations(unseen)


def _print_relations(facts: dict[str, Any]) -> None:
    by_type = facts.pop("by_type")
    facts["cooccurrence"] = facts["cooccurrence"]["f1"]
    _print(facts, as_json=False)
    for name, score in by_type.items():
        console.print(f"{name:20} f1 {score['f1']['value']:.4f}  of {score['marked']}")


def _linker(vocabulary: Path | None, home: Path) -> Linker:
    from cmo.vocabulary import tagger
    from cmo.vocabulary.compile import compile_vocabulary
    from cmo.vocabulary.compiled import CompiledVocabulary
    from cmo.vocabulary.installed import Vocabularies
    from cmo.vocabulary.linker import DictionaryLinker

    if vocabulary:
        return DictionaryLinker(CompiledVocabulary.open(_there(vocabulary)), tagger.shipped())
    compiled = compile_vocabulary(Vocabularies(home).merged().concepts, home / "eval" / "vocabulary")
    return DictionaryLinker(compiled, tagger.shipped())


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
