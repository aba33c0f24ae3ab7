"""`cmo bench graph`: how good and how fast names, relations and the graph are, in one run.

::

    full vocabularies --> linking (BC5CDR, NCBI) --> relations (BioRED) --> questions over two papers --> no loss elsewhere

and on the way how fast papers are read, what two hops add to a question, how long making a graph anew takes.

What is made (vocabularies, bases) is kept in a folder, so that a second run measures only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from cmo.app import App
from cmo.bench import annotated, graph_walk, linking, multihop, related, relations
from cmo.bench.beir import DOI_PREFIX, Beir
from cmo.bench.figures import Row
from cmo.bench.metrics import Estimate, estimate, ndcg
from cmo.kit.hashing import short_hash
from cmo.model.papers import ParsedPaper
from cmo.model.questions import Mode, Question, Reach
from cmo.relate.statements import Teller
from cmo.settings import Settings

VOCABULARIES: Final[Mapping[str, str]] = {
    "chebi": "chebi_names",
    "disease-ontology": "disease_ontology",
    "human-gem": "human_gem",
    "reactome": "pathways",
    "famplex": "famplex",
    "goslin": "goslin_lipids",
}
"""What is installed, with its folder under ``dicts``."""
OFF: Final = Reach(multi_hop=False, hops=0, reasoning=False)
WAYS: Final[Mapping[str, tuple[Mode, Reach]]] = {
    "naive": (Mode.NAIVE, OFF),
    "hybrid, graph off": (Mode.HYBRID, OFF),
    "local": (Mode.LOCAL, Reach(hops=2)),
    "global": (Mode.GLOBAL, Reach(hops=2)),
    "hybrid": (Mode.HYBRID, Reach(hops=2)),
    "mix": (Mode.MIX, Reach(hops=2)),
}
"""Ways of searching that are compared."""
_DEPTH = 10
Progress = Callable[[str], None]


class Bench:
    """Measures over the shared data.

    Args:
        settings: the model, and how papers are cut.
        data: the folder with ``dicts``, ``ner`` and ``retrieval``.
        folder: where bases are made and kept.
        say: told what is being done.
    """

    def __init__(self, settings: Settings, data: Path, folder: Path, say: Progress) -> None:
        self._settings = settings
        self._data = data
        self._folder = folder
        self._say = say

    def measure(self) -> Iterator[Row]:
        """All figures."""
        with_names = self.house("names")
        yield from self._linking(with_names)
        yield from self._relations(with_names)
        yield from self._reading(with_names)
        with_names.close()
        self._say("walking a graph of 500,000 edges")
        for name, rounds in (("of two hops, as questions walk", 2), ("to the end", None)):
            spent = graph_walk.pagerank_ms(500_000, rounds)
            yield _speed(Row.at_most(f"PageRank over 500,000 edges, {name}, p50", spent, "ms", 15))
        yield from self._two_papers()
        yield from self._elsewhere()

    def two_papers(self, name: str, split: str, mode: Mode, hops: int) -> multihop.HopScores:
        """How well one way of searching does on one set of questions over two papers."""
        data = multihop.load(name, self._data)
        house = self._filled(name, data.papers)
        try:
            asked = data.only(split)
            reach = Reach(hops=hops) if hops else OFF
            return multihop.scores(asked, multihop.rows(asked, _asking(house, mode, reach)))
        finally:
            house.close()

    def house(self, name: str) -> App:
        """A base of its own with all vocabularies."""
        house = App(self._settings.model_copy(update={"working_dir": self._folder / name, "database_url": ""}))
        known = {m.name for m in house.vocabularies.installed()}
        for vocabulary, folder in VOCABULARIES.items():
            if vocabulary not in known:
                self._say(f"{name}: installing {vocabulary}")
                house.vocabularies.install(vocabulary, self._data / "dicts" / folder)
        return house

    def _filled(self, name: str, papers: Callable[[], Iterator[tuple[str, ParsedPaper]]]) -> App:
        house = self.house(name)
        if house.shelf.current() is None:
            self._say(f"{name}: ingesting")
            with house.pipeline(1) as pipeline:
                for _ in pipeline.record_parsed(papers()):
                    pass
            house.curator.rebuild()
        elif house.curator.holdings().stale_readings:
            self._say(f"{name}: reading the papers anew, as the reader has changed")
            house.curator.rebuild()
        return house

    def _linking(self, house: App) -> Iterator[Row]:
        linker, plain = house.linker, linking.PlainMatch(house.vocabulary)
        goals = {"chemical": 0.80, "disease": 0.75}
        for label, file in (("BC5CDR", "bc5cdr_iob/devel.tsv.gz"), ("NCBI", "ncbi_disease/NCBIdevelopset_corpus.txt")):
            self._say(f"linking {label}")
            texts = annotated.read(self._data / "ner" / file)
            ours, theirs = linking.evaluate(linker, texts), linking.evaluate(plain, texts)
            for kind, score in ours.by_type.items():
                name = f"{label} {kind}, strict span F1"
                yield _mean("linking", name, Estimate(score.f1, score.low, score.high), least=goals.get(kind))
                yield Row(f"{name}, plain dictionary", theirs.by_type[kind].f1, "", part="linking")

    def _relations(self, house: App) -> Iterator[Row]:
        self._say("relations on BioRED")
        texts = related.read(self._data / "ner" / "biored" / "Dev.PubTator")
        gold, linked = (relations.evaluate(texts, Teller.shipped(), linker) for linker in (None, house.linker))
        yield _mean("relations", "BioRED pairs, gold names, F1", gold.overall.f1, least=0.68)
        yield _mean("relations", "the same, sharing a sentence", gold.cooccurrence.f1)
        yield _mean("relations", "sign where decided", gold.sign_accuracy, least=0.85)
        yield _mean("relations", "sign decided", gold.sign_coverage)
        yield _mean("relations", "calibration error", gold.calibration_error, most=0.03)
        yield _mean("relations", "BioRED pairs from raw text, F1", linked.overall.f1)

    def _reading(self, house: App) -> Iterator[Row]:
        self._say("reading abstracts")
        corpus = Beir.open(self._data / "retrieval" / "scifact_beir")
        papers = [paper for (_, paper), _ in zip(corpus.documents(), range(400), strict=False)]
        for paper in papers[:40]:
            house.reader.read(paper)
        began = time.process_time()
        for paper in papers:
            house.reader.read(paper)
        rate = len(papers) / (time.process_time() - began)
        yield _speed(Row.at_least("linking and relations together, abstracts a second and core", rate, "/s", 200))

    def _two_papers(self) -> Iterator[Row]:
        for name in ("biored", "jats"):
            data = multihop.load(name, self._data)
            house = self._filled(name, data.papers)
            rows = {way: multihop.rows(data.only("test"), _asking(house, *how)) for way, how in WAYS.items()}
            for way, found in rows.items():
                part = multihop.scores(data.only("test"), found).overall
                yield _mean("two papers", f"{name}, {way}: both facts among ten", part.complete10)
                yield _mean("two papers", f"{name}, {way}: right answer", part.correct)
            gained = [rows["hybrid"][q].correct - rows["naive"][q].correct for q in rows["naive"]]
            yield _mean("two papers", f"{name}, hybrid over naive: right answers", estimate(gained), least=0)
            yield from self._added(house, [q.text for q in data.queries.values()], name)
            house.close()

    def _added(self, house: App, questions: Sequence[str], name: str) -> Iterator[Row]:
        """What two hops cost, question by question."""
        spent: dict[str, list[float]] = {"hybrid, graph off": [], "hybrid": []}
        for text in questions:
            for way, seconds in spent.items():
                mode, reach = WAYS[way]
                began = time.perf_counter()
                house.oracle.reply(Question(text, mode, reach=reach))
                seconds.append(time.perf_counter() - began)
        added = np.median(np.subtract(spent["hybrid"], spent["hybrid, graph off"])) * 1000
        yield _speed(Row.at_most(f"{name}, two hops add, p50", float(added), "ms", 10))

    def _elsewhere(self) -> Iterator[Row]:
        for label, folder, split in (("SciFact", "scifact_beir", "train"), ("BioASQ", "bioasq_snippets", "dev")):
            corpus = Beir.open(self._data / "retrieval" / folder, split)
            house = self._filled(folder, corpus.documents)
            self._say(f"{label}: searching without and with the graph")
            without, with_graph = (_ranked(house, corpus, *WAYS[way]) for way in ("hybrid, graph off", "hybrid"))
            yield _mean("no loss", f"{label} {split}, nDCG@10 without the graph", estimate(without))
            gained = estimate(np.subtract(with_graph, without))
            yield _mean("no loss", f"{label} {split}, with it", gained, least=0)
            yield from self._rebuilt(house, label)
            house.close()

    def _rebuilt(self, house: App, label: str) -> Iterator[Row]:
        self._say(f"{label}: making the graph anew")
        papers = house.curator.holdings().papers
        house.curator.forget_readings("cmo")
        began = time.perf_counter()
        house.curator.rebuild()
        seconds = (time.perf_counter() - began) / papers * 1000
        yield _speed(Row.at_most(f"graph of 1,000 papers anew ({label})", seconds, "s", 60))


def _names(house: App) -> dict[int, str]:
    refs = [p.ref for p in house.record.papers()]
    return {short_hash(r.paper_id): r.metadata.doi.removeprefix(DOI_PREFIX) or r.source for r in refs}


def _asking(house: App, mode: Mode, reach: Reach) -> multihop.Ask:
    """Ask a base: the papers it ranks, and its answer with its table."""
    names = _names(house)

    def ask(text: str) -> multihop.Reply:
        question = Question(text, mode, reach=reach)
        answer = house.oracle.reply(question).answer
        table = [f"{r.subject.name} {r.type} {r.object.name}." for r in answer.relations if r.papers_for]
        return multihop.Reply(_documents(house, question, names), " ".join([answer.text, *table]))

    return ask


def _documents(house: App, question: Question, names: Mapping[int, str]) -> list[str]:
    snapshot = house.snapshots.current()
    assert snapshot is not None
    rows = house.retriever.ranking(snapshot, question).rows
    return list(dict.fromkeys(names[paper] for paper in snapshot.columns.rows["paper"][rows].tolist()))[:_DEPTH]


def _ranked(house: App, corpus: Beir, mode: Mode, reach: Reach) -> list[float]:
    names = _names(house)
    return [
        ndcg(_documents(house, Question(text, mode, reach=reach), names), corpus.relevance[query], _DEPTH)
        for query, text in corpus.queries.items()
    ]


def _mean(part: str, what: str, found: Estimate, *, least: float | None = None, most: float | None = None) -> Row:
    """A mean with its interval, and what it should be where somebody wishes that."""
    row = Row(what, found.value, "")
    if least is not None:
        row = Row.at_least(what, found.value, "", least)
    if most is not None:
        row = Row.at_most(what, found.value, "", most)
    return replace(row, part=part, low=found.low, high=found.high)


def _speed(row: Row) -> Row:
    return replace(row, part="speed")
