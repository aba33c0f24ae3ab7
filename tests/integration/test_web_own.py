"""Within a tenant: an answer, its ratings and a thread are for whom they were given to, and for who runs the service."""

import inspect
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.client import AsyncClient
from cmo.errors import NotFound
from cmo.model.access import Key, Principal, Role
from cmo.stories.recall import own_id
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "What is raised in phenylketonuria?"
WAYS = ("", "/references", "/replay")
"""Of an answer."""


class House:
    """A service, and a way in for each name."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.api = create_api(base.app)

    def key(self, name: str, role: Role) -> str:
        return str(self.base.app.keyring.make(Key("", "", name, role, "", 0.0), "root")[1].text)

    def http(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.api), base_url="http://127.0.0.1", headers=headers)

    def written(self) -> dict[str, str]:
        """Of each answer that is kept, for whom."""
        while self.base.app.chronicle.statistics().waiting:
            time.sleep(0.02)
        return {given.id: given.payer.user for given in self.base.app.record.answers.recent(100)}


@pytest.fixture
def house(base: Any) -> House:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    base.add(pku="Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria of the newborns.\n")
    return House(base)


@pytest.fixture
async def people(house: House) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    roles = {"mia": Role.READER, "ada": Role.READER, "kim": Role.CURATOR, "olga": Role.OPERATOR, "ward": Role.READER}
    clients = {name: house.http(**{"X-API-Key": house.key(name, role)}) for name, role in roles.items()}
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.aclose()


async def asked(http: httpx.AsyncClient, **more: Any) -> Any:
    reply = await http.post("/query", json={"query": ASKED, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def rated(http: httpx.AsyncClient, answer: str, **more: Any) -> int:
    return (await http.post("/api/feedback", json={"answer_id": answer, "rating": 2, **more})).status_code


async def seen(http: httpx.AsyncClient, answer: str) -> set[int]:
    return {(await http.get(f"/api/answers/{answer}{way}")).status_code for way in WAYS}


async def test_readers_see_their_own_answers_and_who_runs_the_service_sees_all(
    people: dict[str, httpx.AsyncClient],
) -> None:
    mine = (await asked(people["mia"]))["id"]
    assert await seen(people["mia"], mine) == {200}
    assert await rated(people["mia"], mine, comment="for my patient") == 200
    for other in ("ada", "kim", "ward"):
        assert await seen(people[other], mine) == {404}
        assert await rated(people[other], mine) == 404
    none = (await people["ada"].get(f"/api/answers/{'0' * 16}")).json()
    theirs = (await people["ada"].get(f"/api/answers/{mine}")).json()
    assert theirs["detail"] == none["detail"].replace("0" * 16, mine), "whether it is there is not told either"
    assert await seen(people["olga"], mine) == {200}
    assert (await people["olga"].get(f"/api/answers/{mine}")).json()["ratings"][0]["comment"] == "for my patient"


async def test_a_kept_reply_is_an_answer_of_each_who_is_told_it(
    house: House, people: dict[str, httpx.AsyncClient]
) -> None:
    first, again = await asked(people["mia"]), await asked(people["ada"])
    assert (again["cached"], again["answer"]) == (True, first["answer"])
    assert again["id"] != first["id"]
    assert (await asked(people["ada"]))["id"] == again["id"], "asked again it is the same, and written down once"
    assert list(again)[:2] == list(first)[:2]
    assert await seen(people["ada"], again["id"]) == {200}
    assert await rated(people["ada"], again["id"]) == 200
    assert await seen(people["mia"], again["id"]) == {404}
    assert house.written() == {first["id"]: "mia", again["id"]: "ada"}


async def test_nobody_speaks_for_who_has_a_key_of_their_own(house: House, people: dict[str, httpx.AsyncClient]) -> None:
    """An application asks for its users under its own name; mia, who says that she is ada, is mia all the same."""
    feigned = (await asked(people["mia"], user="ada"))["id"]
    theirs = (await asked(people["ward"], user="bed 7"))["id"]
    assert house.written() == {feigned: "mia/ada", theirs: "ward/bed 7"}
    assert await seen(people["mia"], feigned) == await seen(people["ward"], theirs) == {200}
    assert await seen(people["ada"], feigned) == await seen(people["ada"], theirs) == {404}
    assert await rated(people["ward"], theirs, user="bed 7") == 200
    (rating,) = house.base.app.record.answers.ratings(theirs)
    assert rating.payer.user == "ward/bed 7"


async def test_whoever_follows_an_answer_or_asks_with_the_graph_does_so_under_their_name(
    house: House, people: dict[str, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    payers: list[str] = []
    reply = house.base.app.oracle.reply
    monkeypatch.setattr(house.base.app.oracle, "reply", lambda q: payers.append(q.payer.user) or reply(q))
    await people["mia"].get("/query/stream", params={"query": ASKED})
    for way in ("enhanced", "enrichment/test"):
        assert (await people["ada"].post(f"/api/query/{way}", json={"query": ASKED})).status_code == 200
    assert payers == ["mia", "ada", "ada", "ada"]
    assert list(house.written().values()) == ["mia"]


async def test_a_thread_is_gone_on_with_read_and_forgotten_by_who_began_it(
    people: dict[str, httpx.AsyncClient],
) -> None:
    body = {"query": ASKED, "thread": "study"}
    assert (await people["mia"].post("/api/deep", json=body)).status_code == 200
    for call in (("POST", "/api/deep"), ("GET", "/api/deep/study"), ("DELETE", "/api/deep/study")):
        sent = {"json": body} if call[0] == "POST" else {}
        assert (await people["ada"].request(*call, **sent)).status_code == 404, call
    assert (await people["olga"].post("/api/deep", json=body)).status_code == 200, "and it stays mia's"
    assert len((await people["mia"].get("/api/deep/study")).json()["history"]) == 2
    assert (await people["mia"].delete("/api/deep/study")).status_code == 200


async def test_pages_the_client_and_assistants_see_no_more_than_their_key(
    house: House, people: dict[str, httpx.AsyncClient]
) -> None:
    mine = (await asked(people["mia"]))["id"]
    for name, status in (("mia", 200), ("ada", 404)):
        async with house.http() as browser:
            await browser.post("/login", json={"key": people[name].headers["x-api-key"]})
            assert (await browser.get(f"/api/answers/{mine}/references?style=ris")).status_code == status
    transport = httpx.ASGITransport(house.api)
    async with AsyncClient(key=people["ada"].headers["x-api-key"], transport=transport) as client:
        for call in (client.answer, client.references, client.replay):
            with pytest.raises(NotFound):
                await call(mine)
        with pytest.raises(NotFound):
            await client.feedback(mine, 5, user="mia")  # as the chat rates
    mcp_server = pytest.importorskip("cmo.mcp.server")
    taken = {
        name
        for tool in vars(mcp_server.Tools).values()
        if callable(tool)
        for name in inspect.signature(tool).parameters
    }
    assert "evidence_id" in taken
    assert not {"answer_id", "thread_id", "user"} & taken, "a way to answers for assistants that nobody tried"


async def test_where_no_key_is_needed_everything_is_everybodys(house: House) -> None:
    async with house.http() as http:
        named = await asked(http, user="mia")
        assert await seen(http, named["id"]) == {200}
        assert await rated(http, named["id"], user="ada") == 200
        assert (await asked(http))["id"] == named["id"], "who has no name gets it as it is kept"


def test_a_key_sees_its_own_name_and_its_users() -> None:
    mia = Principal("mia", Role.READER, "", "1")
    names = ("mia", "mia/bed 7", "mia2", "mi", "ada/mia", "ada", "")
    assert [mia.sees(name) for name in names] == [True, True, False, False, False, False, False]
    assert mia.speaking_for("mia") == mia.speaking_for("") == "mia"
    kept = b'{"id":"00ff","answer":"x"}'
    assert len({own_id(kept, "mia"), own_id(kept, "ada"), own_id(kept.replace(b"f", b"e"), "ada")}) == 3
    assert own_id(kept, "") == own_id(b"{}", "mia") == ""


async def test_a_key_or_cookie_of_yesterday_opens_nothing(house: House) -> None:
    """OWASP API2: rotated, revoked, expired, logged out; each in a header and as what a browser kept."""
    ring, made = house.base.app.keyring, {name: house.key(name, Role.READER) for name in ("rotated", "revoked", "left")}
    wish = Key("", "", "expired", Role.READER, "", 0.0)
    made["expired"] = ring.make(wish, "root", days=2 / 86_400)[1].text
    browsers = {name: house.http() for name in made}
    for name, browser in browsers.items():
        assert (await browser.post("/login", json={"key": made[name]})).status_code == 200
        assert (await browser.get("/api/me")).json()["name"] == name
    cookies = {name: dict(browser.cookies) for name, browser in browsers.items()}
    fresh = ring.rotate(made["rotated"].split("_")[1], "root", overlap_seconds=0)[1].text
    ring.revoke(made["revoked"].split("_")[1], "root", "lost")
    await browsers["left"].post("/logout", headers={"Origin": "http://127.0.0.1"})
    for browser in browsers.values():
        await browser.aclose()
    await anyio.sleep(2.1)
    said = {"rotated": "came in the place", "revoked": "was revoked", "expired": "has expired"}
    for name, text in made.items():
        async with house.http() as http:
            http.cookies.update(cookies[name])
            assert (await http.get("/api/me")).status_code == 401, name
            assert (await http.post("/api/deep", json={"query": ASKED})).status_code == 401, name
        async with house.http(**{"X-API-Key": text}) as http:
            refused = await http.get("/api/me")
            assert refused.status_code == (200 if name == "left" else 401), name
            assert said.get(name, "") in refused.text
    async with house.http(**{"X-API-Key": fresh}) as http:
        assert (await http.get("/api/me")).json()["name"] == "rotated", "who they are stays"


async def test_what_was_erased_of_somebody_is_gone_over_http_and_what_they_ask_again_is_theirs(
    house: House, people: dict[str, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmo.stories.recall._NOTED_AGAIN_SECONDS", 0.0)
    first, kept = (await asked(people["mia"]))["id"], (await asked(people["ada"]))["id"]
    assert house.written() == {first: "mia", kept: "ada"}
    for name in ("mia", "ada"):
        house.base.app.record.persons.erase_said(name)
    assert await seen(people["mia"], first) == await seen(people["ada"], kept) == {404}
    assert (await asked(people["ada"]))["id"] == kept
    assert await seen(people["ada"], kept) == {200}


# -- written down together, and asked for at once --------------------------------------------------------------------


async def test_an_answer_that_was_given_just_now_is_waited_for_and_one_that_is_none_is_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    sleep = anyio.sleep

    async def noted(seconds: float) -> None:
        looks.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("cmo.web.answers.anyio.sleep", noted)
    log = house.base.app.chronicle
    async with house.http() as http:
        assert await rated(http, (await asked(http))["id"]) == 200
        assert looks, "answers are written down together, four times a second"
        looks.clear()
        assert await rated(http, "0" * 16) == 404
        assert looks == [], "nobody else answers here, so nobody else can have it"
        house.api.state.desk.one_of_several = True  # as with --workers 2
        assert await rated(http, "0" * 16) == 404
        assert 0.25 < sum(looks) < 1
        monkeypatch.setattr(log, "_put", lambda _batch: False)  # as on a full disk
        refused = await http.get(f"/api/answers/{(await asked(http, mode='naive'))['id']}")
        assert (refused.status_code, refused.json()["code"]) == (503, "not-now")
        assert "not written down yet" in refused.json()["detail"]
