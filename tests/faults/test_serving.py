"""The service under load, told to end or to reload, and surrounded by connections that ask nothing: nobody's request fails."""

import asyncio
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest

from tests.acceptance.services import CMO, Service

ASK = {"query": "Which metabolites are raised in phenylketonuria?"}


class Load:
    """Clients that ask one question after the other, each in a thread; some keep their connection, some never do."""

    def __init__(self, url: str, clients: int = 6) -> None:
        self.url = url
        self.done, self.failed = 0, []  # type: tuple[int, list[str]]
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n % 2 == 0,)) for n in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, keeps: bool) -> None:
        headers = {} if keeps else {"Connection": "close"}
        with httpx.Client(base_url=self.url, timeout=30, headers=headers) as http:
            while not self.stop.wait(0.03):
                try:
                    reply = http.post("/query", json=ASK)
                except httpx.TransportError as error:
                    self.failed.append(repr(error))
                else:
                    self.done += 1
                    if reply.status_code != 200:
                        self.failed.append(f"{reply.status_code} {reply.text[:200]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with Service(folder, 2, CMO_DRAIN_SECONDS="1", CMO_CACHE="true", CMO_DELIVERY="false") as service:
        yield service


def wait(until: Callable[[], bool], seconds: float = 40) -> None:
    for _ in range(int(seconds * 20)):
        if until():
            return
        time.sleep(0.05)
    raise TimeoutError


def workers(service: Service) -> set[int]:
    told = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(service._process.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return {int(line.split()[0]) for line in told.stdout.splitlines() if "spawn_main" in line}


@contextmanager
def idle(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections that ask nothing."""
    host, port = re.fullmatch(r"http://([\d.]+):(\d+)", url).groups()  # type: ignore[union-attr]
    held: list[socket.socket] = []
    try:
        for n in range(count):
            held.append(socket.create_connection((host, int(port)), timeout=10))
            if n % 2:
                held[-1].sendall(b"GET /health HTTP/1.1\r\nHost: 127")  # and will not go on
        yield held
    finally:
        for one in held:
            one.close()


def test_workers_are_exchanged_under_load_and_nobody_notices(service: Service) -> None:
    before = workers(service)
    assert len(before) == 2
    with Load(service.url) as load:
        wait(lambda: load.done > 20)
        service._process.send_signal(signal.SIGHUP)
        wait(lambda: len(now := workers(service)) == 2 and not now & before, 60)
        seen = load.done
        wait(lambda: load.done > seen + 20)
    assert load.failed == []


def test_those_who_come_at_once_are_shared_by_all_workers(service: Service) -> None:
    """One loop that takes all who wait leaves the other process with nothing to do."""

    async def come(count: int) -> list[int]:
        port = int(service.url.rpartition(":")[2])
        come = [asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
        lines = [writer for _, writer in await asyncio.gather(*come)]
        await asyncio.sleep(0.3)
        counts = served(service)
        for line in lines:
            line.close()
        return counts

    assert min(asyncio.run(come(40))) >= 10


def served(service: Service) -> list[int]:
    """Connections that each worker holds."""
    port = int(service.url.rpartition(":")[2])
    return [
        sum(
            one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
            for one in psutil.Process(pid).net_connections()
        )
        for pid in workers(service)
    ]


def test_settings_that_cannot_be_used_reload_nothing(service: Service, folder: Path) -> None:
    before = workers(service)
    (folder / ".env").write_text("CHUNK_SIZE=none\n")
    service._process.send_signal(signal.SIGHUP)
    wait(lambda: "nothing was reloaded" in (folder / "log").read_text())
    (folder / ".env").unlink()
    assert workers(service) == before
    assert httpx.post(f"{service.url}/query", json=ASK, timeout=30).status_code == 200


def test_an_answer_of_one_worker_can_be_rated_at_the_other_at_once(service: Service) -> None:
    """Each request is a connection of its own, and comes to either worker."""
    statuses = []
    for n in range(12):
        asked = httpx.post(f"{service.url}/query", json={"query": f"{ASK['query']} {n}"}, timeout=30).json()
        body = {"answer_id": asked["id"], "rating": 5}
        statuses.append(httpx.post(f"{service.url}/api/feedback", json=body, timeout=30).status_code)
    assert statuses == [200] * 12


def test_connections_that_ask_nothing_hold_nobody_up(service: Service) -> None:
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500
    with idle(service.url, min(20_000, room, 2_000)) as held:
        assert len(held) > 400
        begun = time.monotonic()
        for _ in range(20):
            assert httpx.post(f"{service.url}/query", json=ASK, timeout=30).status_code == 200
        assert time.monotonic() - begun < 20


def test_a_worker_that_is_killed_under_load_takes_no_more_with_it_than_it_had_in_hand(service: Service) -> None:
    """Nobody can answer for it; the other one goes on meanwhile, and another comes in its place."""
    with Load(service.url) as load:
        wait(lambda: load.done > 20)
        killed = min(before := workers(service))
        os.kill(killed, signal.SIGKILL)
        seen = load.done
        wait(lambda: load.done > seen + 20)
        wait(lambda: len(now := workers(service)) == 2 and killed not in now)
    assert len(load.failed) <= len(load._threads), load.failed
    assert all("Error" in failure for failure in load.failed), "connections broke; no reply was wrong"
    assert before - {killed} <= workers(service)


def test_told_to_end_under_load_every_request_is_answered(service: Service) -> None:
    """As behind a balancer: it sends until `/ready` says no, and every request that it sent is answered."""
    with Load(service.url) as load:
        wait(lambda: load.done > 20)
        service._process.send_signal(signal.SIGTERM)
        wait(lambda: httpx.get(f"{service.url}/ready", timeout=10).status_code == 503)
    assert load.failed == []
    assert service._process.wait(30) in {0, -signal.SIGTERM}


def test_with_few_descriptors_those_who_wait_longest_make_room(folder: Path) -> None:
    """Of 300 descriptors 172 are for connections that wait; 400 come, and questions are answered among them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    log = (folder / "few.log").open("wb")
    process = subprocess.Popen(
        ["sh", "-c", f"ulimit -n 300; exec {CMO} serve --port {url.rpartition(':')[2]}"],
        env={**environment, "CMO_HOME": str(folder / "base"), "CMO_DRAIN_SECONDS": "0", "LC_ALL": "C.UTF-8"}, stderr=log,
    )  # fmt: skip
    log.close()
    try:
        wait(lambda: _answers(url))
        with idle(url, 400) as held:
            for _ in range(10):
                assert httpx.post(f"{url}/query", json=ASK, timeout=30).status_code == 200
            time.sleep(0.2)
            gone = sum(_closed(one) for one in held)
            assert 200 <= gone < 400
            assert not _closed(held[-1]), "who came last is let be"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert _answers(url), "one alone goes on as it is"
        assert "one worker alone is not exchanged" in (folder / "few.log").read_text()
        httpx.get(f"{url}/query/stream", params=ASK, timeout=30)
        assert "phenylketonuria" not in (folder / "few.log").read_text(), "the log holds no question"
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _closed(one: socket.socket) -> bool:
    one.settimeout(0)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
