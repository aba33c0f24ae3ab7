"""LightRAG as it comes, with a language model of yours: what its graph costs, and how much of it can be checked.

Run: ``python bench/graph_peer.py --url http://127.0.0.1:8080/v1 --model qwen --papers 10 OUT.json``. It needs a chat
endpoint and the peers' environment (`peers.install`), so it is no part of `make bench`. Our own reader reads the same
papers beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rows import ROOT

from cmo.app import App, opened
from cmo.cli.ingest import run
from cmo.errors import OracleError
from cmo.lightrag.engine import LightRagEngine
from cmo.lightrag.folder import read_folder
from cmo.lightrag.process import Limits, Process
from cmo.lightrag.reading import read_document
from cmo.llm import ChatEndpoint
from cmo.model.chat import Completion, Message
from cmo.model.ports import Chat
from cmo.settings import read_settings

_PYTHON = ROOT / "bench" / "peers" / ".venv" / "bin" / "python"


class Counted:
    """A chat model that counts what goes through it."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self.name = chat.name
        self.calls = self.prompt_tokens = self.completion_tokens = 0

    def complete(
        self, messages: Sequence[Message], *, most_tokens: int, schema: Mapping[str, object] | None = None
    ) -> Completion:
        """As the model."""
        said = self._chat.complete(messages, most_tokens=most_tokens, schema=schema)
        self.calls += 1
        self.prompt_tokens += said.prompt_tokens
        self.completion_tokens += said.completion_tokens
        return said


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--url", required=True)
    asked.add_argument("--model", required=True)
    asked.add_argument("--papers", type=int, default=10)
    asked.add_argument("--folder", type=Path, default=ROOT / "library")
    asked.add_argument("--seconds", type=float, default=600.0)
    asked.add_argument("--minutes", type=float, default=60.0, help="no further paper is begun after these")
    asked.add_argument("out", type=Path)
    given = asked.parse_args()
    files = sorted(given.folder.rglob("*.pdf"))[: given.papers]
    with tempfile.TemporaryDirectory() as home, opened(read_settings(working_dir=Path(home))) as house:
        run(house, files, quiet=True)
        with ChatEndpoint(base_url=given.url, model=given.model, timeout=given.seconds) as chat:
            result = measure(house, Counted(chat), given.seconds, given.minutes)
    given.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))


def measure(house: App, chat: Counted, seconds: float, minutes: float) -> dict[str, Any]:
    """Have LightRAG read all papers of a base; then look at what it left."""
    limits = Limits(call_seconds=seconds, read_seconds=20 * seconds, at_once=1)
    process = Process(_PYTHON, house.folder / "peer", house.encoder, chat, limits)
    engine = LightRagEngine(house.snapshots, house.encoder, process, limits)
    began, read, failed = time.perf_counter(), 0, ""
    try:
        for _ in engine.sync(lambda: [p.ref for p in house.record.papers()]):
            read += 1
            print(f"{read} papers, {time.perf_counter() - began:.0f} s, {chat.calls} calls", flush=True)
            if time.perf_counter() - began > 60 * minutes:
                break
    except OracleError as error:
        failed = str(error)
    took = time.perf_counter() - began
    engine.close()
    return {
        "model": chat.name,
        "papers": read,
        "failed": failed,
        "seconds": round(took, 1),
        "calls": chat.calls,
        "prompt_tokens": chat.prompt_tokens,
        "completion_tokens": chat.completion_tokens,
        **graph(house, house.folder / "peer"),
        "ours": _ours(house),
    }


def graph(house: App, folder: Path) -> dict[str, int]:
    """What LightRAG's graph holds, and what of it stands in the papers."""
    holdings = read_folder(folder)
    papers = dict(house.record.readings.parsed(list(house.record.current_versions())))
    by_id = {paper: papers[version] for version, paper in house.record.current_versions().items()}
    found = [read_document(d, holdings, by_id[d.id.rpartition(".")[0]], house.linker) for d in holdings.documents]
    return {
        "entities": sum(f.entities for f in found),
        "entities_not_in_text": sum(f.not_in_text for f in found),
        "entities_unlinked": sum(f.unlinked for f in found),
        "edges": sum(f.relations for f in found),
        "edges_with_a_checkable_sentence": sum(f.relations - f.without_evidence - f.same for f in found),
        "edges_without_evidence": sum(f.without_evidence for f in found),
    }


def _ours(house: App) -> dict[str, Any]:
    """Our own reader on the same papers, without a language model."""
    papers = [paper for _, paper in house.record.readings.parsed(list(house.record.current_versions()))]
    reader = house.reader
    began = time.perf_counter()
    readings = [reader.read(paper) for paper in papers]
    took = time.perf_counter() - began
    return {"seconds": round(took, 3), "edges": sum(len(r.relations) for r in readings), "tokens": 0}


if __name__ == "__main__":
    main()
