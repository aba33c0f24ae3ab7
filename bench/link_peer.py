"""Chemical names by our linker and by en-chem-ner, a spaCy model, on the same texts.

Run: ``python bench/link_peer.py --python PYTHON --data DATA OUT.json`` with the interpreter of an environment in which
``pip install en-chem-ner==0.1.0 click`` has been run. It wants an older spaCy than the peers of `make bench` could
share, so it has an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rows import ROOT

from cmo.bench import annotated, linking
from cmo.bench.annotated import CHEMICAL, Annotated
from cmo.bench.graph import Bench
from cmo.model.concepts import Concept, Kind, Mention
from cmo.settings import read_settings

_FILE = "ner/bc5cdr_iob/devel.tsv.gz"
_FOLDER = Path("~/.cache/cmo/bench/graph").expanduser()


class Said:
    """The spans that a peer found, behind the linker's port."""

    def __init__(self, spans: dict[str, list[tuple[int, int, str]]]) -> None:
        self._spans = spans

    def link(self, text: str) -> tuple[Mention, ...]:
        """What it found in a text; every label counts as a chemical."""
        return tuple(Mention(start, end, "", Kind.METABOLITE, 1.0) for start, end, _ in self._spans[text])

    def concept(self, concept_id: str) -> Concept | None:  # noqa: ARG002 - it knows names, not identifiers
        """Nothing."""
        return None


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--python", required=True, help="where en-chem-ner is installed")
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("out", type=Path)
    given = asked.parse_args()
    texts = [
        replace(t, gold=tuple(g for g in t.gold if g.type == CHEMICAL)) for t in annotated.read(given.data / _FILE)
    ]
    house = Bench(read_settings(), given.data, _FOLDER, print).house("names")
    theirs, rate = _heard(given.python, texts)
    ours, plain = linking.evaluate(house.linker, texts), linking.evaluate(linking.PlainMatch(house.vocabulary), texts)
    house.close()
    peer = linking.evaluate(theirs, texts).as_json() | {"texts_per_second": round(rate, 1)}
    result = {"cmo": ours.as_json(), "plain dictionary": plain.as_json(), "en-chem-ner": peer}
    given.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    for name, score in result.items():
        print(f"{name}: F1 {score['f1']:.3f}, {score['texts_per_second']:.0f} texts/s")


def _heard(python: str, texts: Sequence[Annotated]) -> tuple[Said, float]:
    lines = "".join(json.dumps(text.text) + "\n" for text in texts)
    worker = ROOT / "bench" / "peers" / "chem_ner.py"
    told = subprocess.run([python, worker], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    return Said({t.text: json.loads(line) for t, line in zip(texts, told, strict=False)}), json.loads(told[-1])


if __name__ == "__main__":
    main()
