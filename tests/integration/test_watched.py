"""A service with traffic, watched by real Prometheus and Alertmanager as they are shipped: people are told, panels are filled."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from typer.testing import CliRunner

from cmo.cli.main import app
from cmo.delivery.desk import Desk, Wish
from cmo.delivery.releases import release
from cmo.delivery.rollout import Plan
from cmo.errors import ServiceGone
from cmo.model.delivery import Act
from cmo.ops.dashboards import DASHBOARDS
from cmo.web import create_api
from tests.acceptance.services import served_here
from tests.conftest import fake_base
from tests.integration.servers import Chat, Moody, alertmanager, free_port, prometheus, until

LASTING = {"ErrorsCritical": 0.0, "ServiceDown": 0.0}
"""What must last minutes does not here: what is timed is what comes after."""
SECONDS = 15.0
"""In which people are told."""


@dataclass
class Inbox:
    letters: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its hook
        self.letters.append(envelope)
        return "250 taken"


@dataclass
class Watched:
    service: str
    prometheus: str
    alertmanager: str
    chat: Chat
    inbox: Inbox
    moody: Moody
    stop_service: ExitStack

    def query(self, expr: str) -> list[dict[str, object]]:
        reply = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expr}, timeout=10)
        assert reply.status_code == 200, f"{expr}: {reply.text}"
        return list(reply.json()["data"]["result"])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    chat, inbox, moody = Chat(), Inbox(), Moody()
    mail = Controller(inbox, hostname="127.0.0.1", port=free_port())
    mail.start()
    with ExitStack() as servers, ExitStack() as service:
        servers.callback(mail.stop)
        servers.callback(chat.close)
        base = service.enter_context(fake_base(folder / "base", delivery=True, daily_budget=10, alerts=False))
        base.app.__dict__["answerer"] = moody
        base.add(
            pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria in plasma.\n",
            hcu="Homocystinuria\n\nMethionine is raised in homocystinuria.\n",
        )
        base.app.delivery.add_release(release("r1", {"max_hops": 2}), Act(0.0, "ada", "release", "r1", ""))
        half = Plan("half", (50, 100), 3600.0, 3600.0)
        Desk(base.app.delivery, base.app.clock).start(Wish("r1", half, name="half"), "ada", "try it")
        url = service.enter_context(served_here(create_api(base.app)))
        moody.fails = True  # a counter that was there before is seen to rise at the next look
        assert httpx.post(f"{url}/query", json={"query": "Is methionine raised in homocystinuria?"}).status_code == 500
        moody.fails = False
        told = servers.enter_context(alertmanager(folder, chat.url, mail.port))
        seen = servers.enter_context(prometheus(folder, url, told, LASTING))
        service.enter_context(_Asking(url))
        yield Watched(url, seen, told, chat, inbox, moody, service)


class _Asking:
    """Somebody asks all the time."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(10)
        self._http.close()

    def _ask(self) -> None:
        n = 0
        while not self._enough.wait(0.1):
            n += 1
            with suppress(httpx.TransportError):  # people who had to wait too long ask again
                self._once(n)

    def _once(self, n: int) -> None:
        self._http.post("/query", json={"query": f"Is phenylalanine raised in phenylketonuria, case {n // 2}?"})
        if n % 5 == 0:
            self._http.post("/classify", json={"query": f"What is metabolite {n % 4}?"})
            self._http.get("/papers")


def test_people_are_told_within_fifteen_seconds_by_chat_and_mail(watched: Watched) -> None:
    watched.moody.fails = True
    holds = (
        'sum(increase(cmo_http_requests_total{status=~"5.."}[5m])) / sum(increase(cmo_http_requests_total[5m])) > 0.05'
    )
    assert until(lambda: watched.query(holds), 20), "the service fails, and counts it"
    began = time.monotonic()
    assert until(lambda: watched.chat.heard("ErrorsCritical"), SECONDS + 5)
    assert watched.chat.heard("ErrorsCritical") - began <= SECONDS  # type: ignore[operator]
    watched.moody.fails = False
    assert until(lambda: watched.inbox.letters, SECONDS)
    letter = watched.inbox.letters[0]
    assert letter.rcpt_tos == ["everybody@example.org"]
    assert "docs/runbooks/errors.md" in str(watched.chat.got)


def test_no_panel_is_empty(watched: Watched) -> None:
    expressions = {line.expr for board in DASHBOARDS for panel in board.panels for line in panel.lines}
    empty: set[str] = expressions

    def filled() -> bool:
        nonlocal empty
        empty = {expr for expr in empty if not watched.query(expr)}
        return not empty

    assert until(filled, 60), "\n".join(sorted(empty))


def test_a_release_can_be_silenced_in_alertmanager_from_the_command_line(watched: Watched, tmp_path: Path) -> None:
    command = ["alerts", "silence", "--release", "r1", "--reason", "a drill", "--home", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, [*command, "--alertmanager", watched.alertmanager])
    assert done.exit_code == 0, done.output
    held = httpx.get(f"{watched.alertmanager}/api/v2/silence/{json.loads(done.stdout)['alertmanager']}").json()
    assert held["matchers"] == [{"name": "release", "value": "r1", "isRegex": False, "isEqual": True}]
    assert (held["status"]["state"], held["comment"]) == ("active", "a drill")
    refused = CliRunner().invoke(app, [*command, "--alertmanager", watched.prometheus])
    assert isinstance(refused.exception, ServiceGone), "that is no Alertmanager"


def test_of_one_subject_alertmanager_tells_the_most_urgent_alone(watched: Watched) -> None:
    def labels(name: str, priority: str, **more: str) -> dict[str, dict[str, str]]:
        return {"labels": {"alertname": name, "priority": priority, "subject": "component", **more}}

    sent = [
        labels("Worse", "P1", component="disk"),
        labels("Bad", "P3", component="disk"),
        labels("Other", "P3", component="llm"),
    ]
    assert httpx.post(f"{watched.alertmanager}/api/v2/alerts", json=sent).status_code == 200

    def held_back() -> set[str]:
        told = httpx.get(f"{watched.alertmanager}/api/v2/alerts").json()
        return {alert["labels"]["alertname"] for alert in told if alert["status"]["inhibitedBy"]}

    assert until(lambda: held_back() == {"Bad"}, 10), held_back()


def test_a_service_that_is_gone_is_told_within_fifteen_seconds_once_it_cannot_be_reached(watched: Watched) -> None:
    watched.stop_service.close()
    began = time.monotonic()
    assert until(lambda: watched.chat.heard("ServiceDown", "FIRING", since=began), 3 * SECONDS)
    told = watched.chat.heard("ServiceDown", "FIRING", since=began)
    assert told is not None
    assert told - began <= SECONDS
