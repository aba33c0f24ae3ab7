"""Memory: two worker processes that answer from the large base, measured while both are there.

PSS counts a page that n processes share as one n-th in each, so the sum over the workers is what the machine gives.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import corpora
from rows import Row, most

_QUESTIONS = 50
_WORKERS = 2


def measure(*, quick: bool) -> Iterator[Row]:
    """Start the workers, let them answer, read their size."""
    corpora.large_base().close()
    command = [sys.executable, __file__, str(10 if quick else _QUESTIONS)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(_WORKERS)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    sizes = [_size(Path(f"/proc/{worker.pid}/smaps_rollup")) for worker in workers]
    for worker in workers:
        worker.communicate("\n")
    what = f"a worker of {_WORKERS}, 100,000 passages, model loaded, {_QUESTIONS} questions answered"
    more = {"workers": sizes}
    yield Row("memory", f"PSS of {what}", max(s["Pss"] for s in sizes), "MB", most(700), more=more)
    yield Row("memory", f"RSS of {what}", max(s["Rss"] for s in sizes), "MB")
    yield Row("memory", "of it private", max(s["Private_Dirty"] for s in sizes), "MB")


def _size(path: Path) -> dict[str, float]:
    lines = (line.split() for line in path.read_text("utf-8").splitlines()[1:])
    return {words[0].rstrip(":"): round(int(words[1]) / 1024, 1) for words in lines if len(words) > 1}


def _work(questions: int) -> None:
    from cmo.oracle import admit  # noqa: PLC0415 - the parent needs none of it

    house = corpora.large_base()
    for text in list(corpora.beir("scifact_beir").queries.values())[:questions]:
        house.oracle.reply(admit(text))
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _work(int(sys.argv[1]))
