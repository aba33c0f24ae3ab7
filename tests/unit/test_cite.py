"""Quotes: the fewest neighbouring sentences that bear a sentence out, of the papers that do it most surely."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmo.answer.cite import MOST_PAPERS, Citer, Source, chains, passages
from cmo.assess import Claim, SupportScorer
from cmo.model.answers import RelationRow
from cmo.model.assessments import Support
from cmo.model.concepts import Kind, RelationType
from cmo.model.evidence import Found, Passage, PassageSentence
from cmo.model.graph import Node
from cmo.model.papers import Format, Metadata, PaperRef, Role, Section
from cmo.testing import HashingEmbedder
from cmo.vocabulary.units import quantities

ENCODER = HashingEmbedder(256)
RAISED = "Leucine was raised in the plasma of newborns with maple syrup urine disease."
TRAINS = "Trains run late in winter and early in spring."


def passage(name: str, *texts: str, role: Role = Role.PROSE, gap: int = 1) -> Passage:
    sentences, start = [], 0
    for text in texts:
        sentences.append(PassageSentence(text, start, start + len(text), 1, role, ()))
        start += len(text) + gap
    ref = PaperRef(name, 1, "0" * 64, f"{name}.pdf", Format.PDF, Metadata(title=name))
    vectors = np.stack([ENCODER.encode_query(t) for t in texts])
    return Passage(0, 1.0, {}, ref, Section.RESULTS, "", tuple(sentences), vectors)


def sources(*found: Passage) -> list[Source]:
    return passages(Found("?", found, np.zeros(256, np.float32), (), "000001", 9))


class Counting(SupportScorer):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(ENCODER, quantities)
        self.claims = 0

    def score(self, claims: Sequence[Claim]) -> list[Support]:
        self.claims += len(claims)
        return super().score(claims)


SCORER = Counting()
CITER = Citer(SCORER)


def test_a_sentence_of_a_long_passage_is_found_wherever_it_stands() -> None:
    noise = [f"Train number {n} ran late in winter and early in spring." for n in range(90)]
    for place in (0, 31, 32, 64, 89):
        texts = [*noise[:place], RAISED, *noise[place:]]
        [evidence] = CITER.borne(RAISED, sources(passage("aaaaaa", *texts))).evidence
        assert evidence.text == RAISED


def test_a_front_matter_line_is_no_quote() -> None:
    assert sources(passage("aaaaaa", RAISED, role=Role.FRONT)) == []


def test_passages_without_its_words_are_not_even_judged() -> None:
    asked = SCORER.claims
    assert CITER.borne(RAISED, sources(*(passage(f"{n:06d}", TRAINS) for n in range(10)))).evidence == ()
    assert SCORER.claims == asked


def test_the_shortest_quote_is_taken_and_no_more_papers_than_may_be() -> None:
    found = [passage(name * 6, TRAINS, RAISED, TRAINS) for name in "abcd"]
    borne = CITER.borne("Leucine was raised in newborns with maple syrup urine disease.", sources(*found))
    assert [e.text for e in borne.evidence] == [RAISED] * MOST_PAPERS
    assert borne.probability == pytest.approx(max(e.score for e in borne.evidence), abs=1e-4)


def test_sentences_that_do_not_follow_each_other_are_no_quote_together() -> None:
    halves = ("Newborns with maple syrup urine disease were compared.", "Leucine was raised in the first group.")
    claim = "Leucine was raised in newborns with maple syrup urine disease."
    assert len(CITER.borne(claim, sources(passage("aaaaaa", *halves))).evidence) == 2
    assert CITER.borne(claim, sources(passage("aaaaaa", *halves, gap=400))).evidence == ()


def test_a_chain_is_borne_out_by_the_sentences_of_its_steps_together() -> None:
    one = sources(passage("aaaaaa", "Enzyme deficiency raises leucine."))[0].evidence
    two = sources(passage("bbbbbb", "Leucine raises ketoacids in newborns."))[0].evidence
    nodes = [Node(n, f"X:{n}", name, Kind.METABOLITE, 1) for n, name in enumerate(("enzyme", "leucine", "ketoacids"))]
    rows = [
        RelationRow(a, b, RelationType.INCREASED_IN, 0.9, 1, 0, (), (), (), evidence, (), "papers")
        for a, b, evidence in ((nodes[0], nodes[1], one), (nodes[1], nodes[2], two))
    ]
    [source] = chains([rows, rows])
    borne = CITER.borne("Enzyme deficiency raises leucine and ketoacids in newborns.", [source])
    assert {e.paper.paper_id for e in borne.evidence} in ({"aaaaaa", "bbbbbb"}, set())
    assert [e.text for e in CITER.borne("Leucine raises ketoacids in newborns.", [source]).evidence] == [two[0].text]


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=120), st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=6), st.integers(0, 5))
def test_whatever_is_said_a_quote_is_printed_and_bears_it_out_alone(said: str, texts: list[str], place: int) -> None:
    lines = [*texts, RAISED]
    claim = [said, RAISED, texts[place % len(texts)], f"{RAISED} {said}"][place % 4]
    borne = CITER.borne(claim, sources(passage("aaaaaa", *lines)))
    printed = {e.text for source in sources(passage("aaaaaa", *lines)) for e in source.evidence}
    assert {e.text for e in borne.evidence} <= printed
    if borne.evidence:
        [judged] = SCORER.score([Claim(claim, [e.text for e in borne.evidence])])
        assert judged.supported >= 0.5
        assert not judged.lacking
        assert not judged.reasons
