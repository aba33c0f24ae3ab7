"""What somebody hostile sends to a service that knows them: refused in a sentence, and nobody else notices."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.model.access import Key, Role
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "What is raised in phenylketonuria?"
PAPER = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria of the newborns.\n"
FORM = "multipart/form-data; boundary="
PART = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n'


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    text = base.app.keyring.make(Key("", "", "eve", Role.ADMIN, "", 0.0), "root")[1].text
    base.add(pku=PAPER)
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"X-API-Key": text}
    ) as client:
        yield client


BODIES = (
    b'{"query":' + b"[" * 60_000 + b"}",
    b'{"a":' * 12_000,
    b'{"query":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b'{"query":"what \\ud800 is raised","user":"\\udfff"}',
    b'{"query":"\xff\xfe what is raised"}',
    b'{"query":"what is raised","max_cost":NaN}',
    b'{"query":"what is raised","deadline_ms":' + b"9" * 5_000 + b"}",
    b'{"query":"what is raised","deadline_ms":1e400}',
    b'{"query":"what is raised","filters":{"papers":["\\ud800"]}}',
    b'{"query":"what is raised","role":"admin","release":"x","payer":{},"id":"1"}',
    b"[1,2]",
    b"null",
    b'"what is raised"',
    b"",
)


async def test_whatever_is_sent_as_json_is_refused_in_a_sentence(http: httpx.AsyncClient) -> None:
    """OWASP API3: no member that a body should not have, and no text that breaks what reads it."""
    for path in (
        "/query", "/classify", "/api/deep", "/api/query/enhanced", "/api/query/enrichment/test", "/api/feedback", "/login",
        "/api/releases", "/api/releases/rollout/pause", "/api/experiments/x/start",
    ):  # fmt: skip
        for body in BODIES:
            reply = await http.post(path, content=body, headers={"Content-Type": "application/json"})
            cleaned = {200} if b"ud800" in body else set()
            assert reply.status_code in {400, 422} | cleaned, (path, body[:60], reply.text)


FORMS = (
    ("a long boundary", FORM + "B" * 60_000, b"x", 400),
    ("none", FORM, b"x", 400),
    ("no word of one", "multipart/form-data", b"x", 400),
    ("a long header", FORM + "B", PART + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\nx\r\n--B--\r\n", 400),
    ("many headers", FORM + "B", PART + b"X-Many: a\r\n" * 50_000 + b"\r\nx\r\n--B--\r\n", 400),
    ("many files", FORM + "B", (PART + b"\r\nx\r\n") * 10_000 + b"--B--\r\n", 413),
    ("many parts", FORM + "B", b"--B\r\n\r\nx\r\n" * 10_000 + b"--B--\r\n", 413),
    ("no end", FORM + "B", PART + b"\r\nx\r\n--B", 400),
)


async def test_a_form_that_is_none_is_refused_and_leaves_nothing(http: httpx.AsyncClient, base: Any) -> None:
    for what, kind, body, status in FORMS:
        reply = await http.post("/papers", content=body, headers={"Content-Type": kind})
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), what
    assert [path for path in base.app.folder.iterdir() if path.name.startswith(".incoming")] == []
    assert (await http.get("/papers")).json()["total"] == 1


async def test_names_that_clients_make_up_are_no_labels(http: httpx.AsyncClient) -> None:
    for n in range(40):
        headers = {
            "X-Request-Id": f"id{n}",
            "X-User-Id": f"user{n}",
            "X-Session-Id": f"talk{n}",
            "X-Cohort": f"group{n}",
        }
        await http.request(f"VERB{n}", f"/made-up-{n}", headers=headers)
        await http.get(f"/papers/made-up-{n}", headers=headers)
        await http.post("/query", json={"query": "", "user": f"user{n}", "tenant": f"tenant{n}"}, headers=headers)
    told = (await http.get("/metrics")).text
    assert not re.findall(r"made-up|VERB\d|user\d|talk\d|group\d|tenant\d|id\d\d", told)
    assert len(re.findall(r"^cmo_http_requests_total\{", told, re.MULTILINE)) < 10


async def test_what_stands_in_an_address_is_written_down_without_what_moves_a_cursor(base: Any) -> None:
    text = base.app.keyring.make(Key("", "", "eve", Role.READER, "", 0.0), "root")[1].text
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"X-API-Key": text}) as http:
        refused = await http.delete("/papers/%1b%5d0;owned%07%1b%5b2J%0aroot?reason=x")
    assert refused.status_code == 403
    assert base.app.record.access.lines()[-1].deed.subject == "DELETE /papers/ ]0;owned [2Jroot"


@pytest.fixture
def shared(open_base: Callable[..., Any], postgres_url: str) -> Any:
    """A base on a server, which takes no zero character in a text."""
    with open_base(database_url=postgres_url) as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.add(pku=PAPER)
        yield base


async def test_a_name_that_no_database_takes_keeps_no_other_answer_from_being_written_down(shared: Any) -> None:
    """Answers are written together: one that cannot be would hold up all that come after it, for good."""
    transport = httpx.ASGITransport(create_api(shared.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        names = ("a\0b", "\x1b[31mred", "\u202egnihton")
        ids = [(await http.post("/query", json={"query": ASKED, "user": name})).json()["id"] for name in names]
        rating = {"answer_id": ids[0], "rating": 3, "comment": "one\0\n\x1b]0;two", "user": "a\0b", "tenant": "\0"}
        assert (await http.post("/api/feedback", json=rating)).status_code == 200
        start = {"release": "x\0y", "settings": {"max_hops": 2}, "actor": "a\0", "reason": "\0"}
        assert (await http.post("/api/releases", json=start)).status_code < 500
    shared.app.chronicle.close()
    kept = [shared.app.record.answers.needed(name).payer.user for name in ids]
    assert kept == ["a b", "[31mred", "gnihton"]
    (rated,) = shared.app.record.answers.ratings()
    assert (rated.payer.user, rated.comment) == ("a b", "one \n ]0;two")
