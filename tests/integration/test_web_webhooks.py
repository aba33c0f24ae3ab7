"""Webhooks over HTTP: made, tried, paused, rotated, told again and removed by whoever may, of their own tenant alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import httpx
import pytest

from cmo.client import AsyncClient, Client
from cmo.errors import NotFound, WebhookRefused
from cmo.kit.clock import SystemClock
from cmo.model.access import Key, Role
from cmo.model.webhooks import OFFERED, Event, Kind, Webhook
from cmo.web import create_api
from cmo.web.schemas_webhooks import Event as Wished
from tests.acceptance.services import served_here
from tests.integration.test_webhooks import Receiver, sent, verified

HOOK = "https://example.org/oracle"


@dataclass
class Service:
    """A service with two tenants, and how each role of the first one calls it."""

    base: Any
    api: Any

    def by(self, role: Role, tenant: str = "", **headers: str) -> httpx.AsyncClient:
        name = f"{role.value}-{tenant}"
        text = self.base.app.keyring.make(Key("", "", name, role, tenant, 0.0), "root")[1].text
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api),
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {text}", **headers},
        )


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    opened: list[Receiver] = []

    def open_(*says: int) -> Receiver:
        opened.append(Receiver(*(says or (204,))))
        return opened[-1]

    yield open_
    for one in opened:
        one.shutdown()
        one.server_close()


@pytest.fixture
async def service(open_base: Callable[..., Any]) -> AsyncIterator[Service]:
    with open_base(webhook_private=True) as base:
        api = create_api(base.app)
        yield Service(base, api)
        await api.state.desk.aclose()
        await api.state.entrance.desks.aclose()


@pytest.fixture
async def closed(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A service that sends nothing into private networks, for an admin."""
    async with Service(base, create_api(base.app)).by(Role.ADMIN) as http:
        yield http


def happened(base: Any, paper: str) -> None:
    base.app.record.outbox.publish([Event(Kind.PAPER_ADDED, SystemClock().now().timestamp(), {"id": paper})])


async def delivered(base: Any) -> None:
    await asyncio.to_thread(sent, base.app.record.outbox, SystemClock(), "")


async def test_the_life_of_a_webhook(service: Service, receiver: Callable[..., Receiver]) -> None:
    hook = receiver()
    async with service.by(Role.ADMIN) as http:
        made = (await http.post("/api/webhooks", json={"url": f"{hook.url}?key=hidden"})).json()
        secret, at = made.pop("secret"), f"/api/webhooks/{made['id']}"
        assert (made["url"], made["events"], made["by"]) == (f"{hook.url}?...", list(OFFERED), "admin-")
        assert (await http.get("/api/webhooks")).json() == {"webhooks": [made]}
        assert (await http.get(at)).json() == made
        tried = (await http.post(f"{at}/test")).json()
        assert tried == {"webhook": made["id"], "taken": True, "said": "HTTP 204"}
        assert (await http.post(f"{at}/pause")).json()["state"] == "paused"
        happened(service.base, "doi:10/1")
        await delivered(service.base)
        assert len(hook.got) == 1
        assert (await http.post(f"{at}/resume")).json()["state"] == "told"
        rotated = (await http.post(f"{at}/secret", json={})).json()
        assert rotated["former_until"] > made["made_at"]
        await delivered(service.base)
        await delivered(service.base)
        ((headers, body),) = hook.got[1:]
        for one in (secret, rotated["secret"]):
            assert verified(Webhook("", "", (), one, 0.0, ""), headers, body)
        (delivery,) = (await http.get("/api/webhooks/deliveries", params={"webhook": made["id"]})).json()["deliveries"]
        assert (delivery["id"], delivery["state"]) == (headers["webhook-id"], "delivered")
        again = (await http.post(f"/api/webhooks/deliveries/{delivery['id']}/again")).json()
        assert (again["state"], again["attempts"]) == ("waiting", 0)
        await delivered(service.base)
        assert hook.got[2][0]["webhook-id"] == delivery["id"]
        assert (await http.get("/api/webhooks/deliveries?state=waiting")).json() == {"deliveries": []}
        assert (await http.delete(at)).json() == {"removed": made["id"]}
        assert [(await http.request(*call)).status_code for call in (("GET", at), ("DELETE", at))] == [404, 404]
    deeds = [line.deed for line in service.base.app.record.access.lines(0, 100)]
    assert [deed.action for deed in deeds if deed.action.startswith("webhook")] == [
        f"webhook-{what}" for what in ("added", "paused", "resumed", "rotated", "redelivered", "removed")
    ]
    assert {deed.actor for deed in deeds if deed.action.startswith("webhook")} == {"admin-"}
    assert not any(one in str(deeds) for one in (secret, rotated["secret"], "hidden"))


async def test_a_receiver_that_refuses_is_said_so_and_no_fault_of_the_service(
    service: Service, receiver: Callable[..., Receiver]
) -> None:
    hook = receiver(401)
    async with service.by(Role.ADMIN) as http:
        made = (await http.post("/api/webhooks", json={"url": hook.url, "events": ["paper.added"]})).json()
        reply = await http.post(f"/api/webhooks/{made['id']}/test")
        assert (reply.status_code, reply.json()["taken"], reply.json()["said"]) == (200, False, "HTTP 401")


async def test_an_operator_looks_after_them_and_an_admin_says_who_is_told(service: Service) -> None:
    async with service.by(Role.ADMIN) as admin, service.by(Role.OPERATOR) as operator, service.by(Role.CURATOR) as low:
        at = f"/api/webhooks/{(await admin.post('/api/webhooks', json={'url': HOOK})).json()['id']}"
        for method, path in (("GET", at), ("POST", f"{at}/pause"), ("POST", f"{at}/resume")):
            assert (await operator.request(method, path)).status_code == 200
            assert (await low.request(method, path)).status_code == 403
        for method, path, body in (
            ("POST", "/api/webhooks", {"url": HOOK}),
            ("POST", f"{at}/secret", {}),
            ("DELETE", at, None),
        ):
            assert (await operator.request(method, path, json=body)).status_code == 403
        assert len((await admin.get("/api/webhooks")).json()["webhooks"]) == 1


async def test_a_tenant_meets_its_own_webhooks_and_no_others(service: Service) -> None:
    async with service.by(Role.ADMIN) as ours, service.by(Role.ADMIN, "clinic-two") as theirs:
        mine = (await ours.post("/api/webhooks", json={"url": HOOK})).json()["id"]
        happened(service.base, "doi:10/1")
        (delivery,) = (await ours.get("/api/webhooks/deliveries")).json()["deliveries"]
        assert (await theirs.get("/api/webhooks")).json() == {"webhooks": []}
        assert (await theirs.get(f"/api/webhooks/deliveries?webhook={mine}")).json() == {"deliveries": []}
        for method, path in (
            ("GET", f"/api/webhooks/{mine}"),
            ("DELETE", f"/api/webhooks/{mine}"),
            *(("POST", f"/api/webhooks/{mine}/{deed}") for deed in ("pause", "resume", "test", "secret")),
            ("POST", f"/api/webhooks/deliveries/{delivery['id']}/again"),
        ):
            reply = await theirs.request(method, path, json={} if path.endswith("secret") else None)
            assert (reply.status_code, reply.json()["code"]) == (404, "not-found"), path
        their_own = (await theirs.post("/api/webhooks", json={"url": HOOK})).json()["id"]
        happened(service.base, "doi:10/2")
        assert (await theirs.get("/api/webhooks/deliveries")).json() == {"deliveries": []}
        assert [row["id"] for row in (await theirs.get("/api/webhooks")).json()["webhooks"]] == [their_own]
        assert (await ours.get(f"/api/webhooks/{mine}")).json()["state"] == "told"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://127.0.0.1/x"}, "webhook-refused"),
        ({"url": "https://169.254.169.254/latest"}, "webhook-refused"),
        ({"url": "https://me:hidden@example.org/"}, "webhook-refused"),
        ({"url": "http://example.org/plain"}, "webhook-refused"),
        ({"url": "gopher://example.org/"}, "webhook-refused"),
        ({"url": f"https://example.org/{'x' * 2_000}"}, "invalid-request"),
        ({"url": ""}, "invalid-request"),
        ({}, "invalid-request"),
        ({"url": HOOK, "events": ["webhook.test"]}, "invalid-request"),
        ({"url": HOOK, "events": ["paper.added"] * 9}, "invalid-request"),
        ({"url": HOOK, "secret": "whsec_mine"}, "invalid-request"),
    ],
)
async def test_what_cannot_be_told_is_refused(closed: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    reply = await closed.post("/api/webhooks", json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, code)
    assert "hidden" not in reply.json()["detail"]
    assert (await closed.get("/api/webhooks")).json() == {"webhooks": []}


async def test_two_that_come_at_once_do_not_pass_the_most_there_may_be(closed: httpx.AsyncClient) -> None:
    for n in range(18):
        assert (await closed.post("/api/webhooks", json={"url": f"{HOOK}/{n}"})).status_code == 200
    replies = await asyncio.gather(*(closed.post("/api/webhooks", json={"url": HOOK}) for _ in range(5)))
    assert sorted(reply.status_code for reply in replies) == [200, 200, 422, 422, 422]
    assert len((await closed.get("/api/webhooks")).json()["webhooks"]) == 20


async def test_no_page_of_another_site_changes_who_is_told(service: Service) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with service.by(Role.ADMIN, **foreign) as http:
        for path in ("", "/wh_000000000000/secret", "/wh_000000000000/pause"):
            reply = await http.post(f"/api/webhooks{path}", json={"url": HOOK} if not path else {})
            assert (reply.status_code, reply.json()["code"]) == (403, "cross-site")
    assert service.base.app.subscribers.all() == []


async def test_both_clients_manage_them(open_base: Callable[..., Any], receiver: Callable[..., Receiver]) -> None:
    hook = receiver()
    with open_base(webhook_private=True) as base, served_here(create_api(base.app)) as url:
        key = base.app.keyring.make(Key("", "", "ada", Role.ADMIN, "", 0.0), "root")[1].text
        async with AsyncClient(url, key=key) as oracle:
            made = await oracle.add_webhook(hook.url, ["paper.added"])
            assert await oracle.webhooks() == {"webhooks": [await oracle.webhook(made["id"])]}
            assert (await oracle.test_webhook(made["id"]))["taken"]
            assert (await oracle.pause_webhook(made["id"]))["state"] == "paused"
        happened(base, "doi:10/1")
        with Client(url, key=key) as other:
            (waits,) = other.deliveries(made["id"], state="waiting")["deliveries"]
            assert other.redeliver(waits["id"])["about"] == {"id": "doi:10/1"}
            assert other.rotate_webhook(made["id"], 1.0)["secret"] != made["secret"]
            assert other.resume_webhook(made["id"])["state"] == "told"
            assert other.remove_webhook(made["id"]) == {"removed": made["id"]}
            with pytest.raises(NotFound, match="no webhook"):
                other.test_webhook(made["id"])
            with pytest.raises(WebhookRefused, match="https"):
                other.add_webhook("example.org")


@pytest.mark.parametrize("hours", [-1, 8_761, "soon", None])
async def test_an_overlap_that_cannot_be_is_refused(closed: httpx.AsyncClient, hours: Any) -> None:
    at = f"/api/webhooks/{(await closed.post('/api/webhooks', json={'url': HOOK})).json()['id']}"
    assert (await closed.post(f"{at}/secret", json={"overlap_hours": hours})).status_code == 422
    assert (await closed.get(at)).json()["former_until"] is None


def test_the_interface_names_all_events_that_can_be_wished_for() -> None:
    assert get_args(Wished) == tuple(kind.value for kind in OFFERED)
