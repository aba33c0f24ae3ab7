"""Answers that were given: written down, rated, asked again, forgotten."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cmo import wire
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.cli.main import app as cli
from cmo.errors import NotFound, StoreCorrupt, StoreError
from cmo.model.audit import Given, Rating
from cmo.model.money import Payer
from cmo.model.papers import Section
from cmo.model.questions import Filters, Mode, Question, Reach
from cmo.store.record import Record
from cmo.stories.chronicle import Chronicle, asked, question_of
from cmo.testing import NEVER, FakeClock
from cmo.web import create_api

ASKED = "Which amino acids are raised in maple syrup urine disease?"
MSUD = "Maple syrup urine disease\n\nLeucine, isoleucine and valine are raised in maple syrup urine disease.\n"
NEWER = "Maple syrup urine disease\n\nAlloisoleucine and the branched amino acids are raised in maple syrup urine disease.\n"
NOW = datetime(2026, 5, 4, tzinfo=UTC)
FULL = Question(
    "What is raised?",
    Mode.MIX,
    Filters(2010, 2020, frozenset({"j"}), frozenset({Section.RESULTS}), frozenset({"p", "q"}), frozenset({"r"})),
    Reach(multi_hop=False, hops=2, reasoning=False),
)


def given(name: str = "a1", at: datetime = NOW, query: str = "What is TMAO?") -> Given:
    return Given(name, at, Payer("lab", "mia"), "", "0.1", {**asked(FULL), "query": query}, {"id": name, "answer": "β"})


@pytest.mark.parametrize("question", [Question("What is TMAO?"), FULL])
def test_a_question_is_asked_again_as_it_was(question: Question) -> None:
    assert question_of(asked(question)) == question


def test_an_answer_is_kept_as_it_was_and_found_by_its_words(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        log = record.answers
        log.put([given(), given("b2", NOW + timedelta(hours=1), "100 % of WHAT_not?")])
        log.put([replace(given(), reply={"id": "a1", "answer": "another"})])  # the same again: nothing changes
        assert log.get("a1") == given()
        assert [g.id for g in log.recent(9)] == ["b2", "a1"]
        assert [g.id for g in log.recent(1)] == ["b2"]
        assert [g.id for g in log.recent(9, containing="tmao")] == ["a1"]
        assert [g.id for g in log.recent(9, containing="% of what_")] == ["b2"]
        assert log.recent(9, containing="%") != log.recent(9, containing="\\%") == []
        assert log.get("c3") is None


def test_each_person_has_one_rating_the_last(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        log = record.answers
        log.put([given()])
        for payer, score in ((Payer("", "mia"), 2), (Payer("", "ben"), 5), (Payer("", "mia"), 4)):
            log.rate(Rating("a1", NOW, payer, score, "why"))
        assert {(r.payer.user, r.score) for r in log.ratings("a1")} == {("mia", 4), ("ben", 5)}
        assert log.ratings("b2") == []
        with pytest.raises(NotFound, match="b2"):
            log.rate(Rating("b2", NOW, Payer(), 3))


def test_what_is_old_is_forgotten_with_its_ratings(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        log = record.answers
        log.put([given(), given("b2", NOW + timedelta(days=2))])
        log.rate(Rating("a1", NOW, Payer(), 3))
        assert log.forget(NOW + timedelta(days=1)) == 1
        assert (log.get("a1"), log.ratings()) == (None, [])
        assert log.get("b2") is not None


def test_a_damaged_answer_says_so(tmp_path: Path) -> None:
    with Record.open(f"sqlite:///{tmp_path / 'r.sqlite3'}", FakeClock()) as record:
        record.answers.put([given()])
        with record._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE answers SET reply = x'00ff'")
        with pytest.raises(StoreCorrupt, match="a1 cannot be read"):
            record.answers.get("a1")


class Store:
    """A log that may be gone for a while."""

    def __init__(self) -> None:
        self.kept: list[Given] = []
        self.gone = threading.Event()
        self.forgotten: list[datetime] = []

    def put(self, answers: list[Given]) -> None:
        if self.gone.is_set():
            raise StoreError("gone")
        self.kept += answers

    def forget(self, before: datetime) -> int:
        self.forgotten.append(before)
        return 0


def noted(chronicle: Chronicle, count: int) -> None:
    for n in range(count):
        chronicle.note(Question(f"What is {n}?"), {"id": f"{n:x}"})


def until(condition: Any) -> None:
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def test_answers_are_written_in_their_order_and_old_ones_go() -> None:
    store, clock = Store(), FakeClock()
    chronicle = Chronicle(lambda: store, clock, "0.1", days=3)  # type: ignore[arg-type, return-value]
    noted(chronicle, 250)
    chronicle.close()
    assert [g.id for g in store.kept] == [f"{n:x}" for n in range(250)]
    assert store.forgotten == [clock.now() - timedelta(days=3)]
    assert chronicle.statistics().written == 250
    noted(chronicle, 1)
    assert chronicle.statistics().lost == 1


def test_answers_wait_while_the_store_is_gone_and_too_many_are_counted_as_lost() -> None:
    store = Store()
    store.gone.set()
    chronicle = Chronicle(lambda: store, FakeClock(), "0.1", days=3)  # type: ignore[arg-type, return-value]
    noted(chronicle, 5_003)
    assert (chronicle.statistics().waiting, chronicle.statistics().lost) == (5_000, 3)
    store.gone.clear()
    until(lambda: chronicle.statistics().written == 5_000)
    chronicle.close()
    assert len(store.kept) == len({g.id for g in store.kept}) == 5_000


# -- over HTTP and from the shell ------------------------------------------------------------------------------------


def speaking(base: Any) -> Any:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    return base


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    base.add(msud=MSUD)
    transport = httpx.ASGITransport(create_api(speaking(base).app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await base.app.recall.aclose()


async def answered(http: httpx.AsyncClient, base: Any) -> dict[str, Any]:
    reply = (await http.post("/query", json={"query": ASKED, "user": "mia", "tenant": "lab"})).json()
    await asyncio.to_thread(until, lambda: base.app.record.answers.get(reply["id"]))
    return dict(reply)


async def test_an_answer_can_be_looked_up_rated_and_replayed(http: httpx.AsyncClient, base: Any) -> None:
    reply = await answered(http, base)
    again = (await http.post("/query", json={"query": ASKED})).json()
    assert (again["id"], again["cached"]) == (reply["id"], True)
    told = (await http.get(f"/api/answers/{reply['id']}")).json()
    assert told["reply"] == reply
    assert told["asked"]["query"] == ASKED
    assert base.app.record.answers.get(reply["id"]).payer == Payer("lab", "mia")
    for user, rating in (("mia", 5), ("ben", 2)):
        said = {"answer_id": reply["id"], "rating": rating, "comment": " well ", "user": user}
        rated = (await http.post("/api/feedback", json=said)).json()
    assert (rated["ratings"], rated["average"]) == (2, 3.5)
    told = (await http.get(f"/api/answers/{reply['id']}")).json()
    assert [(r["rating"], r["comment"]) for r in told["ratings"]] == [(5, "well"), (2, "well")]
    replayed = (await http.get(f"/api/answers/{reply['id']}/replay")).json()
    assert replayed["same"] is True
    assert replayed["kept"] == [s["text"] for s in reply["sentences"]] != []


async def test_what_an_answer_cites_can_be_exported(http: httpx.AsyncClient, base: Any) -> None:
    reply = await answered(http, base)
    for style, kind, begins in (
        ("bibtex", "application/x-bibtex", "@misc{"),
        ("ris", "application/x-research-info-systems", "TY  - GEN"),
        ("vancouver", "text/plain", "1. Maple syrup urine disease"),
    ):
        told = await http.get(f"/api/answers/{reply['id']}/references", params={"style": style})
        assert told.headers["content-type"].startswith(kind)
        assert told.text.startswith(begins)
    assert (await http.get(f"/api/answers/{reply['id']}/references?style=word")).status_code == 422
    assert (await http.get("/api/answers/abc/references")).status_code == 404


async def test_a_replay_tells_what_changed_and_why(http: httpx.AsyncClient, base: Any) -> None:
    reply = await answered(http, base)
    paper = reply["citations"][0]["paper_id"]
    await asyncio.to_thread(lambda: base.add(msud=NEWER))
    replayed = (await http.get(f"/api/answers/{reply['id']}/replay")).json()
    assert replayed["same"] is False
    assert replayed["gone"] == [s["text"] for s in reply["sentences"]]
    assert replayed["new"]
    assert [(p["paper_id"], p["fate"]) for p in replayed["papers"]] == [(paper, "replaced")]
    assert replayed["changed"]["snapshot"]["then"] == reply["snapshot"]
    await asyncio.to_thread(base.app.curator.retract, paper, "wrong")
    replayed = (await http.get(f"/api/answers/{reply['id']}/replay")).json()
    assert [(p["paper_id"], p["fate"]) for p in replayed["papers"]] == [(paper, "retracted")]
    assert replayed["changed"]["answered"] == {"then": True, "now": False}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"answer_id": "abc", "rating": 3}, 404),
        ({"answer_id": "abc", "rating": 0}, 422),
        ({"answer_id": "abc", "rating": 6}, 422),
        ({"answer_id": "../x", "rating": 3}, 422),
        ({"answer_id": "abc", "rating": 3, "comment": "x" * 2_001}, 422),
    ],
)
async def test_feedback_that_cannot_be_kept_says_why(
    http: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    reply = await http.post("/api/feedback", json=body)
    assert reply.status_code == status
    assert reply.json()["detail"]


async def test_nothing_is_kept_where_nobody_wants_it(base: Any) -> None:
    base.add(msud=MSUD)
    base.app.settings = base.app.settings.model_copy(update={"audit_days": 0.0})
    transport = httpx.ASGITransport(create_api(speaking(base).app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.post("/query", json={"query": ASKED})).json()["answered"]
    await base.app.recall.aclose()
    assert "chronicle" not in base.app.__dict__
    assert base.app.record.answers.recent(9) == []


def test_commands_list_show_rate_replay_and_forget(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    base.add(msud=MSUD)
    speaking(base)
    question = Question(ASKED)
    reply = wire.reply(base.app.oracle.reply(question))
    base.app.chronicle.note(question, reply)
    until(lambda: base.app.record.answers.recent(1))
    monkeypatch.setattr("cmo.cli.answers.opened", lambda _: nullcontext(base.app))
    run = CliRunner().invoke
    assert reply["id"] in run(cli, ["answers", "list"]).output
    assert "Kept: 4 of 5" in run(cli, ["answers", "rate", reply["id"], "4", "--comment", "good [sic]"]).output
    shown = run(cli, ["answers", "show", reply["id"]]).output
    assert "good [sic]" in shown
    assert reply["sentences"][0]["text"] in shown
    assert run(cli, ["answers", "show", reply["id"], "--references", "vancouver"]).output.startswith("1. Maple")
    same = run(cli, ["replay", reply["id"]])
    assert same.exit_code == 0
    assert "same sentences" in same.output
    base.add(msud=NEWER)
    differs = run(cli, ["replay", reply["id"]])
    assert differs.exit_code == 10
    assert "replaced: Maple syrup urine disease" in differs.output
    assert "1 answers are deleted" in run(cli, ["answers", "forget", "--days", "0"]).output
    assert "No answer is kept" in run(cli, ["answers", "list"]).output


def test_what_people_accept_is_learnt_from_their_ratings(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    base.add(msud=MSUD)
    speaking(base)
    monkeypatch.setattr("cmo.cli.answers.opened", lambda _: nullcontext(base.app))
    run = CliRunner().invoke
    reply = wire.reply(base.app.oracle.reply(Question(ASKED)))
    log = base.app.record.answers
    log.put(
        [Given(f"{n:x}", NOW, Payer(), "", "0", asked(Question(ASKED)), {**reply, "id": f"{n:x}"}) for n in range(30)]
    )
    for n in range(15):
        log.rate(Rating(f"{n:x}", NOW, Payer(), 1))
    assert run(cli, ["answers", "learn"]).exit_code != 0
    for n in range(15, 30):
        log.rate(Rating(f"{n:x}", NOW, Payer(), 2 if n % 2 else 3))
    shipped = base.app.judge_sent(reply).acceptable
    assert run(cli, ["answers", "learn"]).exit_code == 0
    base.app.__dict__.pop("assessor")
    assert base.app.judge_sent(reply).acceptable < shipped
    assert run(cli, ["answers", "learn", "--forget"]).exit_code == 0
    base.app.__dict__.pop("assessor")
    assert base.app.judge_sent(reply).acceptable == shipped
