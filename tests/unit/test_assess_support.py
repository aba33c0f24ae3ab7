"""Claims against evidence, with an embedder that hashes words."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.assess import Claim, SupportScorer
from cmo.assess.heads import Head, Heads
from cmo.assess.support import MOST_SENTENCES, VERBATIM, stands_in
from cmo.model.assessments import Flag, Verdict
from cmo.model.concepts import Concept, Kind
from cmo.testing import FakeLinker, HashingEmbedder
from cmo.vocabulary.units import quantities

RAISED = "Plasma phenylalanine was increased to 1200 µmol/L in patients with untreated phenylketonuria."


class Counting(HashingEmbedder):
    """Counts what it encodes."""

    def __init__(self):
        super().__init__()
        self.encoded = []

    def encode_passages(self, texts, spans):
        self.encoded += texts
        return super().encode_passages(texts, spans)


@pytest.fixture
def embedder():
    return Counting()


@pytest.fixture
def scorer(embedder):
    return SupportScorer(embedder, quantities)


def judge(scorer, claim, *evidence, **more):
    (found,) = scorer.score([Claim(claim, evidence, **more)])
    return found


def flags(found):
    return {reason.flag for reason in found.reasons}


def test_what_stands_there_word_for_word_is_supported_and_costs_no_encoding(scorer, embedder):
    found = judge(scorer, RAISED.replace("  ", " ") + " ", "Something else.", RAISED)
    assert (found.verbatim, found.supported, found.best, found.verdict) == (True, VERBATIM, 1, Verdict.SUPPORTED)
    assert embedder.encoded == []


def test_a_part_of_a_sentence_is_not_word_for_word():
    assert not stands_in("TMAO causes stroke", ["There is no evidence that TMAO causes stroke."])
    assert stands_in("It rose. It fell.", ["It rose.", "It fell."])


def test_the_opposite_is_likelier_contradicted_and_says_why(scorer):
    same = judge(scorer, "Phenylalanine is increased in untreated phenylketonuria.", RAISED)
    other = judge(scorer, "Phenylalanine is decreased in untreated phenylketonuria.", RAISED)
    assert other.supported < same.supported
    assert other.contradicted > same.contradicted
    assert flags(other) == {Flag.DIRECTION}
    assert "decreased" in other.reasons[0].text
    assert "increased" in other.reasons[0].text
    assert flags(same) == set()


def test_a_denial_of_what_is_stated_is_flagged(scorer):
    found = judge(scorer, "Plasma phenylalanine was not increased in patients with untreated phenylketonuria.", RAISED)
    assert Flag.NEGATION in flags(found)
    assert found.contradicted > found.supported


def test_a_figure_that_is_not_there_is_flagged_whatever_its_unit_is_called(scorer):
    same = judge(scorer, "Phenylalanine was increased to 1.2 mmol/L in untreated phenylketonuria.", RAISED)
    other = judge(scorer, "Phenylalanine was increased to 900 µmol/L in untreated phenylketonuria.", RAISED)
    assert Flag.FIGURE not in flags(same)
    assert Flag.FIGURE in flags(other)
    assert "900 µmol/L" in other.reasons[0].text
    assert other.verdict is not Verdict.SUPPORTED


def test_a_name_is_found_under_its_other_names(embedder):
    linker = FakeLinker(
        [
            Concept("D:1", "phenylketonuria", Kind.DISEASE, ("PKU",)),
            Concept("D:2", "alkaptonuria", Kind.DISEASE),
        ]
    )
    scorer = SupportScorer(embedder, quantities, linker=linker)
    evidence = "Plasma phenylalanine was increased in patients with untreated PKU."
    same = judge(scorer, "Plasma phenylalanine was increased in patients with untreated phenylketonuria.", evidence)
    other = judge(scorer, "Plasma phenylalanine was increased in patients with untreated alkaptonuria.", evidence)
    assert flags(same) == set() or Flag.CONCEPT not in {r.flag for r in same.reasons if "phenylketonuria" not in r.text}
    assert any("alkaptonuria" in reason.text for reason in other.reasons if reason.flag is Flag.CONCEPT)


def test_without_evidence_nothing_is_supported_and_nothing_contradicted(scorer):
    found = judge(scorer, "Phenylalanine rises.")
    assert (found.supported, found.contradicted, found.best, found.verdict) == (0.0, 0.0, None, Verdict.UNRELATED)


def test_vectors_that_are_known_are_not_made_again(scorer, embedder):
    vector = HashingEmbedder().encode_query(RAISED)
    judge(scorer, "Phenylalanine is raised.", RAISED, vectors={RAISED: vector})
    judge(scorer, "Phenylalanine is raised.", RAISED)
    assert embedder.encoded == ["Phenylalanine is raised.", RAISED]


def test_long_evidence_is_cut_to_what_shares_the_claims_words(scorer, embedder):
    noise = [f"Sentence number {n} speaks of trains and weather." for n in range(200)]
    found = judge(scorer, "Phenylalanine is raised in phenylketonuria.", *noise, RAISED)
    assert len(embedder.encoded) == MOST_SENTENCES + 1
    assert found.supported > 0


def test_a_model_of_inference_is_asked_only_about_what_is_in_doubt(embedder):
    class Yes:
        def __init__(self):
            self.asked = []

        def judge(self, pairs):
            self.asked += pairs
            return [(0.98, 0.01) for _ in pairs]

    said = Yes()
    doubt = Heads(Head(0.0, {}), Head(2.0, {}), Head(5.0, {}))
    plain = SupportScorer(embedder, quantities, heads=doubt)
    asking = SupportScorer(embedder, quantities, heads=doubt, entailment=said)
    claims = [Claim("Phenylalanine is raised.", [RAISED]), Claim(RAISED, [RAISED])]
    assert asking.score(claims)[0].supported > plain.score(claims)[0].supported
    assert [claim for _, claim in said.asked] == ["Phenylalanine is raised."]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=5))
def test_whatever_the_texts_probabilities_are_probabilities(claim, evidence):
    (found,) = SupportScorer(HashingEmbedder(), quantities).score([Claim(claim, evidence)])
    assert 0 <= found.supported <= 1
    assert 0 <= found.contradicted <= 1
    assert found.supported + found.contradicted <= 1 + 1e-9
    assert math.isfinite(found.weight)


def test_the_heads_that_ship_weigh_only_what_is_compared():
    scorer = SupportScorer(HashingEmbedder(), quantities)
    (comparison,) = scorer.compare([Claim("Glucose rises.", ["Glucose falls."])])
    heads = Heads.shipped()
    for head in (heads.about, heads.stance, heads.intact):
        assert head.weights.keys() <= comparison.values.keys()
        assert np.isfinite([head.bias, *head.weights.values()]).all()
