"""Let the guard compare each question of a large set with those nearest to it: hits on questions nobody tuned on.

::

    python bench/cache/neighbours.py DATA bioasq|medquad|clinc [MOST]

Prints how many of the near pairs are hits, and each hit whose questions the set itself does not call the same (another
focus or intent; BioASQ has no such label). Those are to be read by a person: most are doubles of the set.
"""

import gzip
import json
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from cmo.app import opened
from cmo.settings import read_settings

NEAR, NEIGHBOURS = 0.6, 5


def questions(data: Path, name: str) -> dict[str, object]:
    """Each with its label, None where there is none."""
    if name == "bioasq":
        lines = (data / "retrieval/bioasq_snippets/queries.jsonl").read_text("utf-8").splitlines()
        return {json.loads(line)["text"]: None for line in lines}
    if name == "medquad":
        with gzip.open(data / "qa/medquad/medquad.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return {row["question"]: (row["focus"].lower(), row["qtype"]) for row in rows}
    parts = json.loads((data / "routing/clinc150/data_full.json").read_text("utf-8"))
    return {question: intent for part in parts.values() for question, intent in part}


def main(data: Path, name: str, most: int) -> None:
    """Compare and print."""
    items = sorted(questions(data, name).items(), key=lambda item: item[0])
    random.Random(0).shuffle(items)  # noqa: S311 - reproducible, not secret
    items = items[:most]
    with tempfile.TemporaryDirectory() as home, opened(read_settings(working_dir=Path(home))) as app:
        vectors = np.stack([app.encoder.encode_query(text) for text, _ in items])
        asked = [app.guard.read(text) for text, _ in items]
        pairs = hits = unlike = 0
        for n, vector in enumerate(vectors):
            cosines = vectors[:n] @ vector
            for m in np.argsort(-cosines)[:NEIGHBOURS]:
                if cosines[m] < NEAR:
                    continue
                pairs += 1
                said = app.guard.judge(asked[n], asked[int(m)], float(cosines[m]))
                hits += bool(said)
                if said and (items[n][1] != items[int(m)][1] or items[n][1] is None):
                    unlike += 1
                    print(json.dumps([items[n][0], items[int(m)][0], *said.reasons], ensure_ascii=False))
    print(json.dumps({"set": name, "questions": len(items), "near_pairs": pairs, "hits": hits, "to_read": unlike}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)  # noqa: PLR2004
