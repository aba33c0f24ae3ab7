"""Labels for routing from public sets of questions, as far as these can label anything.

Run: ``python bench/routing_others.py DATA OUT``, then ``cmo eval routing --labels OUT/clinc.jsonl`` and so on for each file;
``OUT/train.jsonl`` holds other questions of the same sets, some of each, that the shipped router learns from as well.

=========  ==========================================================================================================
clinc      everyday requests to an assistant, in 150 kinds and out of them: none is for us
freshqa    questions of general knowledge (development part): none is for us; where the answer changes fast the web serves too
medquad    questions of patients and carers about diseases and drugs: settled, and a definition may go anywhere
bioasq     questions of biomedical experts: settled
=========  ==========================================================================================================

What they cannot label is where an answer of clinical metabolomics comes from best; `bench/routing/LABELS.md` is for that.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_MOST, _LEARNT = 500, 150
_CURRENT = re.compile(
    r"\b(?:research|clinical trials?|approved|approval|compan(?:y|ies)|available|R packages?|how many people)\b",
    re.IGNORECASE,
)
"""Where a question of these sets may ask for what moves, it is no example of what is settled."""


def main() -> None:
    """Write one file of labels a set."""
    asked = argparse.ArgumentParser()
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    learnt: list[dict[str, Any]] = []
    for name, rows in _sets(given.data).items():
        chosen = list(rows)
        random.Random(0).shuffle(chosen)  # noqa: S311 - the same each time
        judged, others = chosen[:_MOST], chosen[_MOST:]
        learnt += [row for row in others if not _CURRENT.search(row["query"])][:_LEARNT]
        _write(given.out / f"{name}.jsonl", judged)
        print(f"{name}: {len(judged)} questions")
    _write(given.out / "train.jsonl", learnt)
    print(f"to learn from: {len(learnt)}")


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _sets(data: Path) -> dict[str, Iterable[dict[str, Any]]]:
    return {
        "clinc": _clinc(data / "routing" / "clinc150" / "data_full.json"),
        "freshqa": _freshqa(data / "routing" / "freshqa" / "freshqa.csv"),
        "medquad": _lines(data / "qa" / "medquad" / "medquad.jsonl.gz", "question"),
        "bioasq": _lines(data / "qa" / "bioasq_7b_11b_golden" / "bioasq_golden.jsonl.gz", "body"),
    }


def _clinc(path: Path) -> Iterator[dict[str, Any]]:
    facts = json.loads(path.read_text("utf-8"))
    for text, _ in (*facts["oos_val"], *facts["oos_train"], *facts["val"]):
        yield {"query": text, "destination": "NEITHER", "scope": "out", "slice": "out"}


def _freshqa(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "DEV":
                also = [] if row["fact_type"].startswith("never") else ["PERPLEXITY"]
                told = {"query": row["question"], "destination": "NEITHER", "scope": "out", "slice": "out"}
                yield {**told, "also": also} if also else told


def _lines(path: Path, key: str) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for question in dict.fromkeys(" ".join(json.loads(line)[key].split()) for line in file):
            yield {"query": question, "destination": "LIGHTRAG", "also": ["EITHER"], "scope": "in", "slice": "plain"}


if __name__ == "__main__":
    main()
