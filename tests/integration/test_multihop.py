"""The questions over two documents: sound against the data that they quote, and the scorer against replies made up."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from cmo.bench.beir import judgements
from cmo.bench.corpora import CORPORA
from cmo.bench.multihop import (
    FOLDER,
    HAND,
    SPLITS,
    HopQuestion,
    MultiHop,
    Reply,
    Shape,
    alone,
    digest,
    fold,
    judge,
    load,
    rows,
    scores,
)  # fmt: skip
from cmo.errors import NotFound

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = sorted(CORPORA)
with_data = pytest.mark.skipif(not DATA.exists() and "CI" not in os.environ, reason="the shared data is absent")  # noqa: TID251 - CI is no setting of ours


@pytest.fixture(scope="module")
def everything() -> list[HopQuestion]:
    files = [FOLDER / name / "queries.jsonl" for name in SETS]
    return [HopQuestion.of(json.loads(line)) for f in files for line in f.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module", params=SETS)
def loaded(request: pytest.FixtureRequest) -> MultiHop:
    return load(request.param, DATA)


def test_there_are_enough_of_each_sort(everything: Sequence[HopQuestion]) -> None:
    hand = [q for q in everything if q.origin == HAND]
    assert len(everything) >= 150
    assert len(hand) >= 60
    assert {q.shape for q in hand} == set(Shape)
    share = sum(q.split == "dev" for q in everything) / len(everything)
    assert 0.35 <= share <= 0.45


def test_no_two_questions_are_alike(everything: Sequence[HopQuestion]) -> None:
    assert len({q.id for q in everything}) == len(everything)
    assert len({fold(q.text) for q in everything}) == len(everything)


def test_a_question_needs_two_documents_and_does_not_tell_its_answer(everything: Sequence[HopQuestion]) -> None:
    for q in everything:
        assert len(q.hops) >= 2, q.id
        assert len({s.document for s in q.supports}) == sum(map(len, q.hops)), f"{q.id}: a document states two facts"
        assert q.answers, q.id
        assert all(q.answers), q.id
        assert not any(fold(form) in fold(q.text) for group in q.answers for form in group), q.id
        assert all(any(fold(form) in fold(q.text) for form in group) for group in q.entities), q.id
        assert (len(q.hops) > 2) == (q.shape is Shape.CHAIN), q.id


def test_a_topic_is_in_one_split(everything: Sequence[HopQuestion]) -> None:
    splits: dict[object, set[str]] = defaultdict(set)
    for q in everything:
        corpus = q.id.partition("-")[0]
        names = {fold(form) for group in (*q.entities, *q.answers) for form in group if len(form) > 2}
        for key in {q.topic, *((corpus, s.document) for s in q.supports), *names}:
            splits[key].add(q.split)
    assert [key for key, found in splits.items() if len(found) > 1] == []


def test_the_test_parts_are_as_they_were_before_anything_was_measured() -> None:
    told = dict(
        re.findall(r"^\| (\w+) \|.*`([0-9a-f]{64})` \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    assert told == {name: digest(name, "test") for name in SETS}


@with_data
def test_every_quote_stands_in_its_document(loaded: MultiHop) -> None:
    wrong = [
        (q.id, s.document)
        for q in loaded.queries.values()
        for s in q.supports
        if s.document not in loaded.corpus or s.quote not in loaded.corpus[s.document].text
    ]
    assert wrong == []


@with_data
def test_the_gold_documents_give_the_whole_answer(loaded: MultiHop) -> None:
    for q in loaded.queries.values():
        assert q.answered_by("\n".join(loaded.corpus[s.document].text for s in q.supports)), q.id


@with_data
def test_the_qrels_are_the_supports(loaded: MultiHop) -> None:
    assert {n: set(g) for n, g in loaded.qrels.items()} == {
        q.id: {s.document for s in q.supports} for q in loaded.queries.values()
    }
    for split in SPLITS:
        listed = set(judgements(FOLDER / loaded.name / "qrels" / f"{split}.tsv"))
        assert listed == set(loaded.only(split).queries) == set(loaded.only(split).qrels)


@with_data
def test_no_document_answers_a_question_alone(loaded: MultiHop) -> None:
    assert list(alone(loaded)) == []


@with_data
def test_the_corpus_can_be_indexed(loaded: MultiHop) -> None:
    name, paper = next(loaded.papers())
    assert paper.metadata.doi.endswith(name)
    assert paper.sentences


def test_an_unknown_set_is_named() -> None:
    with pytest.raises(NotFound, match="nosuch"):
        load("nosuch", DATA)


QUESTION = HopQuestion.of({
    "_id": "x-001", "text": "Which gene?", "kind": "compare", "origin": "two-genes", "split": "dev", "topic": "t001",
    "entities": [["gene"]], "answers": [["TNF-α", "tumour necrosis factor"], ["IL-1"]],
    "support": [{"hop": 1, "doc": d, "quote": ""} for d in ("a", "b")] + [{"hop": 2, "doc": "c", "quote": ""}],
})  # fmt: skip


@pytest.mark.parametrize(
    ("ranked", "answer", "expected"),
    [
        (["b", "z", "c"], "TNF-alpha rose; IL‐1 fell.", (1, 1, 1)),
        (["a", "b"], "TNF-α rose; IL-10 fell.", (0.5, 0, 0)),
        ([*"defghijklm", "a", "c"], "Tumour Necrosis Factor (IL-1)", (0, 0, 1)),
        ([], "", (0, 0, 0)),
    ],
)
def test_a_reply_is_judged_by_facts_found_and_answers_said(
    ranked: list[str], answer: str, expected: tuple[float, ...]
) -> None:
    row = judge(QUESTION, Reply(ranked, answer))
    assert (row.recall, row.complete, row.correct) == expected


def test_scores_are_told_by_kind_and_by_origin() -> None:
    data = MultiHop("x", DATA, {}, {QUESTION.id: QUESTION}, {})
    found = scores(data, rows(data, lambda _: Reply(["a", "c"], "IL-1"))).as_json()
    assert (found["recall10"]["value"], found["complete10"]["value"], found["correct"]["value"]) == (1, 1, 0)
    assert set(found["by_kind"]) == {"compare"}
    assert set(found["by_origin"]) == {"template", "two-genes"}
    assert found["by_kind"]["compare"]["questions"] == 1
