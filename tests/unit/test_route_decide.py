"""Whom to ask: by cost, and under what conditions."""

from dataclasses import replace

import pytest

from cmo.model.routes import Category, Conditions, Destination, Scope, Standing
from cmo.route import decide
from cmo.route.head import Need
from cmo.route.rules import shipped

L, P, E, H, N = Destination
COSTS = shipped().costs
WELL = Conditions()


def sure_of(destination: Destination) -> dict[Destination, float]:
    return {d: 0.96 if d is destination else 0.01 for d in Destination}


def engines(
    chances: dict[Destination, float],
    conditions: Conditions = WELL,
    standing: Standing | None = None,
    years: tuple[int, ...] = (),
) -> tuple[Destination, ...]:
    return decide.engines(chances, decide.Circumstances(conditions, COSTS, standing, years))


@pytest.mark.parametrize(("destination", "asked"), [(L, (L,)), (P, (P,)), (E, (L,)), (H, (L, P)), (N, ())])
def test_a_sure_need_asks_whom_it_names(destination: Destination, asked: tuple[Destination, ...]) -> None:
    assert engines(sure_of(destination)) == asked


def test_in_doubt_between_papers_and_web_both_are_asked_the_likelier_first() -> None:
    assert engines({L: 0.3, P: 0.6, E: 0.05, H: 0.03, N: 0.02}) == (P, L)
    assert engines({L: 0.55, P: 0.4, E: 0.02, H: 0.02, N: 0.01}) == (L, P)


def test_without_a_web_the_papers_are_asked_whatever_is_needed() -> None:
    assert engines(sure_of(P), Conditions(web=False)) == (L,)
    assert engines(sure_of(H), Conditions(web=False)) == (L,)
    assert engines(dict.fromkeys(Destination, 0.0) | {P: 1.0}, Conditions(web=False)) == (L,)


def test_without_papers_the_web_is_asked() -> None:
    assert engines(sure_of(L), Conditions(local=False)) == (P,)


def test_nothing_is_asked_that_is_late_or_too_dear() -> None:
    assert engines(sure_of(P), Conditions(seconds_left=1.0)) == (L,)
    assert engines(sure_of(P), Conditions(budget_left=0.0)) == (L,)
    assert engines(sure_of(P), Conditions(seconds_left=0.01)) == ()


def test_papers_that_lack_the_answer_are_not_asked_alone() -> None:
    assert engines(sure_of(L), WELL, Standing(0.8)) == (L,)
    assert P in engines(sure_of(L), WELL, Standing(0.05))
    assert P in engines(sure_of(L), WELL, Standing(0.8, newest=2015), years=(2024,))


def test_what_is_out_of_scope_and_unsafe_go_the_same_way_for_different_reasons() -> None:
    needs = dict.fromkeys(Need, 0.05) | {Need.OUT: 0.5, Need.UNSAFE: 0.3}
    assert decide.destinations(needs)[N] == pytest.approx(0.8)
    assert decide.scope(needs, N) is Scope.OUT
    assert decide.scope(needs | {Need.UNSAFE: 0.6}, N) is Scope.UNSAFE
    assert decide.scope(needs, L) is Scope.IN


def test_each_destination_has_its_documented_category() -> None:
    assert {d: decide.category(d) for d in Destination} == {
        L: Category.KNOWLEDGE_GRAPH,
        P: Category.REAL_TIME,
        H: Category.REAL_TIME,
        E: Category.GENERAL,
        N: Category.GENERAL,
    }


def test_costs_without_a_need_are_refused() -> None:
    with pytest.raises(KeyError):
        replace(COSTS, wrong={}).wrong[L]
