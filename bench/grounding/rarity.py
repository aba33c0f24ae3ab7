"""Counts in how many abstracts each stem stands, for `cmo.assess`.

    python bench/grounding/rarity.py ../shared/data src/cmo/assess/rarity.tsv.gz

The abstracts are SciFact's, BioASQ's snippets and PubMedQA's contexts; no label of theirs is used.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cmo.assess.words import stem, terms

_LEAST = 4
"""Abstracts; rarer stems count as unknown."""


def main() -> None:
    """Write the table."""
    data, out = map(Path, sys.argv[1:3])
    counts: Counter[str] = Counter()
    texts = 0
    for text in _texts(data):
        texts += 1
        counts.update({stem(word) for word in terms(text) if word[0].isalpha() and len(word) > 1})
    lines = [f"#texts\t{texts}", *(f"{s}\t{n}" for s, n in sorted(counts.items()) if n >= _LEAST)]
    out.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))
    print(texts, "abstracts,", len(lines) - 1, "stems")


def _texts(data: Path) -> Iterator[str]:
    with gzip.open(data / "grounding/scifact_claims/corpus_sentences.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield f"{row['title']} {' '.join(row['abstract'])}"
    for name in ("bioasq_snippets", "pubmedqa_knownitem"):
        with gzip.open(data / f"retrieval/{name}/corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield f"{row.get('title', '')} {row['text']}"


main()
