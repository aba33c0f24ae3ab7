"""The figures of generated answers: what they count, and that a writer who says untrue things is found out."""

import json
from pathlib import Path
from typing import Any

import pytest

from cmo.answer.generate import Limits
from cmo.bench.generated import QUESTIONS, Asked, Bench, questions, rows
from cmo.bench.generated import told as told_of
from cmo.bench.generated_scribe import Scribe
from cmo.errors import NotFound
from cmo.ingest.sentences import split
from cmo.model.chat import Message, Speaker

PAPERS = {
    "pku": (
        "Phenylalanine in untreated phenylketonuria\n\n"
        "Plasma phenylalanine was raised to 1200 µmol/L in newborns with untreated phenylketonuria. "
        "Tyrosine was lower in the plasma of these newborns than in the plasma of healthy newborns. "
        "The results showed that sapropterin reduced phenylalanine in about 30 % of the treated patients. "
        "No change of methionine was found in the urine of patients with phenylketonuria at any visit."
    ),
    "hcu": (
        "Methionine in untreated homocystinuria\n\n"
        "Plasma methionine was raised to 300 µmol/L in newborns with untreated homocystinuria. "
        "Betaine treatment increased plasma methionine in all treated patients with homocystinuria. "
        "Cystine was lower in patients with homocystinuria than in their healthy siblings at each visit."
    ),
}
ASKED = (
    Asked("a", "pku", "Is phenylalanine raised in phenylketonuria?"),
    Asked("b", "hcu", "Is methionine raised in homocystinuria?"),
    Asked("c", "none", "Is glucose raised in diabetes?"),
)


@pytest.fixture
def bench(base: Any) -> Bench:
    base.add(**PAPERS)
    scribe = Scribe(split)
    return Bench(base.app, scribe, Limits(), true=scribe.true)


def test_what_a_writer_says_is_counted_and_what_is_untrue_of_it_is_not_told(bench: Bench) -> None:
    trials = [bench.ask(asked) for asked in ASKED]
    figures = {row.what: row.value for row in rows(trials)}
    assert figures["questions"] == 3
    assert figures["citation precision (ALCE, same judge)"] == 1.0
    assert 0 < figures["sentences told"] < figures["sentences said"]
    told = next(value for name, value in figures.items() if name.startswith("true, of the sentences told"))
    untrue = next(value for name, value in figures.items() if name.startswith("told, of the untrue"))
    assert told >= 0.9
    assert untrue <= 0.1
    assert trials[0].generated
    assert trials[0].seconds >= (trials[0].first_seconds or 0) > 0
    unchecked = figures["the same model unchecked, by its own citations: precision (ALCE)"]
    assert 0 <= unchecked < 0.6, "the writer cites at random, and half of what it says is untrue"
    assert json.loads(json.dumps(told_of(trials)))[0]["said"] == trials[0].said > trials[0].told


def test_a_writer_knows_which_of_its_sentences_are_true() -> None:
    scribe = Scribe(split)
    passages = [
        {"n": 1, "text": PAPERS["pku"].partition("\n\n")[2]},
        {"n": 2, "text": PAPERS["hcu"].partition("\n\n")[2]},
    ]
    data = json.dumps({"question": "Is phenylalanine raised?", "passages": passages})
    said = list(scribe.stream([Message(Speaker.SYSTEM, ""), Message(Speaker.USER, data)], most_tokens=99))
    known = [scribe.true(sentence) for sentence in said]
    assert known.count(True) >= 3
    assert known.count(False) >= 3
    assert scribe.true("Somebody else said this.") is None
    assert all("[" in sentence for sentence in said)


def test_there_are_enough_questions_about_articles(tmp_path: Path) -> None:
    found = questions()
    assert len(found) >= 100
    assert len({asked.text for asked in found}) == len({asked.id for asked in found}) == len(found)
    assert QUESTIONS.exists()
    with pytest.raises(NotFound, match="checkout"):
        questions(tmp_path / "none.jsonl")
