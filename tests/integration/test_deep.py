"""Deep mode over a real base and a real graph: what is asked, what is kept, and what is told when not all of it works."""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmo.agents import Asked, Deep, Plan
from cmo.agents.check import reversed_by
from cmo.agents.saved import JsonSerializer
from cmo.answer.extract import ExtractiveAnswerer
from cmo.engines import Source
from cmo.errors import BadQuestion, ExtraMissing, OutOfTime, StoreCorrupt, StoreError, StoreLocked
from cmo.kit.deadline import Until, remaining
from cmo.model.answers import Answer, AnswerSentence, Citation, NoAnswer, RefusalReason
from cmo.model.assessments import Claim, Flag, Reason, Support
from cmo.model.papers import Format, Metadata, PaperRef
from cmo.model.questions import Mode, Question
from cmo.oracle import Reply, admit
from cmo.spend.purse import current
from cmo.testing import NEVER, FakeClock, by_shared_words

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
DENIED = "Another cohort of newborns\n\nPhenylalanine is not raised in phenylketonuria of mild course, it was found."
HCU = "Homocystinuria in adults\n\nMethionine is raised in homocystinuria since it is not turned over."
ASKED = "Is phenylalanine raised in phenylketonuria and is methionine raised in homocystinuria?"
FIRST, SECOND = "Is phenylalanine raised in phenylketonuria?", "Is methionine raised in homocystinuria?"


@pytest.fixture
def deep(base: Any) -> Deep:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(by_shared_words(), NEVER)
    base.add(pku=PKU, hcu=HCU)
    return base.app.deep


def test_each_part_is_answered_and_the_whole_is_cited_anew(deep: Deep) -> None:
    answer = deep.answer(admit(ASKED))
    assert [step["question"] for step in answer["steps"]] == [ASKED, FIRST, SECOND]
    assert answer["answered"]
    assert answer["gaps"] == []
    told = [sentence["text"] for sentence in answer["sentences"]]
    assert "Phenylalanine is raised in phenylketonuria because the enzyme is lacking." in told
    assert "Methionine is raised in homocystinuria since it is not turned over." in told
    assert len(set(told)) == len(told), "nothing is said twice"
    assert [cited["number"] for cited in answer["citations"]] == [1, 2]
    papers = {cited["number"]: cited["paper_id"] for cited in answer["citations"]}
    evidence = {piece["id"]: piece for piece in answer["evidence"]}
    for sentence in answer["sentences"]:
        assert sentence["evidence"]
        for name in sentence["evidence"]:
            assert evidence[name]["text"] in PKU + HCU
            assert papers[evidence[name]["citation"]] == evidence[name]["paper_id"]
            assert evidence[name]["citation"] in sentence["citations"]


def test_the_steps_are_told_as_they_are_done(deep: Deep) -> None:
    stages = [progress.stage for progress in deep.stream(admit(ASKED), "mine")]
    assert stages == ["plan", *("retrieve", "read", "check") * 3, "write"]
    (entry,) = deep.history("mine")
    assert entry["question"] == ASKED
    assert [step["agent"] for step in entry["agent_history"]] == stages
    assert deep.history("nobody") == []


def test_what_no_paper_answers_is_told_as_a_gap_after_a_second_try(deep: Deep) -> None:
    stages: list[str] = []
    for progress in deep.stream(admit(f"{FIRST} Who won the football cup last year?")):
        stages.append(progress.stage)
        answer = progress.answer
    assert answer is not None
    assert answer["answered"]
    assert [gap["question"] for gap in answer["gaps"]] == ["Who won the football cup last year?"]
    assert "do not say enough" in answer["gaps"][0]["why"]
    assert stages.count("retrieve") > 3


def test_nothing_at_all_is_an_honest_refusal(deep: Deep) -> None:
    answer = deep.answer(admit("Who won the football cup last year?"))
    assert not answer["answered"]
    assert answer["refusal"]["reason"] == "thin-evidence"
    assert (answer["sentences"], answer["citations"], answer["source"]) == ([], [], "none")


def test_papers_that_deny_each_other_are_named(base: Any) -> None:
    base.add(pku=PKU, denied=DENIED)
    answer = base.app.deep.answer(admit("Which metabolites are raised in phenylketonuria?"))
    assert [d["text"] for d in answer["disputes"]] == [
        "phenylalanine increased in phenylketonuria: 1 paper for it, 1 against it."
    ]
    assert len(answer["disputes"][0]["evidence"]) == 2


def test_what_no_paper_relates_directly_is_asked_link_by_link(base: Any) -> None:
    base.add(
        one="Phenylalanine and its product\n\nPhenylalanine was studied with tyrosine in the same samples of patients.",
        two="A disease and a product\n\nTyrosine was studied with homocystinuria over many years in that hospital.",
    )
    answer = base.app.deep.answer(admit("How does phenylalanine lead to homocystinuria?"))
    assert [(step["question"], step["why"]) for step in answer["steps"][1:]] == [
        ("How is phenylalanine related to tyrosine?", "a link of a chain"),
        ("How is tyrosine related to homocystinuria?", "a link of a chain"),
    ]
    direct = base.app.deep.answer(admit("How does tyrosine lead to homocystinuria?"))
    assert len(direct["steps"]) == 1


def test_a_thread_holds_one_question_after_another(deep: Deep) -> None:
    deep.answer(admit(FIRST), "mine")
    deep.answer(admit(SECOND), "mine")
    deep.answer(admit(FIRST), "yours")
    assert [entry["question"] for entry in deep.history("mine")] == [FIRST, SECOND]
    assert len(deep.history("yours")) == 1


@pytest.mark.parametrize("name", [" ", "../x", "a" * 101, "a\nb"])
def test_a_thread_has_a_plain_name(deep: Deep, name: str) -> None:
    with pytest.raises(BadQuestion, match="cannot name a thread"):
        deep.answer(admit(FIRST), name)


# What follows needs no papers: an oracle that says what it is told to.

PAPER = PaperRef("p1", 1, "0" * 64, "p1.txt", Format.TEXT, Metadata("A paper", (), 2024, "", "", "", ""))


class Scripted:
    """Answers at once; remembers what it was asked, under which deadline and with how much money."""

    def __init__(self, *, cost: int = 0, fails_at: int | None = None, dies_at: int | None = None) -> None:
        self.asked: list[Question] = []
        self.left: list[float] = []
        self._cost, self._fails_at, self._dies_at = cost, fails_at, dies_at
        self.refuses: RefusalReason | None = None

    def reply(self, question: Question) -> Reply:
        from langsmith.run_helpers import get_tracing_context

        assert get_tracing_context()["enabled"] is False, "nothing is sent to LangSmith"
        if len(self.asked) == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.asked.append(question)
        self.left.append(remaining())
        if len(self.asked) - 1 == self._fails_at:
            raise OutOfTime("The time is up.")
        if self.refuses:
            refusal = NoAnswer(self.refuses, "No.", 0, ())
            return Reply(Answer(question.text, (), (), 0.0, "", refusal=refusal), question.mode, 0, 0, Source.NONE)
        said = AnswerSentence(f"Said to: {question.text}", (1,), ())
        return Reply(
            Answer(question.text, (said,), (Citation(1, PAPER),), 0.9, "s1"), question.mode, 1.0, 1.0, cost=self._cost
        )


class Fixed:
    """Plans three questions."""

    def plan(self, question: str) -> Plan:
        current().take(0)
        return Plan((Asked(question, "the question itself"), Asked("One?", "a part"), Asked("Two?", "a part")))


def deep_over(oracle: Scripted, folder: Path) -> Deep:
    return Deep(lambda: oracle, Fixed(), folder / "deep.sqlite3", FakeClock())


def test_a_thread_whose_process_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        deep_over(Scripted(dies_at=1), tmp_path).answer(admit("Both?"), "mine")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    oracle = Scripted()
    answer = deep_over(oracle, tmp_path).answer(admit("Both?"), "mine")
    assert [question.text for question in oracle.asked] == ["One?", "Two?"], "what was answered is not asked again"
    assert [s["text"] for s in answer["sentences"]] == ["Said to: One?", "Said to: Two?", "Said to: Both?"]


def test_another_question_in_a_thread_that_was_interrupted_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        deep_over(Scripted(fails_at=0), tmp_path).answer(admit("Both?"), "mine")
    for other in (admit("Something else?"), admit("Both?", Mode.NAIVE)):
        oracle = Scripted()
        deep_over(oracle, tmp_path).answer(other, "mine")
        assert oracle.asked[0].text == other.text
        assert len(oracle.asked) == 3


def test_a_step_that_fails_costs_that_step(tmp_path: Path) -> None:
    answer = deep_over(Scripted(fails_at=1), tmp_path).answer(admit("Both?"))
    assert [(gap["question"], gap["why"]) for gap in answer["gaps"]] == [("One?", "The time is up.")]
    assert len(answer["sentences"]) == 2


def test_a_deadline_holds_for_all_steps_together(tmp_path: Path) -> None:
    oracle = Scripted()
    answer = deep_over(oracle, tmp_path).answer(admit("Both?"), until=Until(time.monotonic() + 60))
    assert all(0 < left <= 60 for left in oracle.left)
    oracle = Scripted()
    answer = deep_over(oracle, tmp_path).answer(admit("Both?"), until=Until(time.monotonic()))
    assert [question.text for question in oracle.asked] == ["Both?"]
    assert [gap["why"] for gap in answer["gaps"]] == ["The time was up before it was asked."] * 2


def test_steps_share_what_the_question_may_cost(tmp_path: Path) -> None:
    oracle = Scripted(cost=40)
    answer = deep_over(oracle, tmp_path).answer(replace(admit("Both?"), max_cost=100))
    assert [question.max_cost for question in oracle.asked] == [100, 60, 20]
    assert answer["cost_usd"] == pytest.approx(120 / 1_000_000)


@pytest.mark.parametrize("reason", [RefusalReason.UNSAFE, RefusalReason.EMPTY_BASE])
def test_what_is_refused_whole_is_not_asked_in_parts(tmp_path: Path, reason: RefusalReason) -> None:
    oracle = Scripted()
    oracle.refuses = reason
    answer = deep_over(oracle, tmp_path).answer(admit("Both?"))
    assert len(oracle.asked) == 1
    assert answer["refusal"]["reason"] == reason.value


def test_a_thread_is_worked_on_once_at_a_time(tmp_path: Path) -> None:
    deep = deep_over(Scripted(), tmp_path)
    running = deep.stream(admit("Both?"), "mine")
    next(running)
    with pytest.raises(StoreLocked, match="mine"):
        deep.answer(admit("Both?"), "mine")
    deep.answer(admit("Both?"), "yours")
    running.close()
    assert deep.answer(admit("Both?"), "mine")["answered"]


def test_threads_are_kept_as_json_and_nothing_else_is_read(tmp_path: Path) -> None:
    deep = deep_over(Scripted(), tmp_path)
    with pytest.raises(OutOfTime):
        deep_over(Scripted(fails_at=0), tmp_path).answer(admit("Both?"), "broken")
    deep.answer(admit("Both?"), "mine")
    with sqlite3.connect(tmp_path / "deep.sqlite3") as connection:
        kinds = connection.execute("SELECT type FROM checkpoints UNION SELECT type FROM writes").fetchall()
        assert kinds == [("json",)]
        assert connection.execute("SELECT count(*) FROM checkpoints WHERE thread_id = 'mine'").fetchone() == (1,)
        connection.execute("UPDATE checkpoints SET type = 'pickle'")
    connection.close()
    with pytest.raises(StoreCorrupt, match="pickle"):
        deep.history("mine")


def test_a_thread_can_be_forgotten_and_the_oldest_ones_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = deep_over(Scripted(), tmp_path)
    for name in ("a", "b", "c"):
        deep.answer(admit("Both?"), name)
    deep.forget("b")
    deep.forget("nobody")
    assert [len(deep.history(name)) for name in "abc"] == [1, 0, 1]
    monkeypatch.setattr("cmo.agents.saved.MOST_THREADS", 2)
    deep.answer(admit("Both?"), "d")
    assert [len(deep.history(name)) for name in "abcd"] == [0, 0, 1, 1]


@pytest.mark.parametrize(("kind", "text"), [("pickle", b"cos\nsystem\n."), ("msgpack", b"\x80"), ("json", b"{")])
def test_a_checkpoint_that_is_no_json_is_refused(kind: str, text: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        JsonSerializer().loads_typed((kind, text))


def test_a_value_that_is_no_json_is_not_kept() -> None:
    with pytest.raises(TypeError):
        JsonSerializer().dumps_typed({"clock": object()})
    assert JsonSerializer().loads_typed(JsonSerializer().dumps_typed(OutOfTime("late"))) == "OutOfTime: late"


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "deep.sqlite3").write_bytes(b"no database, but long enough to be read as one" * 40)
    with pytest.raises(StoreError, match="Delete it"):
        deep_over(Scripted(), tmp_path).answer(admit("Both?"))


def test_without_the_extra_its_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.checkpoint.sqlite", None)
    with pytest.raises(ExtraMissing, match=r"\[agents\]"):
        deep_over(Scripted(), tmp_path).answer(admit("Both?"))


def test_a_sentence_that_reverses_an_earlier_one_is_a_dispute() -> None:
    class Scorer:
        def score(self, claims: Sequence[Claim]) -> list[Support]:
            (claim,) = claims
            reason = Reason(Flag.DIRECTION, "It says up where the source says down.")
            return [Support(claim.text, 0.1, 0.8, len(claim.evidence) - 1, (reason,))]

    def reply(text: str, paper: str) -> dict[str, Any]:
        return {
            "sentences": [{"text": text, "citations": [1], "evidence": [paper]}],
            "citations": [{"number": 1, "paper_id": paper}],
        }

    up, down = reply("Leucine rises in diabetes.", "p1"), reply("Leucine falls in diabetes.", "p2")
    (dispute,) = reversed_by(down, [up], Scorer())
    assert dispute["evidence"] == ["p2", "p1"]
    assert list(reversed_by(reply("Leucine falls in diabetes.", "p1"), [up], Scorer())) == [], "one paper is no dispute"
    assert list(reversed_by(reply("Urine was frozen.", "p3"), [up], Scorer())) == []
