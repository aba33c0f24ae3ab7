"""Answers as a whole: citations left out one at a time, agreement, what the documented numbers are."""

import json

import pytest

from cmo.assess import Assessor, Reviewed, Said, SupportScorer, claims_of
from cmo.assess.heads import Head, Heads
from cmo.ingest.sentences import split
from cmo.model.assessments import Assessment, Flag, Reason, Support, Verdict
from cmo.testing import HashingEmbedder
from cmo.vocabulary.units import quantities
from lightrag_integration.quality import QualityAssessment, get_quality_indicator, review

A = "Plasma phenylalanine was increased in patients with untreated phenylketonuria."
B = "Branched-chain amino acids were increased in insulin resistance."
C = "Trains to the coast leave every hour."
STRICT = Heads(Head(-8.0, {"covered_by_three": 16.0}), Head(8.0, {}), Head(8.0, {}))
"""Supported is what has more than half its words there, so that a test can tell by eye."""


@pytest.fixture
def assessor():
    return Assessor(SupportScorer(HashingEmbedder(), quantities, heads=STRICT))


def assess(assessor, *sentences, question="What is increased in phenylketonuria?", **sources):
    said = tuple(Said(text, cites) for text, cites in sentences)
    return assessor.assess(Reviewed(question, said, {n.removeprefix("s"): lines for n, lines in sources.items()}))


def test_a_quoted_answer_has_perfect_citations(assessor):
    found = assess(assessor, (A, ("1",)), (B, ("2",)), s1=(A,), s2=(B,))
    assert (found.citation_precision, found.citation_recall) == (1.0, 1.0)
    assert found.accuracy > 0.98
    assert found.factual == 1.0


def test_a_citation_that_is_not_needed_and_says_nothing_of_it_is_imprecise(assessor):
    found = assess(assessor, (A, ("1", "2")), s1=(A,), s2=(C,))
    assert (found.citation_precision, found.citation_recall) == (0.5, 1.0)


def test_two_citations_that_each_say_half_are_both_needed(assessor):
    halves = ("Plasma phenylalanine was measured.", "Patients with untreated phenylketonuria came.")
    found = assess(assessor, (A, ("1", "2")), s1=halves[:1], s2=halves[1:])
    assert found.citation_recall == 1.0
    assert found.citation_precision == 1.0


def test_a_sentence_that_cites_nothing_or_nothing_known_is_not_recalled(assessor):
    found = assess(assessor, (A, ()), (A, ("9",)), s1=(A,))
    assert found.citation_recall == 0.0
    assert found.citation_precision is None
    assert found.claims[0].verdict is Verdict.SUPPORTED  # by all sources, which is what it is then compared with


def test_agreement_takes_two_sources(assessor):
    assert assess(assessor, (A, ("1",)), s1=(A,)).agreement is None
    assert assess(assessor, (A, ("1",)), s1=(A,), s2=(A,)).agreement == 1.0
    assert assess(assessor, (A, ("1",)), s1=(A,), s2=(C,)).agreement == 0.0


def test_coverage_counts_only_what_is_borne_out(assessor):
    assert assess(assessor, (A, ("1",)), s1=(A,)).coverage > 0.5
    assert assess(assessor, (A, ("1",)), s1=(C,)).coverage == 0.0


def test_nothing_claimed_is_nothing_acceptable(assessor):
    found = assess(assessor, s1=(A,))
    assert (found.acceptable, found.accuracy, found.citation_recall) == (0.0, 0.0, None)
    assert found.weakest is None


def test_an_answer_that_says_it_has_none_is_not_relevant(assessor):
    assert (
        assessor.relevance("What is increased in PKU?", ["There is no information on what is increased in PKU."]) <= 0.2
    )


def test_the_composite_is_the_documented_sum():
    found = Assessment((), 1.0, 0.5, 0.0, 0.0, None, None, None, 0.0)
    assert found.composite == pytest.approx(0.55)
    assert "contradiction less well" in " ".join(found.limits)


def test_a_flagged_claim_never_counts_as_supported():
    flagged = Support("x", 0.9, 0.05, 0, (Reason(Flag.FIGURE, "“9” stands in no sentence of the evidence."),))
    assert flagged.verdict is Verdict.UNRELATED
    assert Support("x", 0.9, 0.05, 0).verdict is Verdict.SUPPORTED
    assert Support("x", 0.2, 0.6, 0).verdict is Verdict.CONTRADICTED


def test_marks_of_citation_are_read_and_left_out():
    first, second = claims_of("- Leucine rises in obesity [1, 3].\n2. Glycine falls there too [2–4].\nWhy?", split)
    assert (first.text, first.cites) == ("Leucine rises in obesity.", (1, 3))
    assert (second.text, second.cites) == ("Glycine falls there too.", (2, 3, 4))


@pytest.mark.parametrize(
    "sources",
    [
        A,
        [A],
        ({"content": A},),
        [{"title": "Not this", "text": A}],
        {"snippet": A},
        [type("Doc", (), {"page_content": A})()],
    ],
)
def test_sources_may_have_any_usual_shape(sources):
    assert review("q", f"{A} [1]", sources).sources == {"1": (A,)}


@pytest.mark.parametrize("sources", [None, [], "", [{}], [None, 3]])
def test_no_source_is_no_source(sources):
    assert review("q", A, sources).sources == {}


def test_the_documented_assessment_is_true_and_json_and_has_attributes():
    found = QualityAssessment(relevance_score=1.0, accuracy_score=0.5, factual_accuracy=0.5)
    assert found
    assert found.composite_score == pytest.approx(0.7)
    assert found.meets_threshold is False
    assert json.loads(json.dumps(found))["issues"] == []
    with pytest.raises(AttributeError):
        _ = found.nonsense


@pytest.mark.parametrize(
    ("score", "sign"), [(0.95, "🌟 Excellent"), (0.8, "✅ Good"), (0.7, "⚡ Acceptable"), (0.69, "⚠️ Low Quality")]
)
def test_the_signs_are_those_of_the_documents(score, sign):
    assert get_quality_indicator(score) == sign
