"""Questions with identifiers lean to words."""

from __future__ import annotations

import pytest

from cmo.retrieve.fuse import Weights
from cmo.retrieve.lean import IDENTIFIERS, leaning


@pytest.mark.parametrize(
    "question",
    [
        "What is HMDB0000925?",
        "Which pathway holds C00079 and R-HSA-71291?",
        "Is CHEBI:15725 raised?",
        "Is hmdb0000925 raised in DOID:9281?",
        "What did PMID 25822703 find?",
        "Summarise 10.1007/s10545-015-9843-7",
        "What is COLNVLDHVKWLRT-QMMMGPOBSA-N?",
        "Does rs5030858 change phenylalanine?",
    ],
)
def test_an_identifier_makes_words_weigh_more(question: str) -> None:
    assert leaning(question, Weights()) is IDENTIFIERS


@pytest.mark.parametrize("question", ["What is raised in PKU?", "Is IL-6 raised in 2018?", "What is a C18 column?"])
def test_ordinary_questions_keep_their_weights(question: str) -> None:
    weights = Weights()
    assert leaning(question, weights) is weights


def test_weights_are_a_convex_combination() -> None:
    for weights in (Weights(), IDENTIFIERS):
        assert weights.dense + weights.sentence + weights.words + weights.grams == pytest.approx(1.0)
