"""Running the peers, each in a process of its own, with packages of their own and the vectors that we made.

All systems get the same vectors of the documents: those in our own index, which one encoder made of one text. So a
peer differs in what it does with them, and nothing is encoded four times. Questions each encodes for itself, with
the same model file. Where encoding is what is measured (`ingest`), a peer encodes for itself too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tokenizer
from rows import ROOT

from cmo.app import App
from cmo.bench.beir import DOI_PREFIX, Beir
from cmo.embed.manifest import load_manifest
from cmo.kit.hashing import short_hash

_FOLDER = ROOT / "bench" / "peers"
_PYTHON = _FOLDER / ".venv" / "bin" / "python"
_TOKENIZER = Path("~/.cache/cmo/bench/tiktoken").expanduser()


def install() -> None:
    """Make the peers' environment if the lock changed."""
    tokenizer.provide(_TOKENIZER)
    lock, done = _FOLDER / "requirements.lock", _FOLDER / ".venv" / "installed.lock"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, _FOLDER / ".venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", _PYTHON, "--require-hashes", "-r", lock], check=True)
    done.write_bytes(lock.read_bytes())


def prepare(folder: Path, house: App, data: Beir, queries: dict[str, str]) -> dict[str, Any]:
    """Write documents, their vectors and the questions; returns the job but for its peer."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {name: f"{p.metadata.title}. {p.text}".removeprefix(". ") for name, p in data.documents()}
    _write(folder / "documents.jsonl", documents)
    _write(folder / "queries.jsonl", queries)
    np.save(folder / "vectors.npy", _vectors(house, list(documents)))
    return job(house, folder) | {"vectors": str(folder / "vectors.npy")}


def sample(folder: Path, house: App, documents: dict[str, str], queries: dict[str, str]) -> dict[str, Any]:
    """As `prepare`, but the peer encodes the documents itself."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "documents.jsonl", documents)
    _write(folder / "queries.jsonl", queries)
    return job(house, folder)


def job(house: App, folder: Path) -> dict[str, Any]:
    """The facts that all jobs share."""
    installed = load_manifest(house.settings.embed_model, house.settings.models_dir.expanduser())
    return {
        "documents": str(folder / "documents.jsonl"),
        "queries": str(folder / "queries.jsonl"),
        "graph": str(installed.graph),
        "tokenizer": str(installed.tokenizer),
        "max_tokens": installed.max_tokens,
        "threads": len(os.sched_getaffinity(0)),
        "depth": 0,
    }


def run(peer: str, job: dict[str, Any], work: Path) -> dict[str, Any]:
    """Let a peer do a job; its own index is kept in `work`."""
    folder = work / peer
    folder.mkdir(parents=True, exist_ok=True)
    asked, said = folder / "job.json", folder / "result.json"
    asked.write_text(json.dumps(job | {"work": str(folder)}), "utf-8")
    command = [_PYTHON, _FOLDER / f"{peer}.py", asked, said]
    env = {**os.environ, "TIKTOKEN_CACHE_DIR": str(_TOKENIZER)}  # noqa: TID251 - the peer's environment, not our settings
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(said.read_text("utf-8"))
    return result


def _vectors(house: App, names: list[str]) -> np.ndarray:
    """The vector of each document's first passage, as the encoder's truncation would have it."""
    snapshot = house.snapshots.current()
    assert snapshot is not None
    papers = snapshot.columns.rows["paper"]
    first = {int(paper): row for row, paper in reversed(list(enumerate(papers.tolist())))}
    ids = {p.ref.metadata.doi.removeprefix(DOI_PREFIX): short_hash(p.ref.paper_id) for p in house.record.papers()}
    return snapshot.columns.vectors[[first[ids[name]] for name in names]].astype(np.float32)


def _write(path: Path, texts: dict[str, str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())
