"""Facts of many papers to edges: support, conflict and counts."""

import numpy as np
import pytest

from cmo.model.concepts import RelationType
from tests.properties.aggregate import SOURCE, TYPES, Edges, Facts, combine

Row = tuple[int, int, RelationType, float, int, bool]
UP, DOWN, LINKED = RelationType.INCREASED_IN, RelationType.DECREASED_IN, RelationType.ASSOCIATED_WITH
A, B, BIG = 1, 2, 2**64 - 1


def facts(*rows: Row) -> Facts:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    subject, object_, type_, probability, paper, negated = columns
    return Facts(
        np.array(subject, np.uint64),
        np.array(object_, np.uint64),
        np.array([TYPES.index(t) for t in type_], np.uint8),
        np.array(probability, np.float32),
        np.array(paper, np.uint64),
        np.array(negated, np.bool_),
    )


def edge(edges: Edges, subject: int, object_: int, type_: RelationType) -> dict[str, float]:
    at = np.flatnonzero(
        (edges.subject == subject) & (edges.object == object_) & (edges.type == TYPES.index(type_))
    ).tolist()
    assert len(at) == 1
    names = ("support", "conflict", "papers_for", "papers_against", "papers_neutral")
    return {name: getattr(edges, name)[at[0]].item() for name in names}


def test_no_paper_is_believed_beyond_the_damping() -> None:
    found = edge(combine(facts((A, B, UP, 1.0, 7, False))), A, B, UP)
    assert found["support"] == pytest.approx(SOURCE)


def test_papers_add_up_as_a_noisy_or() -> None:
    found = edge(combine(facts((A, B, UP, 0.5, 7, False), (A, B, UP, 0.9, BIG, False))), A, B, UP)
    assert found["support"] == pytest.approx(1 - (1 - 0.8 * 0.5) * (1 - 0.8 * 0.9))
    assert found["papers_for"] == 2


def test_a_paper_counts_once_by_its_surest_fact() -> None:
    many = [(A, B, UP, p, 7, False) for p in (0.2, 0.9, 0.5)]
    found = edge(combine(facts(*many)), A, B, UP)
    assert found["support"] == pytest.approx(0.8 * 0.9)
    assert found["papers_for"] == 1


def test_the_opposite_sign_is_conflict_on_both_edges() -> None:
    edges = combine(facts((A, B, UP, 0.9, 1, False), (A, B, DOWN, 0.5, 2, False)))
    up, down = edge(edges, A, B, UP), edge(edges, A, B, DOWN)
    assert up["support"] == pytest.approx(0.72)
    assert up["conflict"] == pytest.approx(0.4)
    assert down["support"] == pytest.approx(0.4)
    assert down["conflict"] == pytest.approx(0.72)
    assert (up["papers_for"], up["papers_against"], up["papers_neutral"]) == (1, 1, 0)


def test_a_denial_is_conflict_and_no_support() -> None:
    found = edge(combine(facts((A, B, LINKED, 0.9, 1, True))), A, B, LINKED)
    assert (found["support"], found["papers_for"], found["papers_against"]) == (0.0, 0, 1)
    assert found["conflict"] == pytest.approx(0.72)


def test_a_denied_opposite_is_not_counted_against() -> None:
    edges = combine(facts((A, B, UP, 0.9, 1, False), (A, B, DOWN, 0.9, 2, True)))
    assert edge(edges, A, B, UP)["conflict"] == 0.0


def test_papers_that_say_something_else_are_neutral() -> None:
    rows = [(A, B, UP, 0.9, 1, False), (B, A, LINKED, 0.9, 2, False), (A, B, LINKED, 0.5, 3, False)]
    found = edge(combine(facts(*rows)), A, B, UP)
    assert (found["papers_for"], found["papers_against"], found["papers_neutral"]) == (1, 0, 2)


def test_associations_have_no_direction_but_effects_do() -> None:
    linked = combine(facts((A, B, LINKED, 0.9, 1, False), (B, A, LINKED, 0.9, 2, False)))
    assert len(linked) == 1
    assert edge(linked, A, B, LINKED)["papers_for"] == 2
    assert len(combine(facts((A, B, UP, 0.9, 1, False), (B, A, UP, 0.9, 2, False)))) == 2


def test_a_paper_may_stand_on_both_sides() -> None:
    found = edge(combine(facts((A, B, UP, 0.9, 1, False), (A, B, DOWN, 0.9, 1, False))), A, B, UP)
    assert (found["papers_for"], found["papers_against"], found["papers_neutral"]) == (1, 1, 0)


def test_no_facts_make_no_edges() -> None:
    assert len(combine(facts())) == 0
