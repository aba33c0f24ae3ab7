"""The texts that are measured on, and the bases that are made of them once and kept.

``SciFact``, ``BioASQ`` and ``PubMedQA`` are folders in BEIR's format. The large base holds 100,000 passages of real
text: every sentence of 5 to 20 words out of SciFact abstracts, BioASQ snippets, PubMedQA contexts, open JATS articles
and MedQuAD answers, in this order until the number is reached; a passage is one sentence, a paper one of those
texts. Nothing is paraphrased or repeated on purpose. Short passages keep encoding to minutes; their vectors are as
wide and as many as any, but a candidate has one sentence to compare where a paper's passage has about fifteen.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import orjson

from cmo.app import App
from cmo.bench.beir import Beir, document
from cmo.errors import PaperRefused
from cmo.ingest.chunks import chunk_text
from cmo.ingest.jats import JatsParser
from cmo.kit.hashing import hex_hash
from cmo.model.packing import pack
from cmo.model.papers import Chunk, ParsedPaper, Section
from cmo.model.ports import Encoder
from cmo.model.record import PreparedPaper
from cmo.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path("~/.cache/cmo/bench").expanduser()
LARGE = "large"
LARGE_ROWS = 100_000
_WORDS = range(5, 21)
_BATCH = 2048


def settings(home: Path, **changes: object) -> Settings:
    """Settings that no environment variable changes."""
    return Settings.model_construct(**{**Settings.model_construct().__dict__, "working_dir": home, **changes})


def beir(name: str) -> Beir:
    """One of the folders with judgements."""
    return Beir.open(DATA / "retrieval" / name)


def inputs() -> dict[str, str]:
    """Short hashes of all files that are read."""
    folders = (DATA / "retrieval", DATA / "qa" / "medquad", DATA / "papers")
    files = sorted(p for f in folders if f.exists() for p in f.rglob("*") if p.is_file())
    digest = {str(p.relative_to(DATA).parent): hashlib.sha256() for p in files}
    for path in files:
        digest[str(path.relative_to(DATA).parent)].update(path.read_bytes())
    return {folder: sha.hexdigest()[:12] for folder, sha in digest.items()}


def large_texts() -> Iterator[tuple[str, ParsedPaper]]:
    """What the large base is made of, each with a name, untitled."""
    for folder in ("scifact_beir", "bioasq_snippets", "pubmedqa_knownitem"):
        for line in _lines(DATA / "retrieval" / folder / "corpus.jsonl.gz"):
            name = f"{folder}-{line['_id']}"
            yield name, document(name, "", line["text"])
    parser = JatsParser()
    for path in sorted((DATA / "papers").glob("jats_*/*.xml.gz")):
        try:
            parsed = parser.parse(path)
        except PaperRefused:
            continue
        yield path.name, document(path.name, "", " ".join(parsed.text[s.start : s.end] for s in parsed.sentences))
    for line in _lines(DATA / "qa" / "medquad" / "medquad.jsonl.gz"):
        if line["answer"]:
            name = f"medquad-{line['id']}"
            yield name, document(name, "", line["answer"])


def large_base() -> App:
    """The base of 100,000 passages; made if it is not there, resumed if it was begun. The caller closes it."""
    house = App(settings(CACHE / LARGE))
    if house.shelf.current() is None:
        _fill(house)
    return house


def _fill(house: App) -> None:
    rows, batch, cores = 0, [], len(os.sched_getaffinity(0))
    lanes = App(settings(CACHE / LARGE, threads=1)).encoder  # one thread a batch, a batch a core: the fastest way
    with ThreadPoolExecutor(cores) as pool:
        for name, paper in large_texts():
            short = [n for n, s in enumerate(paper.sentences) if paper.text.count(" ", s.start, s.end) + 1 in _WORDS]
            chunks = [Chunk(i, Section.ABSTRACT, "", n, n + 1) for i, n in enumerate(short[: LARGE_ROWS - rows])]
            rows += len(chunks)
            batch.append((name, paper, chunks))
            if sum(len(c) for _, _, c in batch) >= _BATCH or rows == LARGE_ROWS:
                _record(house, batch, lanes, pool, cores)
                print(f"\rlarge base: {rows:,} of {LARGE_ROWS:,} passages", end="", flush=True)
                batch = []
            if rows == LARGE_ROWS:
                break
    print()
    house.curator.rebuild()


def _record(
    house: App, batch: list[tuple[str, ParsedPaper, list[Chunk]]], encoder: Encoder, pool: Executor, lanes: int
) -> None:
    new = [(name, p, chunks) for name, p, chunks in batch if chunks and house.record.file_owner(_sha(name, p)) is None]
    texts = [chunk_text(p, c) for _, p, chunks in new for c in chunks]
    shares = [texts[n::lanes] for n in range(lanes)]
    encoded = list(
        pool.map(lambda share: encoder.encode_passages([t for t, _ in share], [s for _, s in share]), shares)
    )
    vectors = iter([pack((e := encoded[n % lanes][n // lanes]).vector, e.sentences) for n in range(len(texts))])
    for name, paper, chunks in new:
        keys = tuple(hex_hash(text, repr(places)) for text, places in (chunk_text(paper, c) for c in chunks))
        prepared = PreparedPaper(
            _sha(name, paper), name, paper, tuple(chunks), keys, tuple(next(vectors) for _ in keys)
        )
        house.record.save(prepared, name, encoder.identity)


def _sha(name: str, paper: ParsedPaper) -> str:
    return hex_hash(name, paper.text, size=32)


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rb") as file:
        yield from map(orjson.loads, file)


if __name__ == "__main__":
    large_base().close()
