"""What stands beside a sentence: its neighbours, and other papers for and against it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cmo.errors import NotFound
from cmo.model.assessments import Claim, Support
from cmo.stories.beside import Beside, Stance
from cmo.stories.viewer import Place

SENTENCE = "Phenylalanine is raised in phenylketonuria."
TEXTS = {
    "one": f"Phenylketonuria in newborns\n\nNewborns were screened early. {SENTENCE} Tyrosine is low in most of them.\n",
    "two": f"Another look at phenylketonuria\n\n{SENTENCE} It was seen in plasma of patients at each visit.\n",
    "three": "Phenylketonuria, doubted\n\nPhenylalanine is not raised in phenylketonuria.\n",
    "far": "On methionine\n\nHomocystinuria raises methionine at every visit of patients.\n",
}


class Judge:
    """Says of every pair what it is told to say."""

    def __init__(self, supported: float, contradicted: float) -> None:
        self.said = supported, contradicted
        self.asked: list[Claim] = []

    def score(self, claims: Sequence[Claim]) -> list[Support]:
        self.asked += claims
        return [Support(claim.text, *self.said, 0) for claim in claims]


def place_of(app: Any, source: str, sentence: str = SENTENCE) -> Place:
    ref = next(one.ref for one in app.record.papers() if one.ref.source.endswith(f"{source}.txt"))
    start = app.record.text(ref).index(sentence)
    found: Place = app.viewer.place(f"{ref.paper_id}.{ref.version}.{start}-{start + len(sentence)}")
    return found


def by_words(app: Any, judge: Judge) -> Beside:
    """Without a graph."""
    return Beside(app.record, app.retriever, lambda: judge, atlas=lambda: None, linker=lambda: app.linker)


def test_neighbours_are_the_sentences_around_it_and_no_headings(base: Any) -> None:
    base.add(**TEXTS)
    found = base.app.beside.look(place_of(base.app, "one"), others=0)
    assert [one.text for one in found.before] == ["Newborns were screened early."]
    assert [one.text for one in found.after] == ["Tyrosine is low in most of them."]
    assert found.others == ()
    text = base.app.record.text(place_of(base.app, "one").paper)
    assert all(text[one.start : one.end] == one.text and one.boxes for one in (*found.before, *found.after))
    assert base.app.beside.look(place_of(base.app, "one"), neighbours=0, others=0).before == ()


def test_what_the_graph_knows_tells_for_from_against_whichever_side_one_looks_from(base: Any) -> None:
    base.add(**TEXTS)

    def stances(source: str, sentence: str) -> dict[str, Stance]:
        others = base.app.beside.look(place_of(base.app, source, sentence)).others
        return {
            one.evidence.paper.source.rpartition("/")[2]: one.stance for one in others if one.stance is not Stance.NEAR
        }

    assert stances("one", SENTENCE) == {"two.txt": Stance.FOR, "three.txt": Stance.AGAINST}
    denial = "Phenylalanine is not raised in phenylketonuria."
    assert stances("three", denial) == {"one.txt": Stance.AGAINST, "two.txt": Stance.AGAINST}


@pytest.mark.parametrize(
    ("supported", "contradicted", "stance"),
    [
        (0.9, 0.1, Stance.FOR),
        (0.49, 0.1, Stance.NEAR),
        (0.2, 0.7, Stance.NEAR),
        (0.2, 0.9, Stance.AGAINST),
        (0.6, 0.9, Stance.AGAINST),
    ],
)
def test_words_alone_count_as_against_only_when_it_is_nearly_sure(
    base: Any, supported: float, contradicted: float, stance: Stance
) -> None:
    base.add(**TEXTS)
    judge = Judge(supported, contradicted)
    others = by_words(base.app, judge).look(place_of(base.app, "one")).others
    assert others
    assert {one.stance for one in others} == {stance}
    assert {one.evidence.paper.source.rpartition("/")[2] for one in others} <= {"two.txt", "three.txt"}, (
        "its own says nothing"
    )
    assert all(claim.text == SENTENCE and set(claim.vectors) == set(claim.evidence) for claim in judge.asked)


def test_a_paper_that_was_retracted_says_nothing_any_more(base: Any) -> None:
    base.add(**TEXTS)
    place = place_of(base.app, "one")
    other = place_of(base.app, "two").paper
    base.app.curator.retract(other.paper_id, "a test")
    assert other.paper_id not in {one.evidence.paper.paper_id for one in base.app.beside.look(place).others}
    base.app.curator.retract(place.paper.paper_id, "a test")
    with pytest.raises(NotFound):
        base.app.viewer.place(f"{place.paper.paper_id}.1.{place.start}-{place.end}")


def test_a_sentence_at_the_very_end_has_no_neighbour_after_it(base: Any) -> None:
    base.add(**TEXTS)
    place = place_of(base.app, "far", "Homocystinuria raises methionine at every visit of patients.")
    found = base.app.beside.look(place)
    assert (found.before, found.after) == ((), ())
    assert base.app.beside.look(replace(place, text="x")).after == ()
