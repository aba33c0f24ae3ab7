"""How well articles are read of which the publisher's XML is at hand; the goals are those of the requirements."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cmo.bench.pdf_eval import evaluate_pair

FOLDER = Path(__file__).resolve().parents[2] / "../shared/data/papers/pdf_jats_pairs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.pdf"))


@pytest.mark.skipif(not NAMES, reason="the pairs of PDF and XML are not here")
def test_there_are_pairs_to_measure():
    assert len(NAMES) >= 13


@pytest.mark.parametrize("name", NAMES)
def test_an_article_is_read_whole_in_order_and_in_the_right_sections(name):
    score = evaluate_pair(FOLDER / f"{name}.pdf", FOLDER / f"{name}.xml")
    assert score.word_recall >= 0.99
    assert score.in_order >= 0.95
    assert score.section_right >= 0.95
    assert score.references_cited == 0
    assert score.title_right
    assert json.dumps(asdict(score))
