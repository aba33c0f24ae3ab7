"""A kept reply serves the same question in other words, only where that is on, and only while its audit agrees."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.cache.semantic import Audit, SemanticTier
from cmo.cli import main
from cmo.errors import EmbeddingFailed
from cmo.kit.clock import SystemClock
from cmo.oracle import Reply, admit
from cmo.stories.recall import Recall
from cmo.stories.rephrased import Rephrased
from cmo.testing import NEVER

ASKED = "Which amino acids are raised in maple syrup urine disease?"
OTHERWISE = "What amino acids are elevated in MSUD?"
ANOTHER = "Which amino acids are lowered in maple syrup urine disease?"
MSUD = (
    "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n"
)
Open = Callable[..., Any]


@asynccontextmanager
async def recalling(base: Any, chance: float = 0.5, *, on: bool = True) -> AsyncIterator[Recall]:
    app = base.app
    app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(10.0, {}, 0.5), NEVER)
    audit = Audit(base.folder / "semantic_audit.json", lambda: chance)
    tier: SemanticTier[Any] = SemanticTier(app.guard, lambda: app.questions, audit)
    recall = Recall(
        app.oracle,
        app.keeping.tiers,
        edition=app.editions.now,
        basis=app.keeping.basis,
        reach=app.reach.now,
        clock=SystemClock(),
        seconds=100.0,
        rephrased=Rephrased(tier, app.executor) if on else None,
    )
    yield recall
    await recall.aclose()


@pytest.fixture
def counted(base: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that the oracle itself was asked."""
    asked: list[str] = []
    reply = type(base.app.oracle).reply

    def noted(self: Any, question: Any) -> Reply:
        asked.append(question.text)
        return reply(self, question)

    monkeypatch.setattr(type(base.app.oracle), "reply", noted)
    base.add(msud=MSUD)
    return asked


async def test_the_same_question_in_other_words_is_answered_once(base: Any, counted: list[str]) -> None:
    async with recalling(base) as recall:
        first = await recall.ask(admit(ASKED))
        again = await recall.ask(admit(OTHERWISE))
    assert counted == [ASKED]
    assert again.cached
    assert again.tier == "memory-rephrased"
    assert again.facts["question"] == OTHERWISE
    assert again.facts["answer"] == first.facts["answer"]


async def test_another_question_is_answered_for_itself(base: Any, counted: list[str]) -> None:
    async with recalling(base) as recall:
        await recall.ask(admit(ASKED))
        other = await recall.ask(admit(ANOTHER))
    assert counted == [ASKED, ANOTHER]
    assert not other.cached


async def test_nothing_is_shared_where_it_is_off(base: Any, counted: list[str]) -> None:
    async with recalling(base, on=False) as recall:
        await recall.ask(admit(ASKED))
        assert not (await recall.ask(admit(OTHERWISE))).cached
    assert base.app.settings.semantic_cache == "off"
    assert len(counted) == 2


async def test_another_way_of_asking_shares_nothing(base: Any, counted: list[str]) -> None:
    async with recalling(base) as recall:
        await recall.ask(admit(ASKED))
        assert not (await recall.ask(admit(OTHERWISE, "naive"))).cached
    assert len(counted) == 2


async def test_a_retracted_paper_is_not_told_in_other_words(base: Any, counted: list[str]) -> None:
    async with recalling(base) as recall:
        await recall.ask(admit(ASKED))
        base.app.curator.retract(next(p.ref.paper_id for p in base.app.record.papers()), "wrong")
        told = await recall.ask(admit(OTHERWISE))
    assert not told.cached
    assert told.facts["refusal"]
    assert counted == [ASKED, OTHERWISE]


async def test_who_wants_it_anew_gets_it_anew(base: Any, counted: list[str]) -> None:
    async with recalling(base) as recall:
        await recall.ask(admit(ASKED))
        assert not (await recall.ask(admit(OTHERWISE), anew=True)).cached
    assert len(counted) == 2


async def test_one_reply_in_so_many_is_made_anew_and_compared(base: Any, counted: list[str]) -> None:
    async with recalling(base, chance=0.0) as recall:
        await recall.ask(admit(ASKED))
        told = await recall.ask(admit(OTHERWISE))
    assert not told.cached
    assert counted == [ASKED, OTHERWISE]
    audit = Audit(base.folder / "semantic_audit.json", lambda: 0.5)
    assert (audit.evidence.looked, audit.evidence.wrong) == (1, 0)


async def test_once_the_audit_has_stopped_it_each_question_is_answered_for_itself(
    base: Any, counted: list[str]
) -> None:
    audit = Audit(base.folder / "semantic_audit.json", lambda: 0.5)
    while audit.running:
        audit.record(wrong=True)
    async with recalling(base) as recall:
        await recall.ask(admit(ASKED))
        assert not (await recall.ask(admit(OTHERWISE))).cached
        audit.start_again()
        assert (await recall.ask(admit("In MSUD, which amino acids are raised?"))).cached
    assert counted == [ASKED, OTHERWISE]


async def test_a_fault_in_looking_for_other_words_costs_no_reply(
    base: Any, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EmbeddingFailed("The endpoint is gone.")

    for name in ("find", "keep", "compared"):
        monkeypatch.setattr(SemanticTier, name, fail)
    async with recalling(base) as recall:
        assert (await recall.ask(admit(ASKED))).facts["answered"]
        assert (await recall.ask(admit(OTHERWISE))).facts["answered"]
    assert len(counted) == 2


def test_the_setting_puts_it_into_the_cast(open_base: Open, tmp_path: Path) -> None:
    with open_base(tmp_path / "on", semantic_cache="answers") as base:
        assert base.app.recall._rephrased is base.app.rephrased
    with open_base(tmp_path / "off") as base:
        assert base.app.recall._rephrased is None


def test_people_see_how_the_audit_stands_and_start_it_again(
    base: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cmo(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["cmo", *arguments, "--home", str(base.folder)])
        with pytest.raises(SystemExit) as end:
            main.run()
        assert not end.value.code
        return capsys.readouterr().out

    for _ in range(6):
        base.app.audit.record(wrong=True)
    facts = orjson.loads(cmo("cache", "status", "--json"))
    assert (facts["semantic"], facts["semantic_checked"], facts["semantic_differed"]) == ("stopped by its audit", 6, 6)
    assert "6 of 6" in cmo("cache", "resume")
    assert orjson.loads(cmo("cache", "status", "--json"))["semantic"] == "off"
