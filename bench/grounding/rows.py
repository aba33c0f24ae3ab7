"""Writes a file for `cmo eval grounding` from SciFact's claims.

    python bench/grounding/rows.py ../shared/data/grounding/scifact_claims grounding.jsonl [--all] [--corrupted]

Without options: rationales as judged, and as unrelated the rationales of other claims (drawn, and nearest by words) and
the nearest sentences of abstracts that were cited and say too little. `--all` adds whole abstracts and other sentences
of the judged ones, `--corrupted` supported claims changed by a negation, a direction, a number or a name.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from cmo.bench.corruptions import corrupted
from cmo.bench.grounding_rows import PLAIN, scifact


def main() -> None:
    """Write the file."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("scifact", type=Path, help="folder with claims_train.jsonl and corpus_sentences.jsonl.gz")
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--all", action="store_true", help="all kinds of evidence")
    arguments.add_argument("--corrupted", action="store_true", help="changed claims as well")
    told = arguments.parse_args()
    found = scifact(told.scifact)
    rows = [row for row in found if told.all or row.kind in PLAIN]
    if told.corrupted:
        rows += corrupted([row for row in found if row.kind == "rationale"])
    told.out.write_text("".join(json.dumps(row.as_json()) + "\n" for row in rows), "utf-8")
    print(len(rows), "rows:", dict(Counter(f"{row.label.value}, {row.kind}" for row in rows)))


main()
