"""Who may call what over HTTP: every endpoint of the interface, with no key, a key that is too small, and one that is enough."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from cmo.access import mint, verify
from cmo.app import opened
from cmo.errors import StoreFull
from cmo.model.access import Key, Role
from cmo.web import create_api
from cmo.web.entrance import OPEN
from cmo.web.roles import EVERYBODY

ROLES = list(Role)
FILLED = {
    "paper_id": "000000000000", "page": "1", "evidence_id": "000000000000.1.0-1", "answer_id": "0" * 16,
    "webhook": "wh_000000000000", "delivery": "msg_000000000000000000000000",
    "thread_id": "none", "name": "none", "command": "pause", "deed": "stop", "code": "not-found",
}  # fmt: skip


@asynccontextmanager
async def served(api: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


def key(app: Any, role: Role, name: str = "", tenant: str = "", **more: Any) -> str:
    return str(app.keyring.make(Key("", "", name or role.value, role, tenant, 0.0, **more), "root")[1].text)


def calls(api: FastAPI) -> list[tuple[str, str, str]]:
    """Every operation of the interface: method, address, role."""
    paths = api.openapi()["paths"]
    return [
        (method.upper(), re.sub(r"\{(\w+)\}", lambda m: FILLED[m[1]], path), operation["x-role"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


def sendable(method: str, path: str) -> dict[str, Any]:
    """What the guard lets pass, whatever is in it."""
    if (method, path) == ("POST", "/papers"):
        return {"files": {"files": ("a.txt", b"")}}
    return {"json": {}} if method in {"POST", "PUT"} else {}


async def test_with_a_key_made_nothing_but_whether_it_is_well_is_told_without_one(base: Any) -> None:
    key(base.app, Role.READER)
    api = create_api(base.app)
    needed = [(method, path) for method, path, role in calls(api) if role != EVERYBODY]
    assert len(needed) > 30
    needed += [
        ("GET", path) for path in ("/", "/docs", "/releases", "/openapi.json", "/experiments", "/nowhere", "/Health")
    ]
    for sent in ({}, {"Authorization": f"Bearer {mint().text}"}, {"X-API-Key": "x"}, {"Authorization": "Basic YTpi"}):
        async with served(api, **sent) as http:
            for method, path in needed[:: 1 if not sent else 9]:
                reply = await http.request(method, path, **sendable(method, path))
                assert (reply.status_code, reply.json()["code"]) == (401, "not-known"), (method, path)
                assert reply.headers["www-authenticate"].startswith("Bearer")
    async with served(api) as http:
        assert (await http.get("/", headers={"Accept": "text/html"})).headers["location"] == "/login?next=/"
        for path in ("/login", "/static/base.css", "/favicon.ico"):
            assert (await http.get(path)).status_code == 200
        short = (await http.get("/health")).json()
        assert "snapshot" not in str(short)
        assert str(base.folder) not in str(short)
    assert {path for _, path, role in calls(api) if role == EVERYBODY} <= OPEN


async def test_each_role_may_what_is_its_own_and_nothing_above(base: Any) -> None:
    keys = {role: key(base.app, role) for role in ROLES}
    api = create_api(base.app)
    async with served(api) as http:
        for method, path, role in calls(api):
            if role == EVERYBODY:
                continue
            for mine in ROLES:
                enough = mine.covers(Role(role))
                if enough and mine is not Role(role):
                    continue
                http.headers["Authorization"] = f"Bearer {keys[mine]}"
                reply = await http.request(method, path, **sendable(method, path))
                assert (reply.status_code in {401, 403}) is not enough, (method, path, mine, reply.text)
                if not enough:
                    assert reply.json()["detail"].endswith(f"; the key '{mine}' has {mine}.")
    refused = [line.deed for line in base.app.record.access.lines(0, 5_000) if line.deed.action == "role-refused"]
    assert {deed.actor for deed in refused} == {"reader", "curator", "operator"}


async def test_a_key_that_is_revoked_is_refused_by_every_process_within_a_second(base: Any) -> None:
    text = key(base.app, Role.READER)
    with opened(base.app.settings) as other:  # as another worker has it
        async with served(create_api(base.app)) as one, served(create_api(other)) as two:
            two.headers["Authorization"] = one.headers["Authorization"] = f"Bearer {text}"
            assert [(await http.get("/api/me")).json()["role"] for http in (one, two)] == ["reader"] * 2
            base.app.keyring.revoke(text.split("_")[1], "root", "lost")
            await asyncio.sleep(0.6)
            replies = [await http.get("/api/me") for http in (one, two)]
    assert [reply.status_code for reply in replies] == [401, 401]
    assert "was revoked" in replies[0].json()["detail"]


async def test_no_worker_serves_as_if_open_once_the_first_key_was_made(base: Any) -> None:
    with opened(base.app.settings) as other:
        async with served(create_api(base.app)) as one, served(create_api(other)) as two:
            assert [(await http.get("/api/me")).status_code for http in (one, two)] == [200, 200]
            key(other, Role.READER)
            assert [(await http.get("/api/me")).status_code for http in (one, two)] == [401, 401]


async def test_wrong_keys_are_counted_by_all_workers_together(base: Any, tmp_path: Path) -> None:
    key(base.app, Role.READER)
    with opened(base.app.settings) as other:
        base.app.run = other.run = tmp_path
        async with served(create_api(base.app)) as one, served(create_api(other)) as two:
            for http in (one, two) * 15:
                assert (await http.get("/api/me", headers={"X-API-Key": mint().text})).status_code == 401
            further = [await http.get("/api/me", headers={"X-API-Key": mint().text}) for http in (one, two) * 10]
        for app in (base.app, other):
            await app.meter.aclose()
            app.meter.close()
    assert 429 in [reply.status_code for reply in further]


async def test_whoever_tries_key_after_key_is_told_to_wait(base: Any) -> None:
    key(base.app, Role.READER)
    async with served(create_api(base.app)) as http:
        codes = [(await http.get("/api/me", headers={"X-API-Key": mint().text})).status_code for _ in range(50)]
        assert codes[:30] == [401] * 30
        assert 429 in codes[30:]  # one more every two seconds, on a machine that is as slow as that
        replies = [await http.post("/login", json={"key": mint().text}) for _ in range(4)]
        waits = [int(reply.headers["retry-after"]) for reply in replies if reply.status_code == 429]
        assert waits
        assert min(waits) > 0
    assert len([one for one in base.app.record.access.lines() if one.deed.action == "key-refused"]) == 5


async def test_a_key_answers_for_its_owner_and_its_tenant_whatever_the_body_says(base: Any) -> None:
    base.add(pku="Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria.\n")
    async with served(create_api(base.app), **{"X-API-Key": key(base.app, Role.READER, "mia")}) as http:
        reply = (
            await http.post("/query", json={"query": "What is raised in phenylketonuria?", "tenant": "other"})
        ).json()
    base.app.chronicle.close()
    given = base.app.record.answers.needed(reply["id"])
    assert (given.payer.tenant, given.payer.user) == ("", "mia")


async def test_on_a_full_disk_who_is_let_in_is_let_in_and_who_is_refused_is_refused(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = key(base.app, Role.READER)

    def full(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr("cmo.store.access.SqlAccess.note", full)
    async with served(create_api(base.app)) as http:
        assert (await http.get("/api/me", headers={"X-API-Key": text})).status_code == 200
        assert (await http.get("/api/me", headers={"X-API-Key": mint().text})).status_code == 401
        assert (await http.get("/api/releases", headers={"X-API-Key": text})).status_code == 403
        monkeypatch.undo()
        await http.get("/api/me", headers={"X-API-Key": mint().text})
    assert base.app.record.access.lines()[-1].deed.facts == {"why": "unknown", "missed": 1}


async def test_where_files_lie_is_told_to_those_who_run_the_service_alone(base: Any) -> None:
    base.add(one="A paper\n\nPhenylalanine is raised in phenylketonuria.\n")
    keys = {role: key(base.app, role) for role in (Role.READER, Role.CURATOR, Role.OPERATOR, Role.ADMIN)}
    keys["elsewhere"] = key(base.app, Role.ADMIN, tenant="clinic-two")
    told, place, api = {}, str(base.folder), create_api(base.app)
    await api.state.desk.warm()
    base.app.shelf.pointer.write_text("nonsense")
    async with served(api) as http:
        for who, text in keys.items():
            replies = [await http.get(path, headers={"X-API-Key": text}) for path in ("/health", "/kb/status")]
            if who != "elsewhere":
                assert [reply.status_code for reply in replies] == [503, 503]
                assert "names no snapshot" in replies[0].json()["components"]["index"]["detail"]
                assert "names no snapshot" in replies[1].json()["detail"]
            told[who] = [place in reply.text for reply in replies]
        reason = (await http.get("/ready")).json()["reason"]
        assert reason.endswith(" names no snapshot. Run `cmo kb rebuild`.")
        assert "/" not in reason
        browser = await http.get("/papers/none", headers={"X-API-Key": keys[Role.READER], "Accept": "text/html"})
        assert place not in browser.text
    assert told.pop("elsewhere") == [False, False]
    assert told == {role: [role.covers(Role.OPERATOR)] * 2 for role in told}


async def test_of_a_full_disk_a_curator_is_told_without_the_place(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull(f"The disk that holds {base.folder / 'record.sqlite3'} is full. Free some space.")

    monkeypatch.setattr("cmo.stories.curator.Curator.retract", full)
    for role, place in ((Role.CURATOR, "record.sqlite3"), (Role.OPERATOR, str(base.folder / "record.sqlite3"))):
        async with served(create_api(base.app), **{"X-API-Key": key(base.app, role)}) as http:
            reply = await http.delete("/papers/x?reason=y")
            assert (reply.status_code, reply.json()["code"]) == (507, "store-full")
            assert reply.json()["detail"] == f"The disk that holds {place} is full. Free some space."


# -- logging in ----------------------------------------------------------------------------------------------------


async def log_in(http: httpx.AsyncClient, text: str, **more: Any) -> httpx.Response:
    return await http.post("/login", json={"key": text, **more})


async def test_a_login_lasts_until_it_is_ended_and_its_cookie_is_no_scripts_and_no_other_sites(base: Any) -> None:
    text = key(base.app, Role.CURATOR, "mia")
    async with served(create_api(base.app)) as http:
        assert (await log_in(http, mint().text)).json()["code"] == "not-known"
        reply = await log_in(http, f" {text}\n", next="/releases?x=1#y")
        assert (reply.json()["name"], reply.json()["next"]) == ("mia", "/releases?x=1#y")
        said = reply.headers["set-cookie"]
        assert all(part in said for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"))
        assert text not in said
        assert (await http.get("/api/me")).json()["role"] == "curator"
        copied = dict(http.cookies)
        assert (await http.post("/logout", headers={"Origin": "http://127.0.0.1"})).status_code == 204
        http.cookies.clear()
        await asyncio.sleep(0.6)
        http.cookies.update(copied)
        again = await http.get("/api/me")
        assert (again.status_code, again.json()["detail"]) == (401, "You are not logged in any more. Log in at /login.")
    done = [line.deed.action for line in base.app.record.access.lines()]
    assert done == ["key-made", "key-refused", "login", "logout", "key-refused"]


async def test_nobody_is_sent_to_another_site_after_logging_in(base: Any) -> None:
    text = key(base.app, Role.READER)
    async with served(create_api(base.app)) as http:
        for onward in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/a\nb",
            "",
            "x",
        ):
            assert (await log_in(http, text, next=onward)).json()["next"] == "/", onward


async def test_a_write_with_a_cookie_must_come_from_our_own_page(base: Any) -> None:
    text = key(base.app, Role.CURATOR)
    async with served(create_api(base.app)) as http:
        await log_in(http, text)
        assert (await http.get("/papers")).status_code == 200
        for headers, status in (
            ({"Origin": "http://127.0.0.1"}, 404),
            ({"Sec-Fetch-Site": "same-origin"}, 404),
            ({}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
        ):
            assert (await http.delete("/papers/none?reason=x", headers=headers)).status_code == status, headers
        http.cookies.clear()
        by_key = await http.delete("/papers/none?reason=x", headers={"X-API-Key": text})
        assert by_key.status_code == 404


async def test_by_tls_the_cookie_is_for_this_host_alone_and_browsers_stay_with_it(open_base: Any) -> None:
    with open_base(tls_before=True) as base:
        text = key(base.app, Role.READER)
        async with served(create_api(base.app)) as http:
            reply = await log_in(http, text)
        assert reply.headers["set-cookie"].startswith("__Host-cmo=")
        assert "Secure" in reply.headers["set-cookie"]
        assert "max-age=" in reply.headers["strict-transport-security"]


async def test_no_other_site_may_read_a_reply(base: Any) -> None:
    async with served(create_api(base.app)) as http:
        reply = await http.get("/papers", headers={"Origin": "https://evil.example"})
        asked = await http.options(
            "/query", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
    assert not [name for one in (reply, asked) for name in one.headers if name.startswith("access-control")]
    assert "strict-transport-security" not in reply.headers
    assert "default-src 'none'" in reply.headers["content-security-policy"]


# -- the audit -----------------------------------------------------------------------------------------------------


async def test_whatever_changes_papers_and_releases_is_in_the_audit_under_the_name_of_its_key(base: Any) -> None:
    base.add(pku="Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria.\n")
    (paper,) = base.app.record.papers()
    who = paper.ref.paper_id
    text = key(base.app, Role.ADMIN, "ada")
    start = {
        "release": "two-hops",
        "settings": {"max_hops": 2},
        "plan": "fast",
        "name": "r",
        "actor": "a",
        "reason": "try",
    }
    async with served(create_api(base.app), **{"X-API-Key": text}) as http:
        assert (await http.delete(f"/papers/{who}?reason=withdrawn")).status_code == 200
        assert (await http.post("/api/releases", json=start)).status_code == 200
    base.app.curator.readmit(who)
    access = base.app.record.access
    done = [(line.deed.actor, line.deed.action, line.deed.subject) for line in access.lines()]
    assert done[0] == ("somebody", "paper-added", who)
    assert done[2:] == [
        ("ada", "paper-retracted", who),
        ("ada", "release-release", "two-hops"),
        ("ada", "release-start", "r"),
        ("somebody", "paper-readmitted", who),
    ]
    assert verify(access.lines(), access.height()) is None


# -- what an id may not be -----------------------------------------------------------------------------------------


async def test_an_id_is_no_path_no_header_and_no_query(base: Any) -> None:
    base.add(pku="Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria.\n")
    tricks = (
        "..%2f..%2fetc%2fpasswd", "%2e%2e%2fdeep.sqlite3", "%2fetc%2fpasswd", "....%2f%2fx", "a%00.png",
        "x%0d%0aSet-Cookie:%20a=b", "'%20OR%201=1%20--", "%25", "*", "$%7bjndi:ldap:%2f%2fx%7d", "%3cscript%3e", "a" * 70,
    )  # fmt: skip
    async with served(create_api(base.app), **{"X-API-Key": key(base.app, Role.ADMIN)}) as http:
        for trick in tricks:
            for path in (
                f"/papers/{trick}/pages/1.png", f"/evidence/{trick}", f"/api/answers/{trick}/replay",
                f"/api/experiments/{trick}", f"/static/{trick}", f"/problems/{trick}",
            ):  # fmt: skip
                reply = await http.get(path)
                assert reply.status_code in {404, 405, 422}, (path, reply.text)
                assert reply.headers["content-type"] == "application/problem+json", path
                assert "root:" not in reply.text
                assert "set-cookie" not in reply.headers
            refused = await http.delete(f"/papers/{trick}?reason=x")
            assert refused.status_code in {404, 405, 422}, (trick, refused.text)
        assert (await http.get("/papers")).json()["total"] == 1
