"""One foreign word makes a sentence untrue, however well the rest fits: it is named."""

import pytest

from cmo.assess import Claim, SupportScorer
from cmo.model.concepts import Concept, Kind
from cmo.testing import FakeLinker, HashingEmbedder
from cmo.vocabulary.units import quantities

RAISED = (
    "Plasma phenylalanine was increased in 30 patients with untreated phenylketonuria (PKU) compared with controls."
)
MISSED = "Tyrosine was lower in patients than in controls, but this did not reach significance."
SCORER = SupportScorer(HashingEmbedder(), quantities)


def lacking(claim: str, *evidence: str, scorer: SupportScorer = SCORER) -> tuple[str, ...]:
    [found] = scorer.score([Claim(claim, evidence or (RAISED,))])
    return found.lacking


@pytest.mark.parametrize(
    "claim",
    [
        "Phenylalanine was increased in untreated phenylketonuria.",
        "Phenylalanine is elevated in people with untreated phenylketonuria.",
        "The study found that phenylalanine levels were raised in the plasma of PKU patients.",
    ],
)
def test_the_same_in_other_words_lacks_nothing(claim: str) -> None:
    assert lacking(claim) == ()


@pytest.mark.parametrize(
    ("claim", "word"),
    [
        ("Phenylalanine causes cancer in untreated phenylketonuria.", "cancer"),
        ("Phenylalanine is safe in untreated phenylketonuria.", "safe"),
        ("Patients with untreated phenylketonuria should be tested.", "should"),
        ("Plasma phenylalanine was increased in all patients with untreated phenylketonuria.", "all"),
        ("Plasma phenylalanine was not increased in patients with untreated phenylketonuria.", "not"),
        ("Plasma phenylalanine was decreased in patients with untreated phenylketonuria.", "decreased"),
    ],
)
def test_what_was_put_in_or_turned_round_is_named(claim: str, word: str) -> None:
    assert word in lacking(claim)


def test_a_denial_that_the_evidence_has_is_no_foreign_word() -> None:
    assert lacking("Tyrosine was lower, which did not reach significance.", MISSED) == ()
    assert lacking("Tyrosine was not lower, which did not reach significance.", MISSED) == ("not",)


@pytest.mark.parametrize(
    ("claim", "word"),
    [
        ("Samples of newborns were stored at night, and leucine was raised in leucine.", "leucine"),
        ("Samples of newborns were stored at night, and newborns was raised in urine.", "newborns"),
        ("Night of newborns were stored at night, and leucine was raised in urine.", "night"),
    ],
)
def test_a_word_of_the_evidence_in_another_ones_place_is_foreign_there(claim: str, word: str) -> None:
    evidence = "Samples of newborns were stored at night, and leucine was raised in urine."
    assert word in lacking(claim, evidence)


def test_a_denial_that_is_left_out_is_named() -> None:
    claim, evidence = "Weaning did affect the growth of steers.", "Weaning did not affect the growth of steers."
    assert lacking(claim, evidence) == ("not",)


def test_words_may_move() -> None:
    evidence = "Isoleucine and leucine rose in the plasma of newborns with the disease."
    assert lacking("Leucine and isoleucine rose in plasma of newborns.", evidence) == ()


def test_a_name_that_the_evidence_has_under_another_name_is_not_foreign() -> None:
    linker = FakeLinker([Concept("M:1", "vitamin B3", Kind.METABOLITE, ("niacin",))])
    claim, evidence = "Niacin lowered lipids in plasma.", "Vitamin B3 lowered lipids in plasma."
    assert lacking(claim, evidence) == ("niacin",)
    assert lacking(claim, evidence, scorer=SupportScorer(HashingEmbedder(), quantities, linker=linker)) == ()


def test_what_stands_there_word_for_word_lacks_nothing() -> None:
    assert lacking(RAISED) == ()


def test_the_nearest_sentence_is_counted_in_the_evidence_as_it_was_given() -> None:
    evidence = ["", "Trains run late.", "Trains run  late.", RAISED]
    for claim in (RAISED, "Plasma phenylalanine was increased in phenylketonuria."):
        [found] = SCORER.score([Claim(claim, evidence)])
        assert found.best == 3
