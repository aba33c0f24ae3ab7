"""Two sets that nothing was fitted on, and that hold no sources: what is left of the scorer without them.

    python bench/grounding/others.py ../shared/data/grounding [--most 300]

HaluEval (general): does P(the answer bears on the question) tell answers with hallucinations from those without?
RefChecker (closed-book answers of seven models): a claim of one model against the answers of the other six, as in
SelfCheckGPT: does their agreement tell claims that people found right from the rest?
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cmo.app import opened
from cmo.assess import Assessor, claims_of
from cmo.bench.grounding import auroc, report, score
from cmo.bench.grounding_rows import Row
from cmo.ingest.sentences import split
from cmo.model.assessments import Verdict
from cmo.settings import read_settings

_LABELS = {"Entailment": Verdict.SUPPORTED, "Contradiction": Verdict.CONTRADICTED, "Neutral": Verdict.UNRELATED}
_LEAST_WORDS = 4


def main() -> None:
    """Measure both."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path, help="folder with halueval_general/ and refchecker/")
    arguments.add_argument("--most", type=int, default=300, help="rows of each, drawn")
    told = arguments.parse_args()
    with opened(read_settings()) as house:
        print("halueval", json.dumps(_halueval(house.assessor, told.data, told.most)))
        rows = list(_refchecker(told.data / "refchecker/zero_context"))
        drawn = np.random.default_rng(0).permutation(len(rows))[: told.most]
        facts = report(score([rows[n] for n in drawn], house.support))
        kept = ("rows", "labels", "auroc", "auroc_contradicted", "baselines")
        print("refchecker", json.dumps({name: facts[name] for name in kept}))


def _halueval(assessor: Assessor, data: Path, most: int) -> dict[str, object]:
    with gzip.open(data / "halueval_general/general_data.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    sides = [[row for row in rows if row["hallucination"] == label] for label in ("no", "yes")]
    chance = np.random.default_rng(0)
    drawn = [side[n] for side in sides for n in chance.permutation(len(side))[: most // 2]]
    told = np.array([_relevance(assessor, row) for row in drawn])
    right = np.array([row["hallucination"] == "no" for row in drawn])
    return {"rows": len(drawn), "auroc": asdict(auroc(right, told, [row["ID"] for row in drawn]))}


def _relevance(assessor: Assessor, row: dict[str, str]) -> float:
    said = [one.text for one in claims_of(row["chatgpt_response"], split)][:8]
    return assessor.relevance(row["user_query"][:1000], said)


def _refchecker(folder: Path) -> Iterator[Row]:
    answers: dict[str, dict[str, str]] = {}
    judged = []
    for path in sorted(folder.glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as text:
            for row in json.load(text):
                answers.setdefault(row["id"], {})[path.name] = row["response"]
                judged += [(row["id"], path.name, claim) for claim in row["claude2_response_kg"]]
    for group, name, claim in judged:
        others = [one.text for other, text in answers[group].items() if other != name for one in claims_of(text, split)]
        said = " ".join(map(str, claim["triplet"]))
        if others and claim.get("human_label") in _LABELS and len(said.split()) >= _LEAST_WORDS:
            yield Row(said, tuple(others), _LABELS[claim["human_label"]], "", group)


main()
