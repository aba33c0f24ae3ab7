"""`cmo keys` and `cmo audit`: what they print, and what they refuse."""

import json
import unicodedata
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cmo.access import Shown, split
from cmo.cli.main import app as cmo
from cmo.errors import AccessRefused
from cmo.model.access import Deed, Principal


@pytest.fixture
def run(base: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CMO_HOME", str(base.folder))

    def run(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(cmo, words)
        assert (done.exit_code or (1 if done.exception else 0)) == code, done.output
        return json.loads(done.stdout) if "--json" in words and not code else done.output

    return run


def test_a_key_is_shown_once_rotated_and_revoked(base: Any, run: Any) -> None:
    assert "There are no keys" in run("keys", "list")
    made = run("keys", "create", "mia", "--role", "curator", "--days", "30", "--per-day", "9", "--json")
    parsed = split(made["key"])
    assert parsed is not None
    assert (parsed[0], made["role"], made["state"], made["per_day"]) == (made["id"], "curator", "holds", 9)
    assert isinstance(base.app.warden.look(Shown(key=made["key"])), Principal)
    fresh = run("keys", "rotate", made["id"], "--overlap-hours", "1", "--json")
    listed = {row["id"]: row for row in run("keys", "list", "--json")["keys"]}
    assert {row["state"] for row in listed.values()} == {"rotating", "holds"}
    assert listed[made["id"]]["replaced_by"] == fresh["id"]
    secrets = [made["key"].rpartition("_")[2], fresh["key"][-40:]]
    assert not any(secret in run("keys", "list") + json.dumps(listed) + run("audit", "list") for secret in secrets)
    assert run("keys", "revoke", fresh["id"], "--reason", "lost", "--json")["state"] == "revoked"


def test_what_cannot_be_is_refused_with_what_to_do(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        ("create", " "), ("create", "x", "--role", "king"), ("create", "x", "--days", "0"), ("create", "x", "--per-day", "-1"),
    ):  # fmt: skip
        run("keys", *words, code=2)
    for words in (("revoke", "nobody"), ("rotate", "nobody"), ("create", "x", "--tenant", "../up")):
        run("keys", *words, code=1)
    monkeypatch.setenv("CMO_BASE_OF", "lab")
    run("keys", "create", "x", code=1)


def test_an_audit_that_was_tampered_with_ends_with_nine(base: Any, run: Any) -> None:
    for name in ("a", "b", "c"):
        run("keys", "create", name, "--json")
    told = run("audit", "verify", "--json")
    assert (told["sound"], told["lines"]) == (True, 3)
    assert "3 lines hold" in run("audit", "verify", "--known", told["end"])
    run("audit", "verify", "--known", "3:" + "0" * 64, code=9)
    run("audit", "verify", "--known", "9:" + "0" * 64, code=9)
    run("audit", "verify", "--known", "nonsense", code=2)
    assert [line["subject"] for line in run("audit", "list", "--limit", "1", "--json")["lines"]] != []
    assert "Nothing was written down" in run("audit", "list", "--action", "none")
    with base.app.record._engine.begin() as connection:
        connection.execute(text("DROP TRIGGER access_trail_no_UPDATE"))
        connection.execute(text("UPDATE access_trail SET facts = '{}' WHERE number = 2"))
    assert "line 2 was altered" in run("audit", "verify", code=9)


def test_what_somebody_put_into_an_address_moves_no_cursor_and_forges_no_line(base: Any, run: Any) -> None:
    evil = "DELETE /papers/\x1b]0;owned\x07\x1b[2J\n17  root  key-made [red]x[/red]"
    base.app.record.access.note(Deed(0.0, "\x1b[31meve", "role-refused", evil, {"why": "\x9b1A\u202e"}))
    told = run("audit", "list")
    assert "[red]x[/red]" in " ".join(told.split()), "shown as it stands"
    assert not any(unicodedata.category(sign) in {"Cc", "Cf"} for sign in told.replace("\n", ""))
    assert not any(line.lstrip().startswith("17  root") for line in told.splitlines())


def test_no_key_is_called_what_an_application_calls_its_users(run: Any) -> None:
    refused = CliRunner().invoke(cmo, ["keys", "create", "ward/bed 7"]).exception
    assert isinstance(refused, AccessRefused)
    assert "No key can be called" in str(refused)
    assert "There are no keys" in run("keys", "list")
