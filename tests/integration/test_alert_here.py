"""The service watches itself, without Prometheus: a real one, whose clock goes fast."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cmo.web import create_api
from tests.acceptance.services import served_here
from tests.conftest import fake_base
from tests.integration.servers import Chat, Moody, until


class Hasty:
    """A clock on which a second takes a hundredth of one."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return 100 * (time.monotonic() - self._began)


@contextmanager
def served(folder: Path, chat: Chat, **settings: object) -> Iterator[str]:
    told = {"slack_webhook_url": chat.url, "webhook_private": True, **settings}
    with fake_base(folder / "base", **told) as base:
        base.app.clock = Hasty()
        base.app.__dict__["answerer"] = moody = Moody()
        base.add(pku="Phenylketonuria\n\nPhenylalanine is raised in phenylketonuria in plasma.\n")
        with served_here(create_api(base.app)) as url:
            moody.fails = True
            yield url


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.close()


def asked(url: str, enough: threading.Event) -> None:
    with httpx.Client(base_url=url, timeout=10) as http:
        case = 0
        while not enough.wait(0.02):
            case += 1
            http.post("/query", json={"query": f"Is phenylalanine raised in phenylketonuria, case {case}?"})


@contextmanager
def somebody_asking(url: str) -> Iterator[None]:
    enough = threading.Event()
    asker = threading.Thread(target=asked, args=(url, enough))
    asker.start()
    try:
        yield
    finally:
        enough.set()
        asker.join(10)


def test_people_are_told_what_fails_and_the_page_shows_it(tmp_path: Path, chat: Chat) -> None:
    with served(tmp_path, chat) as url, somebody_asking(url):
        assert until(lambda: chat.heard("ErrorsCritical", "docs/runbooks/errors.md"), 20)
        shown = httpx.get(f"{url}/api/metrics", timeout=10).json()["alerts"]
        told = httpx.get(f"{url}/metrics", timeout=10).text
    assert shown[0]["alert"] == "ErrorsCritical"
    assert {row["priority"] for row in shown} <= {"P0", "P1", "P2", "P3"}
    assert 'cmo_alert_firing{alert="ErrorsCritical"} 1.0' in told


def test_nobody_is_told_where_it_is_left_to_prometheus(tmp_path: Path, chat: Chat) -> None:
    with served(tmp_path, chat, alerts=False) as url, somebody_asking(url):
        time.sleep(2)
        assert 'status="500"' in httpx.get(f"{url}/metrics", timeout=10).text, "it fails all the same"
    assert chat.got == []
