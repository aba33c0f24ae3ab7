"""Ingest: how near the pipeline comes to its encoder, how fast PDFs are read, how soon a new paper can be found."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import corpora
import numpy as np
import peers
from rows import Row, least, most

from cmo.app import App, opened
from cmo.ingest.chunks import joined
from cmo.ingest.pipeline import in_context
from cmo.kit.text import clean_line
from cmo.model.papers import ParsedPaper
from cmo.oracle import admit

_PAPER = """Quokkaline in the plasma of marathon runners

Background. Quokkaline is a metabolite that was made up to measure how soon a paper is found.

Results. Plasma quokkaline rose threefold within two hours of a marathon and was back to normal after a night. In
runners who slept less than five hours quokkaline stayed high for two days.
"""


def measure(*, quick: bool) -> Iterator[Row]:
    """Abstracts, then one paper into the large base."""
    yield from _abstracts(60 if quick else 240, 1 if quick else 3)
    yield from _one_paper()


def pdfs(*, quick: bool) -> Iterator[Row]:
    """Pages a second, one core."""
    from cmo.ingest.pdf import PdfParser  # noqa: PLC0415 - the other parts need no PDF

    paths = sorted((corpora.DATA / "papers" / "pdf_jats_pairs").glob("*.pdf"))[: 3 if quick else None]
    rates, pages = [], 0
    for _ in range(1 if quick else 3):
        began, pages = time.perf_counter(), 0
        for path in paths:
            pages += len(PdfParser().parse(path).pages)
        rates.append(pages / (time.perf_counter() - began))
    yield Row("pdf", f"pages read, {len(paths)} articles of {pages} pages, one core", float(np.median(rates)), "/s",
              more={"rounds": rates})  # fmt: skip


def _abstracts(count: int, rounds: int) -> Iterator[Row]:
    papers = list(islice(corpora.beir("scifact_beir").documents(), count))
    encoder = App(corpora.settings(corpora.CACHE)).encoder
    raw, whole, theirs = [], [], []
    for _ in range(rounds):
        raw.append(count / _encoded(encoder, papers))
        whole.append(count / _ingested(encoder, papers))
        theirs.append(count / _peer(papers))
    share = float(np.median([w / r for w, r in zip(whole, raw, strict=True)]))
    more = {"raw": raw, "whole": whole, "theirs": theirs}
    yield Row("ingest", f"encoder alone, {count} abstracts", float(np.median(raw)), "/s", more=more)
    yield Row("ingest", "whole pipeline: cut, encode, record, snapshot", float(np.median(whole)), "/s")
    yield Row("ingest", "whole pipeline over encoder alone", 100 * share, "%", least(90))
    yield Row("ingest", "LightRAG, vectors and chunks stored, no entity extraction", float(np.median(theirs)), "/s")


def _encoded(encoder: object, papers: list[tuple[str, ParsedPaper]]) -> float:
    texts, spans = zip(*(_context(paper) for _, paper in papers), strict=True)
    began = time.perf_counter()
    encoder.encode_passages(texts, spans)  # type: ignore[attr-defined]
    return time.perf_counter() - began


def _context(paper: ParsedPaper) -> tuple[str, tuple[tuple[int, int], ...]]:
    return in_context(paper.metadata.title, *joined([paper.text[s.start : s.end] for s in paper.sentences]))


def _ingested(encoder: object, papers: list[tuple[str, ParsedPaper]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        house = App(corpora.settings(Path(folder)))
        house.__dict__["encoder"] = encoder
        began = time.perf_counter()
        with house.pipeline(1) as pipeline:
            assert len(list(pipeline.record_parsed(papers))) == len(papers)
        house.curator.rebuild()
        seconds = time.perf_counter() - began
        house.close()
    return seconds


def _peer(papers: list[tuple[str, ParsedPaper]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        house = App(corpora.settings(Path(folder)))
        texts = {name: clean_line(f"{p.metadata.title}. {p.text}") for name, p in papers}
        job = peers.sample(Path(folder), house, texts, {"1": "What is raised in phenylketonuria?"})
        return float(peers.run("lightrag_naive", job, Path(folder))["index_seconds"])


def _one_paper() -> Iterator[Row]:
    corpora.large_base().close()
    with tempfile.TemporaryDirectory(dir=corpora.CACHE) as temporary:
        folder = Path(temporary) / "base"
        shutil.copytree(corpora.CACHE / corpora.LARGE, folder)
        paper = Path(temporary) / "quokkaline.txt"
        question = admit("How does plasma quokkaline change after a marathon?")
        with opened(corpora.settings(folder)) as reader, opened(corpora.settings(folder)) as writer:
            reader.oracle.reply(question)
            writer.encoder.encode_query("warm")
            seconds = []
            for n in range(5):
                paper.write_text(_PAPER.replace("quokkaline", f"quokkaline{n or ''}") + f"\nRun {n}.\n", "utf-8")
                seconds.append(_until_found(writer, reader, paper, n))
    yield Row("ingest", "one more paper in a base of 100,000 passages, until a reader quotes it", float(np.median(seconds)),
              "s", most(2), more={"rounds": seconds})  # fmt: skip


def _until_found(writer: App, reader: App, paper: Path, n: int) -> float:
    name = f"quokkaline{n or ''}"
    with writer.pipeline(1) as pipeline:
        began = time.perf_counter()
        list(writer.curator.ingest(pipeline, [paper]))
        reply = reader.oracle.reply(admit(f"How does plasma {name} change after a marathon?"))
        seconds = time.perf_counter() - began
    if name not in " ".join(s.text for s in reply.answer.sentences):
        raise SystemExit(f"The new paper was not quoted: {reply.answer}")
    return seconds
