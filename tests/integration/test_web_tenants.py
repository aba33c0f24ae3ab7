"""Tenants of one service: whatever one of them has, another cannot see, name, change or tell that it is there."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.app import App, opened
from cmo.cast.tenants import lodged
from cmo.delivery.experiment import Arm, Spec
from cmo.errors import AccessRefused
from cmo.model.access import Key, Role
from cmo.model.webhooks import Event, Kind
from cmo.settings import read_settings
from cmo.store.engine import open_engine
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "What is raised in phenylketonuria?"
OURS = "Phenylketonuria in newborns of the first ward\n\nPhenylalanine is raised in phenylketonuria of ward one.\n"
THEIRS = "Phenylketonuria in patients of another clinic\n\nPhenylalanine is raised in phenylketonuria of clinic two.\n"
START = {"release": "two-hops", "settings": {"max_hops": 2}, "plan": "fast", "name": "ours", "actor": "ada"}
EXPERIMENT = "tries"


@dataclass
class Two:
    """Two tenants of one service, an admin of each."""

    front: Any
    one: httpx.AsyncClient
    two: httpx.AsyncClient


@pytest.fixture
async def tenants(base: Any) -> AsyncIterator[Two]:
    app: App = base.app
    app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)

    def sibling(tenant: str) -> App:
        house = App.sibling(app, tenant)
        house.__dict__.update({name: app.__dict__[name] for name in ("reader", "answerer")})
        return house

    app.sibling = sibling  # type: ignore[method-assign]
    base.add(ours=OURS)
    theirs = sibling("clinic-two")
    type(base)(theirs, base.folder).add(theirs=THEIRS)
    theirs.close()
    api = create_api(app)
    clients = []
    for tenant in ("", "clinic-two"):
        text = app.keyring.make(Key("", "", f"admin of {tenant}", Role.ADMIN, tenant, 0.0), "root")[1].text
        clients.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(api), base_url="http://127.0.0.1", headers={"X-API-Key": text}
            )
        )
    try:
        yield Two(base, *clients)
    finally:
        for client in clients:
            await client.aclose()
        await api.state.entrance.desks.aclose()


async def ask(http: httpx.AsyncClient) -> Any:
    reply = await http.post("/query", json={"query": ASKED})
    assert reply.status_code == 200, reply.text
    return reply


async def test_the_same_question_is_answered_from_ones_own_papers_and_no_kept_answer_is_shared(tenants: Two) -> None:
    first, again, theirs = await ask(tenants.one), await ask(tenants.one), await ask(tenants.two)
    assert [reply.headers["cache-status"].split(";")[1].strip() for reply in (first, again, theirs)] == [
        "fwd=miss",
        "hit",
        "fwd=miss",
    ]
    assert "ward one" in first.json()["answer"]
    assert "ward one" not in theirs.text
    assert "clinic two" in theirs.json()["answer"]
    assert "clinic two" not in first.text
    for http, title in ((tenants.one, "first ward"), (tenants.two, "another clinic")):
        listed = (await http.get("/papers")).json()
        assert [title in paper["title"] for paper in listed["papers"]] == [True]
        assert listed["total"] == 1
        found = (await http.get("/api/search", params={"query": ASKED})).json()["passages"]
        assert {title in passage["paper"]["title"] for passage in found} == {True}
        assert (await http.get("/kb/status")).json()["papers"] == 1
    classes = [
        (await http.post("/classify", json={"query": ASKED})).json()["cache_hit"] for http in (tenants.one, tenants.two)
    ]
    assert classes == [False, False]


async def webhooks(tenants: Two) -> dict[str, str]:
    """Every way to a webhook of the first tenant, and to what is on its way to it."""
    made = (await tenants.one.post("/api/webhooks", json={"url": "https://example.org/hook"})).json()
    tenants.front.app.record.outbox.publish([Event(Kind.PAPER_ADDED, 1.7e9, {"id": "first ward"})])
    (sent,) = tenants.front.app.record.outbox.deliveries()
    at = "/api/webhooks"
    deeds = ("pause", "resume", "test", "secret")
    return {
        **{f"{method} {at}/{{webhook}}": f"{at}/{made['id']}" for method in ("GET", "DELETE")},
        **{f"POST {at}/{{webhook}}/{deed}": f"{at}/{made['id']}/{deed}" for deed in deeds},
        f"POST {at}/deliveries/{{delivery}}/again": f"{at}/deliveries/{sent.id}/again",
    }


async def test_nothing_that_has_an_id_can_be_reached_from_another_tenant(tenants: Two) -> None:
    """Broken object-level access, first of OWASP's list, on every endpoint that takes an id."""
    reply = (await ask(tenants.one)).json()
    tenants.front.app.chronicle.close()
    evidence, paper = reply["evidence"][0]["id"], reply["evidence"][0]["paper_id"]
    answer = reply["id"]
    deep = (await tenants.one.post("/api/deep", json={"query": ASKED, "thread": "ours"})).json()
    assert deep["thread_id"] == "ours"
    assert (await tenants.one.post("/api/releases", json=START)).status_code == 200
    ours = {
        "GET /papers/{paper_id}": f"/papers/{paper}",
        "GET /papers/{paper_id}/pages/{page}.png": f"/papers/{paper}/pages/1.png",
        "GET /evidence/{evidence_id}": f"/evidence/{evidence}",
        "GET /evidence/{evidence_id}/beside": f"/evidence/{evidence}/beside",
        "GET /api/answers/{answer_id}": f"/api/answers/{answer}",
        "GET /api/answers/{answer_id}/references": f"/api/answers/{answer}/references",
        "GET /api/answers/{answer_id}/replay": f"/api/answers/{answer}/replay",
        "GET /api/deep/{thread_id}": "/api/deep/ours",
        "DELETE /api/deep/{thread_id}": "/api/deep/ours",
        "POST /api/releases/rollout/{command}": "/api/releases/rollout/pause",
        "DELETE /papers/{paper_id}": f"/papers/{paper}?reason=theirs",
        **await webhooks(tenants),
    }
    known = {"/problems/{code}", "/api/releases/flags/{name}"}
    for path, operations in tenants.one._transport.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        if "{" in path and path not in known and not path.startswith("/api/experiments"):
            assert {f"{m.upper()} {path}" for m in operations} <= set(ours), "a way to an id that nobody tried"
    body = {"json": {"actor": "eve", "answer_id": answer, "rating": 1}}
    for call, address in ours.items():
        method = call.split()[0]
        sent = {"json": {} if "webhooks" in call else {"actor": "eve"}} if method == "POST" else {}
        refused = await tenants.two.request(method, address, **sent)
        if call == "GET /api/deep/{thread_id}":
            assert refused.status_code == 404 or refused.json().get("history", []) == []
        elif call != "DELETE /api/deep/{thread_id}":
            assert refused.status_code == 404, (call, refused.text)
        for secret in ("ward one", "first ward"):
            assert secret not in refused.text
    rated = await tenants.two.post("/api/feedback", json={"answer_id": answer, "rating": 1})
    assert rated.status_code == 404, body
    theirs = (await tenants.two.get("/api/releases")).json()
    assert (theirs["rollout"], theirs["history"], theirs["releases"]) == (None, [], [])
    flag = {"actor": "eve", "value": 1}
    assert (await tenants.two.put("/api/releases/flags/max_hops", json=flag)).status_code == 200
    graph = await tenants.two.get("/api/graph", params={"concept": "phenylalanine"})
    assert "ward one" not in graph.text

    still = await tenants.one.get("/api/releases")
    assert (still.json()["rollout"]["phase"], len(still.json()["history"])) == ("running", 2)
    for call, address in ours.items():
        if call.startswith("GET"):
            assert (await tenants.one.get(address)).status_code == 200, call
    assert (await tenants.one.get(f"/api/answers/{answer}")).json()["ratings"] == []


async def test_nobody_of_another_tenant_sees_begins_or_ends_an_experiment(tenants: Two) -> None:
    tenants.front.app.trials.experiments.plan(Spec(EXPERIMENT, (Arm("control", 0.5), Arm("new", 0.5))), "ada")
    names = [
        [one["experiment"]["name"] for one in (await http.get("/api/experiments")).json()["experiments"]]
        for http in (tenants.one, tenants.two)
    ]
    assert names == [[EXPERIMENT], []]
    for method, path in (("GET", ""), ("POST", "/start"), ("POST", "/stop")):
        sent = {"json": {"actor": "eve"}} if method == "POST" else {}
        refused = await tenants.two.request(method, f"/api/experiments/{EXPERIMENT}{path}", **sent)
        assert refused.status_code == 404, path
    assert (await tenants.two.get(f"/experiments/{EXPERIMENT}")).status_code == 404
    assert (await tenants.one.get(f"/api/experiments/{EXPERIMENT}")).json()["status"]["phase"] == "planned"


def incoming(tenants: Two) -> list[Path]:
    return list(Path(tenants.front.app.folder).rglob(".incoming-*"))


async def test_an_upload_under_way_lies_where_no_other_tenant_looks(tenants: Two) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="files"; filename="new.txt"\r\n\r\n'
        yield (OURS.replace("first ward", "second ward") + "a" * 2_000_000).encode()
        arrived.set()
        await go_on.wait()
        yield b"\r\n--B--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    sending = asyncio.create_task(tenants.one.post("/papers", content=slowly(), headers=kind))
    await arrived.wait()
    (there,) = incoming(tenants)
    assert there.parent == tenants.front.app.folder
    assert there.stat().st_mode & 0o077 == 0, "nor anybody else of this machine"
    theirs = (await tenants.two.get("/papers")).json()
    assert theirs["total"] == 1
    go_on.set()
    assert (await sending).status_code == 200
    assert incoming(tenants) == []
    assert (await tenants.two.get("/papers")).json() == theirs


async def test_what_tells_of_the_whole_service_is_for_its_own_tenant_alone(tenants: Two) -> None:
    for path in ("/metrics", "/api/metrics", "/ops"):
        assert (await tenants.one.get(path)).status_code != 403
        assert (await tenants.two.get(path)).status_code == 403


async def test_another_tenants_base_holds_nothing_of_ours(tenants: Two) -> None:
    await ask(tenants.one)
    await ask(tenants.two)
    await tenants.two._transport.app.state.entrance.desks.aclose()  # type: ignore[attr-defined]
    folder = Path(tenants.front.app.folder) / "tenants" / "clinic-two"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(b"clinic two" in path.read_bytes() for path in files)
    assert not any(b"ward one" in path.read_bytes() for path in files)


async def test_no_more_bases_are_open_than_may_be_and_the_one_asked_least_lately_makes_room(
    open_base: Any,
) -> None:
    with open_base(tenants_open=2) as base:
        opened: list[str] = []
        real = App.sibling

        def sibling(tenant: str) -> App:
            opened.append(tenant)
            return real(base.app, tenant)

        base.app.sibling = sibling
        api = create_api(base.app)
        texts = {t: base.app.keyring.make(Key("", "", t, Role.READER, t, 0.0), "root")[1].text for t in ("a", "b", "c")}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http:
            for tenant in ("a", "b", "a", "c", "a", "b"):
                reply = await http.get("/kb/status", headers={"X-API-Key": texts[tenant]})
                assert reply.status_code == 200
        desks = api.state.entrance.desks
        assert opened == ["a", "b", "c", "b"]
        async with desks.at("a"), desks.at("b"):
            reply = None
            async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http:
                reply = await http.get("/kb/status", headers={"X-API-Key": texts["c"]})
        assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (503, "overloaded", "1")
        await desks.aclose()


@pytest.mark.parametrize("tenant", ["", ".", "..", "../x", "a/b", "A", "a_b", "-a", "a" * 41, "ä", "a\n", "a.b"])
def test_a_tenant_is_called_what_a_folder_can_be(tenant: str, tmp_path: Path) -> None:
    with pytest.raises(AccessRefused):
        lodged(read_settings(working_dir=tmp_path), tenant)


@pytest.fixture
def schemas(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    front = read_settings(working_dir=tmp_path, database_url=postgres_url)
    engines = [open_engine(lodged(front, tenant).database_url) for tenant in ("a-b", "c")]
    yield tuple(engines)  # type: ignore[misc]
    for engine in engines:
        engine.dispose()


def test_on_a_server_each_tenant_has_a_schema_and_sees_no_other(schemas: tuple[Any, Any]) -> None:
    one, two = schemas
    with one.begin() as connection:
        connection.exec_driver_sql("INSERT INTO papers (paper_id) VALUES ('0001')")
        assert connection.exec_driver_sql("SELECT current_schemas(false)").scalar() == ["tenant_a_b"]
    with two.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM papers").scalar() == 0
    assert re.search("search_path", str(one.url))


def test_a_command_opens_the_base_of_the_tenant_that_is_named(base: Any) -> None:
    with opened(base.app.settings.model_copy(update={"base_of": "lab-two"})) as house:
        assert (house.folder, house.settings.tenant) == (base.app.folder / "tenants" / "lab-two", "lab-two")
        assert house.terms == base.app.folder, "its papers are read with the same names, whoever reads them"


def test_on_a_server_the_folder_of_a_tenant_is_not_opened_with_the_services_own_schema(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = read_settings(working_dir=tmp_path / "tenants" / "lab-two", database_url=postgres_url)
    with opened(settings) as house, pytest.raises(AccessRefused, match="CMO_BASE_OF=lab-two"):
        house.record.papers()
    with opened(read_settings(working_dir=tmp_path, database_url=postgres_url, base_of="lab-two")) as house:
        assert house.record.papers() == []


async def test_a_request_that_comes_to_the_base_of_another_is_refused_and_counted_as_a_breach(
    tenants: Two, caplog: pytest.LogCaptureFixture
) -> None:
    told = (await tenants.one.get("/metrics")).text
    assert "cmo_tenant_mismatches_total 0" in told
    app = tenants.front.app
    wrong, sibling = lodged(app.settings, "clinic-two").model_copy(update={"tenant": "clinic-three"}), app.sibling

    def mixed_up(tenant: str) -> App:
        house = sibling(tenant)
        house.settings = wrong
        return house

    app.sibling = mixed_up
    refused = await tenants.two.get("/papers")
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    assert "clinic two" not in refused.text
    assert "cmo_tenant_mismatches_total 1" in (await tenants.one.get("/metrics")).text
    assert "clinic-three" in caplog.text
