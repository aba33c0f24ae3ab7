"""Which leads are followed first: what meets the question, then what papers state, then what is sure."""

from cmo.model.concepts import RelationType
from cmo.model.graph import Edge
from cmo.retrieve.leads import Lead


def edge(probability: float, source: str = "papers") -> Edge:
    papers = int(source == "papers")
    return Edge(1, 2, RelationType.CONVERTED_TO, probability, papers, 0, source)


def test_what_papers_state_comes_before_what_a_vocabulary_states_and_what_meets_the_question_before_both() -> None:
    weak, stated = Lead((edge(0.3),), 1, 0.3), Lead((edge(0.5, "Human-GEM"),), 1, 0.5)
    half = Lead((edge(0.8), edge(0.5, "Human-GEM")), 1, 0.4)
    sure, asked = Lead((edge(0.8),), 1, 0.8), Lead((edge(0.5, "Human-GEM"),), 2, 0.5)
    leads = [stated, weak, asked, half, sure]
    assert sorted(leads, key=lambda lead: lead.worth, reverse=True) == [asked, sure, weak, stated, half]
