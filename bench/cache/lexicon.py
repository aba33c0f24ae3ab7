"""Count words, for the guard of the semantic cache.

::

    python bench/cache/lexicon.py DATA src/cmo/cache/semantic/lexicon.txt.gz

DATA is the folder with `qa`, `retrieval`, `routing` and `dicts`. A word counts if at least five texts hold it, or if a
vocabulary has a name with it; how rare it is goes by the texts alone.
"""

import gzip
import json
import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from cmo.cache.semantic.language import fold

WORD = re.compile(r"[^\W\d_]+(?:['’]s)?")
FEWEST, SHORTEST, LONGEST = 5, 3, 24
SHORTEST_NAME = 5  # below it stand symbols of genes
TEXTS = ("qa/*/*.jsonl*", "retrieval/*/*.jsonl*", "retrieval/*/*/*.jsonl*")
NAMES = ("*/*.tsv*", "famplex/*.csv")


def lines(path: Path) -> Iterator[str]:
    """Of a file, compressed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from file


def texts(data: Path) -> Iterator[str]:
    """Questions, answers, abstracts."""
    for path in sorted(path for pattern in TEXTS for path in data.glob(pattern)):
        for line in lines(path):
            yield " ".join(strings(json.loads(line)))
    for path in sorted(data.glob("qa/*/*.json")):
        for item in json.loads(path.read_text("utf-8")).values():
            yield " ".join(strings(item))
    for part in json.loads((data / "routing/clinc150/data_full.json").read_text("utf-8")).values():
        yield from (question for question, _ in part)


def strings(value: object) -> Iterator[str]:
    """Those anywhere in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (s for item in value.values() for s in strings(item))
    elif isinstance(value, list):
        yield from (s for item in value for s in strings(item))


def names(data: Path) -> Iterator[str]:
    """Lines of vocabularies."""
    starter = Path(__file__).parents[2] / "src/cmo/vocabulary/starter"
    for path in sorted([*starter.glob("*.tsv"), *(p for pattern in NAMES for p in data.glob(f"dicts/{pattern}"))]):
        yield from lines(path)


def main(data: Path, target: Path) -> None:
    """Write the lexicon."""
    held: Counter[str] = Counter()
    total = 0
    for text in texts(data):
        total += 1
        held.update({fold(word) for word in WORD.findall(unicodedata.normalize("NFKC", text))})
    known = {word: count for word, count in held.items() if count >= FEWEST}
    for text in names(data):
        for word in WORD.findall(text):
            if len(word) >= SHORTEST_NAME:
                known.setdefault(fold(word), 1)
    rows = defaultdict(list)
    for word, count in known.items():
        if SHORTEST <= len(word) <= LONGEST and word.isascii() and word.isalpha():
            rows[round(2 * math.log(total / count)) / 2].append(word)
    told = [f"# Words of {total} texts, by ln(texts / texts that hold them); made by bench/cache/lexicon.py."]
    told += [f"{rarity} {' '.join(sorted(words))}" for rarity, words in sorted(rows.items())]
    target.write_bytes(gzip.compress("\n".join(told).encode() + b"\n", mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
