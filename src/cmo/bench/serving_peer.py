"""LightRAG's own API server on the same texts with the same vectors, in turns with our service.

::

    the same claims --> cmo serve:  POST /query                    whole cited answers
                    '-> LightRAG:   POST /query/data, mode naive   passages alone: what of it needs no language model
                          '--vectors of questions--> our encoder, behind OpenAI's protocol (it has none of its own)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import orjson

from cmo.app import App, opened
from cmo.bench.asking import asked
from cmo.bench.figures import Row
from cmo.bench.job import Heard, Job
from cmo.bench.metrics import estimate
from cmo.bench.running import free_port
from cmo.bench.serving import REFUSALS, Bench
from cmo.bench.serving_speed import PLAIN
from cmo.errors import NotFound
from cmo.kit.hashing import short_hash
from cmo.settings import read_settings

_FILL: Final = Path(__file__).with_name("lightrag_filled.py")
_DATA: Final = "/query/data"
_FOUND: Final = ('"status":"success"', '"chunks":[{')
_LINES, _TURNS, _SECONDS, _QUESTIONS = 8, 3, 5.0, 200
_STARTS_WITHIN: Final = 120.0
_NOT_THERE: Final = """LightRAG's server is not at {python}. Make it, from the sources of this project:
uv venv {venv} && uv pip install --python {python} --require-hashes -r bench/peers/server.lock"""


def peer(bench: Bench) -> Iterator[Row]:
    """Both, in turns."""
    python = bench.kept / "lightrag-server" / "bin" / "python"
    if not python.exists():
        raise NotFound(_NOT_THERE.format(python=python, venv=python.parents[1]))
    bench.rest()
    one = bench.service(**PLAIN)
    with _lightrag(bench, python) as port:
        bodies = _answered(port, bench.bodies[:_QUESTIONS])
        if not bodies:
            raise NotFound("LightRAG's server finds passages for none of the questions.")
        ours, theirs = list[Heard](), list[Heard]()
        for _ in range(max(1, round(_TURNS * bench.pace))):
            theirs.append(_ask(port, bodies, _SECONDS * bench.pace))
            ours.append(bench.ask(one, _SECONDS, connections=_LINES, warm_seconds=0.5, refusals=REFUSALS))
    times = estimate([a.rate / b.rate for a, b in zip(ours, theirs, strict=True)])
    name = f"LightRAG's server, {_DATA}, naive: passages alone"
    yield Row(f"{name}: a second", round(float(np.median([h.rate for h in theirs])), 2), "/s")
    yield Row(f"{name}: p50", float(np.median([h.answered.p50 for h in theirs])), "ms")
    yield Row("ours, whole cited answers, in turns with it: a second", float(np.median([h.rate for h in ours])), "/s")
    yield Row("ours, in turns with it: p50", float(np.median([h.answered.p50 for h in ours])), "ms")
    yield Row("our answers over its lists of passages, a second", times.value, "×", low=times.low, high=times.high)


def _ask(port: int, bodies: list[str], seconds: float) -> Heard:
    return asked(Job(port, bodies, seconds, connections=_LINES, warm_seconds=0.5, path=_DATA, holds=_FOUND))


def _answered(port: int, bodies: list[str]) -> list[str]:
    """As it is asked, where it finds passages at all."""
    wanted = {"mode": "naive", "enable_rerank": False}
    theirs = [orjson.dumps({**orjson.loads(body), **wanted}).decode() for body in bodies]
    heard = asked(Job(port, theirs, 0, once=True, connections=4, path=_DATA, holds=_FOUND), wrong=len(theirs))
    return [theirs[n] for n in heard.good]


@contextmanager
def _lightrag(bench: Bench, python: Path) -> Iterator[int]:
    with ExitStack() as stack:
        with opened(read_settings(working_dir=bench.base, database_url="")) as house:
            folder = _filled(bench, house, python)
        dimension = np.load(folder / "vectors.npy", mmap_mode="r").shape[1]
        vectors, port = free_port(), free_port()
        _run(stack, [sys.executable, "-m", "cmo.bench.embeddings", str(vectors)], folder / "vectors.log")
        _wait(f"http://127.0.0.1:{vectors}/", folder / "vectors.log")
        given = {
            "LLM_BINDING": "openai", "LLM_BINDING_HOST": f"http://127.0.0.1:{vectors}/v1", "LLM_BINDING_API_KEY": "none",
            "LLM_MODEL": "none", "EMBEDDING_BINDING": "openai", "EMBEDDING_BINDING_HOST": f"http://127.0.0.1:{vectors}/v1",
            "EMBEDDING_BINDING_API_KEY": "none", "EMBEDDING_MODEL": "minilm", "EMBEDDING_DIM": str(dimension),
            "EMBEDDING_SEND_DIM": "false", "ENABLE_LLM_CACHE": "false", "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        command = [
            "env", "-C", str(folder), *_pieces(bench), *(f"{name}={value}" for name, value in given.items()),
            str(python), "-m", "lightrag.api.lightrag_server", "--host", "127.0.0.1", "--port", str(port),
            "--working-dir", str(folder / "stores"), "--input-dir", str(folder / "inputs"),
        ]  # fmt: skip
        bench.say("starting LightRAG's server")
        _run(stack, command, folder / "server.log")
        _wait(f"http://127.0.0.1:{port}/health", folder / "server.log")
        yield port


def _filled(bench: Bench, house: App, python: Path) -> Path:
    """A folder with what LightRAG reads; made once."""
    folder = bench.kept / "serve" / f"lightrag-{bench.base.name}"
    if (folder / "filled").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    texts, vectors = _papers(house)
    (folder / "documents.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in texts), "utf-8")
    np.save(folder / "vectors.npy", vectors)
    bench.say(f"filling LightRAG's stores with {len(texts)} papers")
    command = ["env", *_pieces(bench), str(python), str(_FILL), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        raise NotFound(f"LightRAG's stores could not be filled: {done.stderr[-600:]}")
    return folder


def _pieces(bench: Bench) -> list[str]:
    """Where LightRAG's tokenizer is (`bench/tokenizer.py` puts it there); without, it looks for one on the web."""
    folder = bench.kept / "tiktoken"
    return [f"TIKTOKEN_CACHE_DIR={folder}"] if folder.is_dir() else []


def _papers(house: App) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Each paper's text, and the vector of its first passage: of an abstract there is but one."""
    snapshot = house.snapshots.current()
    assert snapshot is not None
    rows = snapshot.columns.rows["paper"].tolist()
    first = {paper: row for row, paper in reversed(list(enumerate(rows)))}
    versions = house.record.current_versions()
    parsed = dict(house.record.readings.parsed(list(versions)))
    found = [
        (
            paper,
            f"{parsed[version].metadata.title}. {parsed[version].text}".removeprefix(". "),
            first[short_hash(paper)],
        )
        for version, paper in versions.items()
        if short_hash(paper) in first
    ]
    alone = {text: (paper, row) for paper, text, row in found}  # the same text twice is one
    vectors = snapshot.columns.vectors[[row for _, row in alone.values()]].astype(np.float32)
    return [(paper, text) for text, (paper, _) in alone.items()], vectors


def _run(stack: ExitStack, command: list[str], log: Path) -> None:
    out = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(command, stdout=out, stderr=out)  # noqa: S603 - our own, and the peer
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _wait(address: str, log: Path) -> None:
    ends = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < ends:
        try:
            if httpx.get(address, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise NotFound(
        f"Nothing answers at {address} after {_STARTS_WITHIN:g} s. It wrote: {log.read_text('utf-8')[-600:]}"
    )
