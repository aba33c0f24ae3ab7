"""Workers that go: told to end under load without a failed request, or killed without a counter that falls."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROGRAM = """
import sys
from pathlib import Path
from cmo.answer.confidence import Confidence
from cmo.app import App
from cmo.settings import read_settings
from cmo.testing import HashingEmbedder, by_shared_words
from cmo.web.serve import serve

App.encoder = HashingEmbedder()
Confidence.shipped = by_shared_words
if __name__ == "__main__":
    settings = read_settings(working_dir=Path(sys.argv[1]), port=int(sys.argv[2]), drain_seconds=1.5, log_level="WARNING")
    serve(settings, workers=2)
"""
PAPER = "One paper about carnitine\n\nCarnitine carries fatty acids into mitochondria.\n"
ASKED = {"query": "What carries fatty acids?"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture
def service(tmp_path: Path, runs: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(tmp_path / "kb"), str(port)]
    environment = {**os.environ, "TMPDIR": str(runs)}  # noqa: TID251 - where the workers' run lies
    with subprocess.Popen(command, env=environment) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert process.poll() is None
                if ready(url):
                    break
                time.sleep(0.1)
            HTTP.post(f"{url}/papers", files={"files": ("one.txt", PAPER)}).raise_for_status()
            yield url, process
        finally:
            process.terminate()
            process.wait(30)


HTTP = httpx.Client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0))
"""Each request may come to another worker."""


def ready(url: str) -> bool:
    try:
        return HTTP.get(f"{url}/ready").status_code == 200
    except httpx.TransportError:
        return False


def counted(url: str) -> float:
    told = HTTP.get(f"{url}/metrics").text
    return sum(map(float, re.findall(r'^cmo_http_requests_total\{endpoint="/query".* (\S+)$', told, re.MULTILINE)))


def workers(url: str) -> float:
    told = HTTP.get(f"{url}/metrics").text
    return float(re.search(r"^cmo_workers (\S+)$", told, re.MULTILINE)[1])  # type: ignore[index]


@pytest.mark.slow
def test_workers_go_without_a_failed_request_or_a_lost_count(
    service: tuple[str, subprocess.Popen[bytes]], runs: Path
) -> None:
    url, process = service
    assert len(list(runs.iterdir())) == 1
    for _ in range(20):
        assert HTTP.post(f"{url}/query", json=ASKED).status_code == 200
    time.sleep(1.2)  # each tells the others once a second
    assert (counted(url), workers(url)) == (20, 2)

    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    os.kill(next(child for child, command in commands.items() if b"spawn_main" in command), signal.SIGKILL)
    seen = [counted(url) for _ in range(5)]
    assert seen == [20] * 5, "a worker that is killed takes nothing with it"

    failed, statuses, sent_away = [], [], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=20) as http:
            while not sent_away.is_set():
                try:
                    statuses.append(http.post("/query", json=ASKED).status_code)
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    while ready(url):
        time.sleep(0.05)
    sent_away.set()  # as a balancer does
    for client in clients:
        client.join()
    assert failed == []
    assert set(statuses) == {200}
    assert len(statuses) > 20
    assert process.wait(20) in {0, -signal.SIGTERM}
    assert list(runs.iterdir()) == [], "what workers told each other goes with them"
