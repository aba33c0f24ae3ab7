"""Other programs hear of papers and releases: signed, at least once, each tenant's its own; bad receivers cost nobody else anything."""

import asyncio
import base64
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from cmo.cast.rounds import Rounds
from cmo.cli.main import app as cmo
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.releases import release
from cmo.delivery.rollout import Command, plans
from cmo.errors import NotFound, SettingsError, WebhookRefused
from cmo.kit.clock import SystemClock
from cmo.kit.seal import PLAIN
from cmo.model.access import Deed
from cmo.model.outcomes import Status
from cmo.model.webhooks import OFFERED, Event, Kind, Outbox, Stand, Standing, State, Webhook
from cmo.notify import Courier, fresh_secret
from cmo.store.record import Record
from cmo.stories.subscribers import Subscribers
from cmo.testing import FakeClock
from cmo.web import create_api
from tests.acceptance.services import served_here

DEED = Deed(0.0, "me", "webhook-added")
TEXT = "Phenylalanine in plasma\nPhenylalanine is raised in phenylketonuria. It was seen in the plasma of patients."


class Receiver(ThreadingHTTPServer):
    """Answers as it is told, and remembers what it got."""

    daemon_threads = True

    def __init__(self, *says: int, slow: float = 0.0, to: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.says, self.slow, self.to = list(says), slow, to
        self.got: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.got]

    def kinds(self) -> list[str]:
        return [body["type"] for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        time.sleep(self.server.slow)
        says = self.server.says.pop(0) if len(self.server.says) > 1 else self.server.says[0]
        self.send_response(says)
        if self.server.to:
            self.send_header("location", self.server.to)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:  # whoever follows a redirect comes so
        self.do_POST()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    opened: list[Receiver] = []

    def open_(*says: int, **how: Any) -> Receiver:
        opened.append(Receiver(*(says or (204,)), **how))
        return opened[-1]

    yield open_
    for one in opened:
        one.shutdown()
        one.server_close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: FakeClock) -> Iterator[Outbox]:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", clock) as record:
        yield record.outbox


@pytest.fixture
def each(url: str, clock: FakeClock) -> Iterator[Outbox]:
    """On a database of each kind."""
    with Record.open(url, clock) as record:
        yield record.outbox


def added(outbox: Outbox, url: str, *kinds: str, name: str = "wh_1") -> Webhook:
    webhook = Webhook(name, url, kinds or tuple(OFFERED), fresh_secret(), 0.0, "me")
    outbox.add(webhook, DEED, 20)
    return webhook


def happened(outbox: Outbox, clock: FakeClock, paper: str = "doi:10/1") -> None:
    outbox.publish([Event(Kind.PAPER_ADDED, clock.now().timestamp(), {"id": paper})])


def sent(outbox: Outbox, clock: Any, tenant: str = "lab", looks: int = 1, apart: float = 0.0, **how: Any) -> Courier:
    """What a courier does in some looks, so many seconds apart."""
    courier = Courier(clock, private=how.pop("private", True), chance=lambda: 0.0, **how)

    async def work() -> None:
        async with courier:
            for _ in range(looks):
                await courier.look(outbox, tenant)
                await courier.settled()
                if apart:
                    clock.advance(apart)

    asyncio.run(work())
    return courier


def verified(webhook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    """Written from the specification alone: one of the signatures is ours."""
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    said = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{said}", one) for one in headers["webhook-signature"].split(" "))


def test_it_is_sent_once_signed_and_only_of_what_is_wished_for(
    outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    one, other = receiver(), receiver()
    webhook = added(outbox, one.url, "paper.added")
    added(outbox, other.url, "release.started", name="wh_2")
    happened(outbox, clock)
    assert sent(outbox, clock, looks=2).came_of == {"delivered": 1}
    ((headers, body),) = one.got
    assert verified(webhook, headers, body)
    assert not verified(webhook, headers, body + b" ")
    assert orjson.loads(body)["data"] == {"id": "doi:10/1", "tenant": "lab"}
    assert other.got == []
    (delivery,) = outbox.deliveries()
    assert (delivery.state, delivery.attempts, delivery.said) == (State.DELIVERED, 1, "HTTP 204")
    assert headers["webhook-id"] == delivery.id


def test_what_fails_is_sent_again_later_under_the_same_id_and_a_new_time(
    outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    hook = receiver(500, 200)
    webhook = added(outbox, hook.url)
    happened(outbox, clock)
    assert sent(outbox, clock, looks=2).came_of == {"failed": 1}
    (delivery,) = outbox.deliveries()
    assert (delivery.state, delivery.said) == (State.WAITING, "HTTP 500")
    clock.advance(5.0)
    assert sent(outbox, clock).came_of == {"delivered": 1}
    (first, _), (second, body) = hook.got
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 5
    assert verified(webhook, second, body)


def test_a_dead_receiver_is_given_up_in_the_end_seen_and_told_again_on_request(each: Outbox, clock: FakeClock) -> None:
    outbox = each
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    added(outbox, f"http://127.0.0.1:{port}/")
    happened(outbox, clock)
    came_of = sent(outbox, clock, looks=12, apart=90_000.0).came_of
    assert came_of == {"failed": 9, "given-up": 1}
    (lost,) = outbox.deliveries(state="given-up")
    assert (lost.attempts, lost.said, outbox.standing().waiting) == (10, "ConnectError", 0)
    again = outbox.again(lost.id, clock.now().timestamp(), DEED)
    assert (again.id, again.state, again.attempts) == (lost.id, State.WAITING, 0)
    with pytest.raises(NotFound, match="no delivery"):
        outbox.again("msg_none", 0.0, DEED)
    outbox.remove("wh_1", DEED)
    assert (outbox.webhooks(), outbox.deliveries()) == ([], [])
    with pytest.raises(NotFound, match="no webhook"):
        outbox.remove("wh_1", DEED)


def test_a_receiver_that_wants_no_more_is_told_no_more(
    each: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    outbox = each
    hook = receiver(410)
    added(outbox, hook.url)
    for n in range(3):
        happened(outbox, clock, f"p{n}")
    sent(outbox, clock, looks=2)
    assert len(hook.got) == 1
    assert {delivery.state for delivery in outbox.deliveries()} == {State.GIVEN_UP}
    happened(outbox, clock)
    assert len(outbox.deliveries()) == 3
    (webhook,) = outbox.webhooks()
    assert "410" in webhook.ended


def test_a_paused_webhook_is_told_later_what_happened_meanwhile(
    each: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    outbox, hook = each, receiver()
    added(outbox, hook.url)
    subscribers = Subscribers(outbox, clock, "", private=True)
    happened(outbox, clock, "before")
    assert subscribers.pause("wh_1", "ada").stand is Stand.PAUSED
    (early,) = outbox.deliveries()
    assert not outbox.claim(early, 1e12), "who was on the way already sends it no more"
    clock.advance(60.0)
    happened(outbox, clock, "meanwhile")
    assert sent(outbox, clock).came_of == {}
    standing = outbox.standing()
    assert (standing.waiting, standing.oldest_at, standing.webhooks[Stand.PAUSED]) == (2, None, 1)
    assert subscribers.resume("wh_1", "ada").stand is Stand.TOLD
    assert outbox.standing().oldest_at == early.at
    assert sent(outbox, clock).came_of == {"delivered": 2}
    assert {body["data"]["id"] for body in hook.bodies} == {"before", "meanwhile"}
    assert outbox.standing() == Standing({Stand.TOLD: 1, Stand.PAUSED: 0, Stand.ENDED: 0}, 0, None)


def test_what_waits_for_a_paused_webhook_waits_for_thirty_days_and_for_a_dead_one_as_long_as_it_is_tried(
    tmp_path: Path, clock: FakeClock
) -> None:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", clock) as record:
        added(record.outbox, "https://example.org/paused")
        added(record.outbox, "https://example.org/dead", name="wh_2")
        happened(record.outbox, clock)
        Subscribers(record.outbox, clock, "", private=True).pause("wh_1", "ada")
        before = clock.now() + timedelta(days=1)
        assert (record.persons.older("deliveries", before), record.persons.forget("deliveries", before)) == (1, 1)
        assert [delivery.webhook for delivery in record.outbox.deliveries()] == ["wh_2"]


def test_who_said_that_it_wants_no_more_can_be_told_again(
    outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    hook = receiver(410, 204)
    added(outbox, hook.url)
    happened(outbox, clock)
    sent(outbox, clock)
    assert outbox.standing().webhooks[Stand.ENDED] == 1
    Subscribers(outbox, clock, "", private=True).resume("wh_1", "ada")
    happened(outbox, clock, "later")
    assert sent(outbox, clock).came_of == {"delivered": 1}


def test_while_a_secret_is_rotated_both_hold_and_then_the_new_one_alone(
    each: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    outbox, hook = each, receiver()
    first = added(outbox, hook.url)
    subscribers = Subscribers(outbox, clock, "", private=True)
    second = subscribers.rotate("wh_1", "ada", 3600.0)
    assert second.secret != first.secret
    happened(outbox, clock)
    sent(outbox, clock)
    clock.advance(3600.0)
    happened(outbox, clock, "later")
    sent(outbox, clock)
    holds = [[verified(one, *message) for one in (first, second)] for message in hook.got]
    assert holds == [[True, True], [False, True]]
    third = subscribers.rotate("wh_1", "ada", 0.0)
    assert third.secrets(clock.now().timestamp()) == (third.secret,), "a secret that leaked ends at once"
    with pytest.raises(NotFound, match="no webhook"):
        subscribers.rotate("wh_none", "ada", 0.0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(WebhookRefused, match="8,760 hours"):
            subscribers.rotate("wh_1", "ada", wrong)


def test_the_slow_and_the_dripping_are_cut_off_and_hold_up_nobody(
    outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]
) -> None:
    slow, quick = receiver(slow=30.0), receiver()
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip() -> None:
            with dripping.accept()[0] as connection:
                connection.recv(65_536)
                for letter in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1_000:
                    try:
                        connection.send(bytes([letter]))
                    except OSError:
                        return
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        added(outbox, slow.url)
        added(outbox, f"http://127.0.0.1:{dripping.getsockname()[1]}/", name="wh_2")
        added(outbox, quick.url, name="wh_3")
        for n in range(3):
            happened(outbox, clock, f"p{n}")
        began = time.monotonic()
        assert sent(outbox, clock, seconds=1.5).came_of == {"delivered": 3, "failed": 2}
        assert time.monotonic() - began < 20.0
    said = {delivery.webhook: delivery.said for delivery in outbox.deliveries() if delivery.attempts}
    assert said["wh_3"] == "HTTP 204"
    assert "Timeout" in said["wh_1"]
    assert "Timeout" in said["wh_2"]


def test_a_redirect_is_followed_nowhere(outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver]) -> None:
    inside = receiver()
    for n, to in enumerate((inside.url, "http://169.254.169.254/latest/meta-data/")):
        added(outbox, receiver(307, to=to).url, name=f"wh_{n}")
    happened(outbox, clock)
    sent(outbox, clock)
    assert inside.got == []
    assert {(one.state, one.said) for one in outbox.deliveries()} == {(State.WAITING, "HTTP 307")}


def test_a_name_that_leads_inside_by_the_time_of_sending_is_not_called(
    outbox: Outbox, clock: FakeClock, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = receiver()
    port = inside.server_address[1]
    added(outbox, f"http://hook.example.org:{port}/")
    added(outbox, inside.url, name="wh_2")
    happened(outbox, clock)

    def rebound(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    sent(outbox, clock, private=False)
    assert inside.got == []
    said = [one.said for one in outbox.deliveries()]
    assert any("private network" in one for one in said)
    assert all("CMO_WEBHOOK_PRIVATE" in one for one in said)


SENDER = """
import asyncio, sys
from cmo.kit.clock import SystemClock
from cmo.notify import Courier
from cmo.store.record import Record

async def work():
    record = Record.open(sys.argv[1], SystemClock())
    async with Courier(SystemClock(), private=True) as courier:
        await courier.look(record.outbox, "lab")
        await courier.settled()

asyncio.run(work())
"""


def test_who_is_killed_while_sending_sends_again_and_the_receiver_can_tell(
    tmp_path: Path, receiver: Callable[..., Receiver]
) -> None:
    url, clock = f"sqlite:///{tmp_path / 'record.sqlite3'}", FakeClock(SystemClock().now())
    hook = receiver(slow=30.0)
    with Record.open(url, clock) as record:
        added(record.outbox, hook.url)
        happened(record.outbox, clock)
        process = subprocess.Popen([sys.executable, "-c", SENDER, url])
        until(lambda: bool(hook.got), 120.0)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        hook.slow = 0.0
        assert sent(record.outbox, clock).came_of == {}  # it may still be under way
        clock.advance(600.0)
        assert sent(record.outbox, clock).came_of == {"delivered": 1}
    first, second = (headers["webhook-id"] for headers, _ in hook.got)
    assert first == second


INGEST = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.conftest import fake_base

with fake_base(Path(sys.argv[1])) as base:
    for outcome in base.app.curator.ingest(base.pipeline(), [Path(sys.argv[2])]):
        os.write(1, outcome.paper_id.encode())
        os.kill(os.getpid(), 9)
"""


def test_a_kill_after_a_paper_is_acknowledged_loses_no_event(base: Any, receiver: Callable[..., Receiver]) -> None:
    hook = receiver()
    added(base.app.record.outbox, hook.url)
    path = base.write("paper", TEXT)
    command = [sys.executable, "-c", INGEST, str(base.folder), str(path), str(Path(__file__).parents[2])]
    died = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    sent(base.app.record.outbox, SystemClock())
    (told,) = hook.bodies
    assert (told["type"], told["data"]["id"]) == ("paper.added", died.stdout.decode())


def test_the_life_of_a_paper_is_told_and_nothing_of_what_it_says(base: Any, receiver: Callable[..., Receiver]) -> None:
    hook, outbox = receiver(), base.app.record.outbox
    added(outbox, hook.url)
    (first,) = base.add(**{"A paper of Jane Doe": TEXT})
    assert first.status is Status.ADDED
    (refused,) = base.add(secretive="")
    assert refused.status is Status.REFUSED
    base.app.curator.retract(first.paper_id, "patient Jane asked for it")
    (again,) = base.add(another=TEXT)
    assert again.status is Status.REFUSED
    sent(outbox, SystemClock(), tenant="")
    told = [(body["type"], body["data"]) for body in hook.bodies]
    assert told == [
        ("paper.added", {"id": first.paper_id, "tenant": ""}),
        ("paper.refused", {"id": None, "reason": refused.reason, "tenant": ""}),
        ("paper.retracted", {"id": first.paper_id, "tenant": ""}),
        ("paper.refused", {"id": first.paper_id, "reason": "retracted", "tenant": ""}),
    ]
    assert not any(word in str(hook.got) for word in ("Jane", "secretive", "henylalanin", "patient"))


def test_another_text_of_a_paper_is_told_as_its_replacement(base: Any, receiver: Callable[..., Receiver]) -> None:
    hook, title = receiver(), "Phenylalanine in the plasma of newborns with phenylketonuria"
    added(base.app.record.outbox, hook.url)
    one, two = (base.add(paper=f"{title}\n\nPhenylalanine is raised in {n} newborns.")[0] for n in ("ten", "eleven"))
    assert (one.paper_id, two.status) == (two.paper_id, Status.REPLACED)
    sent(base.app.record.outbox, SystemClock())
    assert [(body["type"], body["data"]["id"]) for body in hook.bodies] == [
        ("paper.added", one.paper_id), ("paper.replaced", one.paper_id)
    ]  # fmt: skip


def test_a_service_sends_by_itself_and_its_metrics_tell(
    open_base: Callable[..., Any], receiver: Callable[..., Receiver]
) -> None:
    hook = receiver()
    with open_base(webhook_private=True, max_file_megabytes=1) as base:
        made = base.app.subscribers.add(hook.url, ("paper.added", "paper.refused"), "me")
        with served_here(create_api(base.app)) as url, httpx.Client(base_url=url, timeout=30) as http:
            files = [("files", ("a.txt", TEXT)), ("files", ("b.txt", "x" * 1_100_000))]
            told = {row["status"]: row for row in http.post("/papers", files=files).json()["outcomes"]}
            until(lambda: len(hook.got) == 2)
            until(lambda: 'cmo_webhook_attempts_total{outcome="delivered"} 2' in http.get("/metrics").text)
            until(lambda: "cmo_webhook_deliveries_waiting 0" in http.get("/metrics").text)
            assert 'cmo_webhooks{state="told"} 1' in http.get("/metrics").text
            assert "cmo_webhook_oldest_waiting_seconds 0" in http.get("/metrics").text
            metrics = http.get("/metrics").text
            summed = http.get("/api/metrics").json()["webhooks"]
    assert all(verified(made, headers, body) for headers, body in hook.got)
    facts = {body["type"]: body["data"] for body in hook.bodies}
    assert facts["paper.added"]["id"] == told["added"]["paper_id"]
    assert facts["paper.refused"] == {"id": None, "reason": "too-large", "tenant": ""}
    assert summed == {
        "by_state": {"told": 1, "paused": 0, "ended": 0},
        "attempts": {"delivered": 2, "failed": 0, "given-up": 0},
        "waiting": 0,
        "oldest_seconds": 0.0,
    }
    assert "cmo_audit_faults 0" in metrics
    assert float(metrics.partition("\ncmo_retention_age_seconds ")[2].partition("\n")[0]) < 60


def test_the_life_of_a_release_is_told(base: Any, receiver: Callable[..., Receiver]) -> None:
    hook, record = receiver(), base.app.record
    added(record.outbox, hook.url)
    desk = Desk(record.delivery, SystemClock())
    desk.keep(release("graph", {"mode": "global"}, ""), "ada", "")
    begun = desk.start(Wish("graph", next(iter(plans().values()))), "ada", "because of Jane")
    desk.command(Command.DISABLE, "ada", "patient complained")
    sent(record.outbox, SystemClock())
    assert hook.kinds() == ["release.started", "release.rolled_back"]
    assert {(body["data"]["id"], body["data"]["rollout"]) for body in hook.bodies} == {("graph", begun.name)}
    assert hook.bodies[-1]["data"]["phase"] == "back"
    assert "Jane" not in str(hook.got)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_of_two_processes_one_goes_round_and_each_tenant_hears_of_its_own(
    base: Any, receiver: Callable[..., Receiver]
) -> None:
    own, theirs = receiver(), receiver()
    lab = base.app.sibling("lab-two")
    settings = base.app.settings.model_copy(update={"webhook_private": True})
    added(base.app.record.outbox, own.url)
    added(lab.record.outbox, theirs.url)
    happened(base.app.record.outbox, FakeClock(), "own")
    happened(lab.record.outbox, FakeClock(), "theirs")
    rounds = [Rounds(settings, SystemClock(), PLAIN, lambda: base.app.record) for _ in range(2)]
    for one in rounds:
        one.start()
    until(lambda: bool(own.got) and bool(theirs.got))
    leader, other = sorted(rounds, key=lambda one: one.done.tidied_at is None)
    assert (leader.done.tidied_at is None, other.done.tidied_at is None) == (False, True)
    leader.close()  # lets go of the lease
    until(lambda: other.done.tidied_at is not None)
    happened(lab.record.outbox, FakeClock(), "later")
    until(lambda: len(theirs.got) == 2)
    other.close()
    lab.close()
    assert [body["data"] for body in own.bodies] == [{"id": "own", "tenant": ""}]
    assert [body["data"]["id"] for body in theirs.bodies] == ["theirs", "later"]
    assert {body["data"]["tenant"] for body in theirs.bodies} == {"lab-two"}


def test_a_secret_is_sealed_where_there_is_a_key_and_shown_once(
    tmp_path: Path, receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cmo.kit.seal import fresh_key

    hook = receiver()
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    monkeypatch.setenv("CMO_ENCRYPTION_KEY", fresh_key())
    monkeypatch.setenv("CMO_WEBHOOK_PRIVATE", "true")

    def run(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(cmo, ["webhooks", *words, "--json"])
        assert (done.exit_code or (1 if done.exception else 0)) == code, done.output
        return json.loads(done.stdout) if not code else done.exception

    made = run("add", f"{hook.url}?key=hidden", "--on", "paper.added", "--on", "paper.retracted")
    kept = b"".join(file.read_bytes() for file in (tmp_path / "base").glob("record.sqlite3*"))
    assert made["secret"].encode() not in kept
    (listed,) = run("list")["webhooks"]
    assert listed["url"] == f"{hook.url}?..."
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert run("test", made["id"]) == {"webhook": made["id"], "taken": True, "said": "HTTP 204"}
    ((headers, body),) = hook.got
    assert verified(Webhook("", "", (), made["secret"], 0.0, ""), headers, body)
    assert hook.kinds() == ["webhook.test"]
    hook.says = [500]
    run("test", made["id"], code=1)
    assert run("deliveries") == {"deliveries": []}
    for words in (
        ("remove", "nobody"),
        ("test", "nobody"),
        ("redeliver", "nobody"),
        ("add", hook.url, "--on", "nothing"),
    ):
        assert isinstance(run(*words, code=1), NotFound | SettingsError)
    run("deliveries", "--state", "odd", code=2)
    assert [run(word, made["id"])["state"] for word in ("pause", "resume")] == ["paused", "told"]
    rotated = run("rotate", made["id"], "--overlap-hours", "1")
    assert rotated["secret"] != made["secret"]
    assert rotated["former_until"] > rotated["made_at"]
    assert "secret" not in str(run("list"))
    run("remove", made["id"])
    assert run("list") == {"webhooks": []}
    trail = json.loads(CliRunner().invoke(cmo, ["audit", "list", "--json"]).stdout)["lines"]
    assert {line["action"] for line in trail} == {
        "webhook-added", "webhook-paused", "webhook-resumed", "webhook-rotated", "webhook-removed",
    }  # fmt: skip
    monkeypatch.delenv("CMO_WEBHOOK_PRIVATE")
    assert "private network" in str(run("add", hook.url, code=1))


def test_there_are_not_too_many(outbox: Outbox, clock: FakeClock) -> None:
    subscribers = Subscribers(outbox, clock, "", private=False)
    for n in range(20):
        subscribers.add(f"https://example.org/{n}", (), "me")
    with pytest.raises(SettingsError, match="20 webhooks"):
        subscribers.add("https://example.org/more", (), "me")


def test_who_has_nothing_to_tell_costs_nothing(outbox: Outbox, clock: FakeClock) -> None:
    happened(outbox, clock)
    assert (outbox.deliveries(), outbox.standing().waiting, outbox.due(1e12, 5)) == ([], 0, {})
