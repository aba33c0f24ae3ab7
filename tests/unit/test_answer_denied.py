"""Questions for what is not so."""

import pytest

from cmo.answer.denied import Sense, bears_out, denied


@pytest.mark.parametrize(
    ("question", "sense"),
    [
        ("Which metabolites are NOT raised in phenylketonuria?", Sense.UP),
        ("Which amino acids aren't elevated in maple syrup urine disease?", Sense.UP),
        ("What was never significantly lowered in plasma?", Sense.DOWN),
        ("In which disease is tyrosine not decreased?", Sense.DOWN),
        ("Name lipids that show no increase in diabetes.", Sense.UP),
        ("What is not associated with TMAO?", Sense.RELATED),
        ("Which markers did not change after the diet?", Sense.CHANGED),
        ("Which metabolites are raised in phenylketonuria?", None),
        ("Which amino acid is not only raised in PKU?", None),
        ("Is phenylalanine not raised in phenylketonuria?", None),
        ("Why is tyrosine not raised in phenylketonuria?", None),
        ("Which diets are not safe, and what is raised in those who follow them for many years?", None),
        ("What is not eaten but raised in PKU?", None),
        ("", None),
    ],
)
def test_what_a_question_wants_denied(question: str, sense: Sense | None) -> None:
    assert denied(question) is sense


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("Tyrosine was not raised in patients.", True),
        ("Tyrosine was lowered in phenylketonuria.", True),
        ("Valine did not differ between the groups.", True),
        ("Valine remained normal in all newborns.", True),
        ("Neither leucine nor valine was elevated.", True),
        ("Phenylalanine is raised in phenylketonuria.", False),
        ("Leucine was raised, as were the reduced forms of keto acids.", False),
        ("Phenylalanine becomes phenylpyruvate, which is reduced to phenyllactate.", False),
        ("Treatment is a diet low in phenylalanine.", False),
        ("The disease is caused by a deficiency of an enzyme.", False),
        ("Phenylketonuria is screened for in newborns.", False),
    ],
)
def test_what_a_sentence_says_of_it(sentence: str, fits: bool) -> None:
    assert bears_out(sentence, Sense.UP) is fits
