"""Fits the models of `cmo.assess` anew and prints how they do on what they have not seen.

    python bench/grounding/fit.py ../shared/data [--out FOLDER] [--questions 350]

With `--out` the models are written: support.json and answer.json. Encoding takes some minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cmo.app import opened
from cmo.assess import Assessor, SupportScorer
from cmo.bench import grounding_crossed, grounding_fit, quality_fit
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
        plain = SupportScorer(house.encoder, quantities)
        samples = grounding_crossed.samples_of(told.data / "grounding/scifact_claims", plain)
        print(json.dumps(grounding_crossed.crossed(samples, plain), indent=1))
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


main()
