"""Fits the models of `cmo.assess` anew and prints how they do on what they have not seen.

    python bench/grounding/fit.py ../shared/data [--out FOLDER] [--questions 350]

With `--out` the models are written: support.json and answer.json. Encoding takes some minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from cmo.app import opened
from cmo.assess import Assessor, SupportScorer
from cmo.bench import grounding, grounding_fit, quality_fit
from cmo.bench.corruptions import corrupted
from cmo.bench.grounding_rows import PLAIN, scifact
from cmo.ingest.sentences import split
from cmo.settings import read_settings
from cmo.vocabulary.units import quantities

_CLAIMS = "SciFact claims, train: judged rationales and abstracts, other evidence as unrelated, and corrupted copies"
_ANSWERS = "BioASQ questions that are not answered by yes or no: experts' answers, quotations, and the same spoiled"


def main() -> None:
    """Fit, report, write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path, help="folder with grounding/ and qa/")
    arguments.add_argument("--out", type=Path, help="where to write support.json and answer.json")
    arguments.add_argument("--questions", type=int, default=350, help="of BioASQ, at most")
    told = arguments.parse_args()
    with opened(read_settings()) as house:
        rows = scifact(told.data / "grounding/scifact_claims")
        rows += corrupted([row for row in rows if row.kind == "rationale"])
        samples = grounding_fit.Samples.of(rows, SupportScorer(house.encoder, quantities))
        _tell(samples)
        heads = grounding_fit.fitted(samples)
        scorer = SupportScorer(house.encoder, quantities, heads=heads)
        asked = quality_fit.bioasq(
            told.data / "qa/bioasq_7b_11b_golden/bioasq_golden.jsonl.gz", split, most=told.questions
        )
        models, report = quality_fit.fitted(list(quality_fit.samples(asked)), Assessor(scorer))
        print(json.dumps(report, indent=1))
    if told.out:
        grounding_fit.write(heads, told.out / "support.json", _CLAIMS)
        facts = {"fitted_on": _ANSWERS, **{name: head.as_json() for name, head in models.items()}}
        (told.out / "answer.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _tell(samples: grounding_fit.Samples) -> None:
    """By cross-validation, claims that share a paper kept together."""
    stated = grounding_fit.unseen(samples)
    kinds = np.array([row.kind for row in samples.rows])
    plain = np.isin(kinds, list(PLAIN))
    rows = [row for row, wanted in zip(samples.rows, plain, strict=True) if wanted]
    scores = grounding.Scores(rows, stated[plain, 0], stated[plain, 1], [None] * len(rows), {})
    facts = grounding.report(scores)
    facts["by_kind"] = _by_kind(samples, stated, kinds)
    print(json.dumps(facts, indent=1))


def _by_kind(samples: grounding_fit.Samples, stated: np.ndarray, kinds: np.ndarray) -> dict[str, float]:
    """AUROC of supported rationales (of copies, where copies were corrupted) against each kind of the rest."""
    found = {}
    supported = np.array([row.label.value == "supported" for row in samples.rows])
    groups = [row.group for row in samples.rows]
    for kind in sorted(set(kinds[~supported])):
        base = {"copy": "copy", "abst": "abstract"}.get(kind[:4], "rationale")
        among = (supported & (kinds == base)) | (~supported & (kinds == kind))
        found[f"{base} / {kind}"] = grounding.auroc(supported, stated[:, 0], groups, among).value
    return found


main()
