"""Conversations in their file: sealed, forgotten after their days, told and erased by `cmo privacy`. Without Chainlit."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cmo.chat.history import FILE, History
from cmo.cli.main import app as cmo
from cmo.errors import StoreCorrupt, StoreError
from cmo.kit.clock import SystemClock
from cmo.kit.seal import PLAIN, Seal, fresh_key, seal_of
from cmo.testing import FakeClock

DAY = 86_400.0
SECRET = "Leucine of Mia"


@contextmanager
def kept(path: Path, clock: Any, seal: Seal = PLAIN, days: float = 30) -> Iterator[History]:
    with closing(History(path, clock, seal, days)) as history:
        yield history


def talk(history: History, thread: str, user: str, said: str = SECRET) -> None:
    """A conversation with one of everything."""
    history.meet(user)
    known = history.person(user)
    assert known is not None
    history.note(thread, f" {said}  ", known[0], {"turns": [said]})
    step = {"id": f"{thread}-1", "threadId": thread, "output": said, "metadata": {"answer_id": "ab"}}
    history.keep(step)
    history.rate(f"{thread}-1", 1, said)
    history.keep_element(f"{thread}-e", thread, f"{thread}-1", {"url": said})


def everything(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))


def test_what_was_said_is_sealed_also_what_was_said_before_there_was_a_key(tmp_path: Path) -> None:
    path, clock, key = tmp_path / FILE, FakeClock(), fresh_key()
    with kept(path, clock) as history:
        talk(history, "old", "mia")
        before = history.said("mia")
    assert SECRET.encode() in everything(path)
    with kept(path, clock, seal_of(key)) as history:
        talk(history, "new", "mia")
        told = history.said("mia")
        assert told[0] == before[0]
        assert told[1]["steps"][0]["feedback"]["comment"] == SECRET
        assert (told[1]["name"], told[1]["metadata"]["turns"]) == (SECRET, [SECRET])
        assert [key for key, _, _ in history.listed(history.person("mia")[0], "leucine OF")] == ["new", "old"]  # type: ignore[index]
        assert history.answer_of("new-1") == "ab"
    assert SECRET.encode() not in everything(path)
    with kept(path, clock) as history, pytest.raises(StoreCorrupt, match="CMO_ENCRYPTION_KEY"):
        history.said("mia")
    with closing(sqlite3.connect(path)) as connection:  # one conversation's words do not pass for another's
        connection.execute("UPDATE step SET body = (SELECT body FROM step WHERE id = 'new-1') WHERE id = 'old-1'")
        connection.commit()
    with kept(path, clock, seal_of(key)) as history, pytest.raises(StoreCorrupt, match="changed"):
        history.read("old")


def test_conversations_go_when_their_days_are_over_also_while_the_chat_runs(tmp_path: Path) -> None:
    clock = FakeClock()
    with kept(tmp_path / FILE, clock) as history:
        talk(history, "one", "mia")
        clock.advance(29 * DAY)
        talk(history, "two", "mia")
        clock.advance(2 * DAY)
        person = history.person("mia")
        assert person is not None
        assert [key for key, _, _ in history.listed(person[0], "")] == ["two"]
        assert SECRET.encode() in everything(tmp_path / FILE)
    with kept(tmp_path / FILE, clock, days=0) as history:
        assert history.tidy() == 1, "with 0 days none are kept, also of those from before"
        assert history.threads("mia") == []


def test_one_person_is_told_and_erased_and_nobody_else(tmp_path: Path) -> None:
    path, clock = tmp_path / FILE, FakeClock()
    with kept(path, clock) as history, kept(path, clock) as of_the_chat:
        for user in ("mia", "mia2", "noor"):
            talk(history, f"of-{user}", user, f"{SECRET} {user}.")
        assert [whole["id"] for whole in history.said("mia")] == ["of-mia"]
        assert history.erase("mia") == 1
        assert (history.said("mia"), history.person("mia"), history.erase("mia")) == ([], None, 0)
        assert [history.threads(user) for user in ("mia2", "noor")] == [["of-mia2"], ["of-noor"]]
        assert f"{SECRET} mia.".encode() not in everything(path)

        of_the_chat.note("of-mia", None, None, {"turns": ["a tab that is open still tells"]})
        of_the_chat.keep({"id": "x", "threadId": "of-mia", "output": "and tells"})
        of_the_chat.keep_element("y", "of-mia", None, {"url": "z"})
        assert of_the_chat.read("of-mia") is None, "what was erased does not come back"
        talk(of_the_chat, "anew", "mia")
        assert history.threads("mia") == ["anew"]


def test_a_file_of_an_older_version_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / FILE
    step = {"id": "s", "threadId": "t", "parentId": "run", "output": "said", "metadata": {"answer_id": "ab"}}
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE person (id TEXT PRIMARY KEY, identifier TEXT UNIQUE NOT NULL, at TEXT NOT NULL);"
            "CREATE TABLE thread (id TEXT PRIMARY KEY, at TEXT NOT NULL, name TEXT, person TEXT, metadata TEXT NOT NULL DEFAULT '{}');"
            "CREATE TABLE step (id TEXT PRIMARY KEY, thread TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, rating INTEGER, comment TEXT);"
            "CREATE TABLE element (id TEXT PRIMARY KEY, thread TEXT NOT NULL, step TEXT, body TEXT NOT NULL);"
        )
        now = SystemClock().now().isoformat()
        connection.execute("INSERT INTO person VALUES ('p', 'mia', ?)", (now,))
        connection.execute("INSERT INTO thread VALUES ('t', ?, 'a name', 'p', '{}')", (now,))
        connection.execute("INSERT INTO step VALUES ('s', 't', ?, ?, 1, 'well')", (now, json.dumps(step)))
        connection.commit()
    for _ in range(2):
        with kept(path, SystemClock(), seal_of(fresh_key()) if _ == 0 else PLAIN) as history:
            assert history.answer_of("s") == "ab"
            if _ == 0:
                (whole,) = history.said("mia")
                assert (whole["name"], whole["steps"][0]["feedback"]["comment"]) == ("a name", "well")


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database, " * 99)
    with pytest.raises(StoreError, match="only the chat's history is lost"):
        History(tmp_path / FILE, FakeClock(), PLAIN, 30)


def test_the_command_tells_erases_and_tidies_conversations(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = base.folder / "chat" / FILE
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("CMO_HOME", str(base.folder))
    with kept(path, SystemClock()) as history:
        talk(history, "of-mia", "mia")
        talk(history, "of-noor", "noor")
    run = CliRunner()
    told = json.loads(run.invoke(cmo, ["privacy", "export", "mia"]).stdout)
    assert [whole["steps"][0]["output"] for whole in told["conversations"]] == [SECRET]
    done = json.loads(run.invoke(cmo, ["privacy", "erase", "mia", "--json"]).stdout)
    assert done["erased"]["conversations"] == 1
    assert json.loads(run.invoke(cmo, ["privacy", "export", "mia"]).stdout)["conversations"] == []
    monkeypatch.setenv("CMO_AUDIT_DAYS", "0")
    assert json.loads(run.invoke(cmo, ["privacy", "tidy", "--json"]).stdout)["deleted"]["conversations"] == 1
    assert json.loads(run.invoke(cmo, ["privacy", "export", "noor"]).stdout)["conversations"] == []
