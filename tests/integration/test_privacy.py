"""What is kept of one person: all of it told, all of it erased, and nobody else's touched."""

import json
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from cmo.access import verify
from cmo.cli.main import app as cmo
from cmo.kit.hashing import hex_hash
from cmo.model.access import Key, Role
from cmo.model.audit import Given, Rating
from cmo.model.delivery import Exposure, Observation
from cmo.model.money import Payer
from cmo.store import tables
from cmo.store.record import Record
from cmo.testing import FakeClock

AT = datetime(2026, 1, 2, tzinfo=UTC)
KINDS = {
    "answers": 1,
    "ratings": 1,
    "exposures": 2,
    "keys": 1,
    "trail": 0,
    "ledger": 1,
    "balances": 1,
    "limits": 1,
    "asked": 1,
    "people": 0,  # who signs in with a provider: see test_web_oidc
}


def fill(record: Record, user: str) -> None:
    """One of everything, of one person."""
    reply = {"id": f"a-{user}", "answer": f"told {user}", "thread_id": f"t-{user}"}
    record.answers.put([Given(f"a-{user}", AT, Payer("lab", user), "", "1", {"query": f"asked by {user}"}, reply)])
    record.answers.rate(Rating(f"a-{user}", AT, Payer("lab", user), 4, "good"))
    seen = {"unit": hex_hash("trial", "0", user), "values": {}}
    put = [Exposure("r", 0, hex_hash("r", user), "new", 1.0), Exposure("trial", 0, seen["unit"], "new", 1.0)]
    record.delivery.observe([Observation(f"b-{user}", "trial", 0, "new", 1.0, seen)], put)
    whose = {"tenant": "lab", "user_id": user}
    call = {
        "at": AT, "expires_at": AT, "day": "2026-01-02", "provider": "p", "model": "m", "service": "llm", "purpose": "x",
        "question": "q", "state": "settled", "expected": 1, "most": 1, "cost": 7, "input_tokens": 0, "output_tokens": 0,
        "cached_tokens": 0, "seconds": 0.0, "failed": False,
    }  # fmt: skip
    rows: list[tuple[Any, dict[str, Any]]] = [
        (tables.ledger, call),
        (tables.balances, {"period": "2026-01-02", "spent": 7, "exposed": 7, "alerted": 0}),
        (tables.limits, {"per": "day", "micros": 5}),
        (
            tables.asked,
            {"id": f"q-{user}", "at": AT, "day": "2026-01-02", "source": "x", "seconds": 1.0, "failed": False},
        ),
    ]
    with record._engine.begin() as connection:
        for table, row in rows:
            connection.execute(insert(table).values(**whose, **row))
    record.access.add(Key(user.rjust(12, "0"), "0" * 64, user, Role.READER, "", 1.0), _deed())


def _deed() -> Any:
    from cmo.model.access import Deed

    return Deed(1.0, "root", "key-made")


def test_all_that_is_kept_of_somebody_is_told_and_then_is_gone(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        for user in ("mia", "mia2", "noor"):
            fill(record, user)
        persons = record.persons
        told = persons.said("mia") | persons.spent("mia", None)
        assert {name: len(rows) for name, rows in told.items()} == KINDS
        assert (told["answers"][0]["asked"], told["answers"][0]["reply"]["answer"]) == (
            {"query": "asked by mia"},
            "told mia",
        )
        assert "digest" not in told["keys"][0]
        assert not any(persons.spent("mia", "other").values())

        done = persons.erase_said("mia") | persons.erase_spent("mia", "lab")
        assert done == {n: k for n, k in KINDS.items() if n not in {"keys", "trail"}}
        left = persons.said("mia") | persons.spent("mia", None)
        assert {name for name, rows in left.items() if rows} == {"keys"}
        for other in ("mia2", "noor"):
            told = persons.said(other) | persons.spent(other, None)
            assert {name: len(rows) for name, rows in told.items()} == KINDS
        with record._engine.connect() as connection:
            spent = connection.execute(select(tables.ledger.c.user_id, tables.ledger.c.cost)).all()
            sums = [json.loads(o.sums)["unit"] for o in connection.execute(select(_observations()))]
        assert sum(cost for _, cost in spent) == 21
        assert sorted(user.startswith("erased-") for user, _ in spent) == [False, False, True]
        assert hex_hash("trial", "0", "mia") not in sums
        assert hex_hash("trial", "0", "noor") in sums
        assert len(sums) == 3


def _observations() -> Any:
    from cmo.store.delivery_tables import observations

    return observations


def test_the_command_tells_and_erases_and_writes_down_that_it_did_but_not_whom(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    fill(base.app.record, "mia")
    run = CliRunner()
    said = run.invoke(cmo, ["privacy", "export", "mia"])
    told = json.loads(said.stdout)
    assert "Nothing is kept" not in said.stderr
    assert told["answers"][0]["asked"] == {"query": "asked by mia"}
    assert run.invoke(cmo, ["privacy", "erase", "mia"], input="n\n").exit_code == 1
    assert json.loads(run.invoke(cmo, ["privacy", "export", "mia"]).stdout)["answers"] != []
    assert "1 answers" in run.invoke(cmo, ["privacy", "erase", "mia", "--yes"]).stdout
    again = run.invoke(cmo, ["privacy", "erase", "mia", "--yes"])
    assert (again.exit_code, "Nothing was kept" in again.stderr) == (5, True)
    assert "Nothing is kept" in run.invoke(cmo, ["privacy", "export", "mai"]).stderr, "a slip in a name is seen"
    lines = base.app.record.access.lines()
    assert [line.deed.action for line in lines[1:]] == [
        "privacy-exported", "privacy-exported", "privacy-erased", "privacy-erased", "privacy-exported",
    ]  # fmt: skip
    assert "mia" not in str([line.deed for line in lines[1:]])
    assert verify(lines, base.app.record.access.height()) is None


def test_what_somebody_asked_deeply_is_erased_also_where_deep_mode_is_not_installed(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    for name in ("langgraph", "langgraph.checkpoint.sqlite"):
        monkeypatch.setitem(sys.modules, name, None)
    fill(base.app.record, "mia")
    with closing(sqlite3.connect(base.folder / "deep.sqlite3")) as connection, connection:  # as LangGraph makes it
        for table in ("checkpoints", "writes"):
            connection.execute(f"CREATE TABLE {table} (thread_id TEXT NOT NULL, checkpoint_id TEXT NOT NULL)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, '1')", [("t-mia",), ("t-ada",)])
    run = CliRunner()
    erased = run.invoke(cmo, ["privacy", "erase", "mia", "--json"])
    assert (erased.exit_code, json.loads(erased.stdout)["erased"]["threads"]) == (0, 1)
    with closing(sqlite3.connect(base.folder / "deep.sqlite3")) as connection:
        for table in ("checkpoints", "writes"):
            assert connection.execute(f"SELECT thread_id FROM {table}").fetchall() == [("t-ada",)]
    (base.folder / "deep.sqlite3").write_bytes(b"no database at all, whatever it is called " * 100)
    fill(base.app.record, "eve")
    assert "cannot be used" in str(run.invoke(cmo, ["privacy", "erase", "eve", "--json"]).exception)
    assert "told eve" in run.invoke(cmo, ["privacy", "export", "eve"]).stdout, "nothing is half erased"


def test_whoever_erases_somebody_hears_of_the_keys_that_still_open(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    run = CliRunner()
    assert run.invoke(cmo, ["keys", "create", "mia"]).exit_code == 0
    ((key, *_),) = (line.split() for line in run.invoke(cmo, ["keys", "list"]).stdout.splitlines() if "mia" in line)
    assert f"cmo keys revoke {key}" in run.invoke(cmo, ["privacy", "erase", "mia", "--yes"]).stderr
    run.invoke(cmo, ["keys", "revoke", key, "--reason", "erased"])
    assert json.loads(run.invoke(cmo, ["privacy", "erase", "mia", "--yes", "--json"]).stdout)["open_keys"] == []


def test_another_tenants_person_is_erased_in_their_own_base(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    fill(base.app.record, "mia")
    theirs = base.app.sibling("lab")
    theirs.record.answers.put([Given("b", AT, Payer("lab", "mia"), "", "1", {"query": "theirs"}, {"id": "b"})])
    run = CliRunner()
    done = json.loads(run.invoke(cmo, ["privacy", "erase", "mia", "--tenant", "lab", "--json"]).stdout)["erased"]
    assert (done["answers"], done["ledger"]) == (1, 1)
    assert theirs.record.answers.get("b") is None
    assert base.app.record.answers.get("a-mia") is not None
    theirs.close()
    assert run.invoke(cmo, ["privacy", "export", "mia", "--tenant", "../x"]).exit_code != 0


def test_each_kind_is_kept_for_its_days(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(base.app.record, "mia")
    clock = FakeClock(AT + timedelta(days=40))
    monkeypatch.setattr(base.app, "clock", clock)
    assert base.app.tidy() == {"answers": 2, "exposures": 3, "spending": 0, "deliveries": 0}  # exposures are of 1970
    clock.advance(800 * 86_400)
    assert base.app.tidy() == {"answers": 0, "exposures": 0, "spending": 2, "deliveries": 0}
    with base.app.record._engine.connect() as connection:
        assert connection.execute(select(tables.balances.c.spent)).scalars().all() == [7]


def test_nothing_is_made_to_look_what_is_old(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMO_HOME", str(base.folder / "none"))
    told = CliRunner().invoke(cmo, ["privacy", "tidy", "--json"])
    assert json.loads(told.stdout) == {"deleted": {}}
    assert not (base.folder / "none").exists()
