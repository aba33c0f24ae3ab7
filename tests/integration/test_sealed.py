"""Questions and answers under a seal: nothing of them stands in any file of the base, and all commands read them."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import SettingsError, StoreCorrupt
from cmo.kit.seal import fresh_key
from cmo.oracle import admit
from cmo.settings import read_settings, sealing_keys
from cmo.store.engine import sqlite_url
from cmo.store.record import Record
from cmo.testing import NEVER, FakeClock
from cmo.web import create_api

ASKED = "Is Wilhelmine Tannenbaum ill with phenylketonuria?"
WORDS = (b"Wilhelmine", b"Tannenbaum", b"wilhelmine")
PAPER = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria. A newborn is ill with phenylketonuria.\n"


def found(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes() for word in WORDS)]


@pytest.mark.parametrize("sealed", [True, False])
async def test_what_was_asked_stands_in_no_file_where_it_is_sealed(open_base: Any, sealed: bool) -> None:
    key = fresh_key()
    with open_base(**({"encryption_key": key} if sealed else {})) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.add(pku=PAPER)
        transport = httpx.ASGITransport(create_api(base.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            told = (await http.post("/query", json={"query": ASKED, "user": "mia"})).json()
        next(iter(base.app.deep.stream(admit(ASKED), "thread"))).thread  # noqa: B018 - one step is kept
        base.app.chronicle.close()
        rating = {"answer_id": told["id"], "rating": 5, "comment": "of Tannenbaum"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            assert (await http.post("/api/feedback", json=rating)).status_code == 200
            forged = rating | {"comment": "\x01sealed:Ag==", "user": "eve"}
            assert (await http.post("/api/feedback", json=forged)).status_code == 200
            kept = (await http.get(f"/api/answers/{told['id']}")).json()
        assert (kept["asked"]["query"], kept["reply"]["id"]) == (ASKED, told["id"])
        assert sorted(one["comment"] for one in kept["ratings"]) == ["of Tannenbaum", "sealed:Ag=="]
        (matching,) = base.app.record.answers.recent(5, containing="tannenBAUM")
        assert matching.id == told["id"]
        assert base.app.record.answers.recent(5, containing="homocystinuria") == []
        assert base.app.record.persons.said("mia")["answers"][0]["asked"]["query"] == ASKED
        assert (found(base.folder) == []) is sealed


def test_without_the_key_an_answer_is_not_read_and_an_old_one_without_seal_still_is(tmp_path: Path) -> None:
    from tests.integration.test_privacy import fill

    url, old, new = sqlite_url(tmp_path), FakeClock(), fresh_key()
    from cmo.kit.seal import seal_of

    with Record.open(url, old) as plain:
        fill(plain, "before")
    with Record.open(url, old, seal_of(new)) as sealed:
        fill(sealed, "after")
        assert [g.question for g in sealed.answers.recent(5)] == ["asked by after", "asked by before"]
    with Record.open(url, old) as plain, pytest.raises(StoreCorrupt, match="CMO_ENCRYPTION_KEY"):
        plain.answers.recent(5)


def test_keys_may_stand_in_a_file(tmp_path: Path) -> None:
    path, keys = tmp_path / "keys", [fresh_key(), fresh_key()]
    path.write_text("\n".join(keys) + "\n")
    assert sealing_keys(read_settings(encryption_key_file=path)) == ",".join(keys)
    assert sealing_keys(read_settings(encryption_key_file=path, encryption_key="own")) == "own"
    assert sealing_keys(read_settings()) == ""
    with pytest.raises(SettingsError, match="cannot be read"):
        sealing_keys(read_settings(encryption_key_file=tmp_path / "none"))
    assert json.dumps(str(read_settings(encryption_key=keys[0]))).count(keys[0]) == 0
