"""Fits the head that says yes or no anew, and prints how it does on questions that it has not seen.

    python bench/generated/yesno.py ../shared/data [--out FOLDER] [--folder ~/.cache/cmo/bench/graph]

With `--out` yesno.json is written there. The first run encodes 2,900 abstracts and snippets, which takes minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from cmo.bench import answer_yesno, yesno
from cmo.settings import read_settings

_ON = "PubMedQA dev with and without conclusions, and BioASQ's yes/no questions, where a quoted sentence concludes"


def main() -> None:
    """Fit, report, write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path, help="folder with qa/")
    arguments.add_argument("--out", type=Path, help="where to write yesno.json")
    arguments.add_argument("--folder", type=Path, default=Path("~/.cache/cmo/bench/graph"), help="where bases are kept")
    told = arguments.parse_args()
    corpora = yesno.corpora(told.data)
    samples = [s for c in corpora for s in yesno.sampled(c, read_settings(), told.folder.expanduser())]
    stated = yesno.unseen(samples)
    for corpus in corpora:
        mine = np.array([s.corpus == corpus.name for s in samples])
        of_it = [s for s in samples if s.corpus == corpus.name]
        for row in answer_yesno.rows(corpus, of_it, stated[mine]):
            print(row.what, row.value, (row.low, row.high))
    if told.out:
        facts = {"fitted_on": _ON, **yesno.fitted(samples).as_json()}
        (told.out / "yesno.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


main()
