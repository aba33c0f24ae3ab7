"""Prometheus and Alertmanager as they are shipped, with addresses of this test: real servers, ended by their ids."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.model.answers import Answer
from cmo.model.evidence import Found
from cmo.model.questions import Question
from cmo.testing import NEVER

DEPLOY = Path(__file__).parents[2] / "deploy"


class Chat(ThreadingHTTPServer):
    """A chat that takes what Slack takes, and remembers when."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[float, dict[str, Any]]] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/services/secret"

    def close(self) -> None:
        self.shutdown()
        self.thread.join(5)
        self.server_close()

    def heard(self, *words: str, since: float = 0.0) -> float | None:
        """When it first got a message with all words, from a moment on."""
        return next((at for at, body in self.got if at >= since and all(word in str(body) for word in words)), None)


class Moody:
    """Answers, or fails for no reason."""

    def __init__(self) -> None:
        self.fails = False
        self._answers = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)

    def answer(self, question: Question, found: Found) -> Answer:
        if self.fails:
            raise RuntimeError("a mood")
        return self._answers.answer(question, found)


class _Handler(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((time.monotonic(), orjson.loads(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def until(holds: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


@contextmanager
def alertmanager(folder: Path, chat: str, smtp_port: int) -> Iterator[str]:
    """The shipped configuration, with this chat and this receiver of mail."""
    settings = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    settings["global"] |= {"smtp_smarthost": f"127.0.0.1:{smtp_port}", "smtp_require_tls": False}
    address = folder / "slack_url"
    address.write_text(chat)
    for receiver in settings["receivers"]:
        for one in receiver["slack_configs"]:
            one["api_url_file"] = str(address)
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(settings))
    port = free_port()
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert found, "Alertmanager is missing: apt-get install prometheus-alertmanager"
    options = ["--cluster.listen-address=", f"--storage.path={folder / 'am'}", f"--web.listen-address=127.0.0.1:{port}"]
    with _running([found, f"--config.file={config}", *options], f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def prometheus(folder: Path, service: str, alerts: str, lasting: dict[str, float]) -> Iterator[str]:
    """The shipped configuration, looking at this service; some alerts need last no longer than so many seconds."""
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [service.removeprefix("http://")]}]
    settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alerts.removeprefix("http://")]}]
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule["alert"] in lasting:
                rule["for"] = f"{lasting[rule['alert']]:g}s"
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
    recording = yaml.safe_load((DEPLOY / "prometheus" / "recording.yml").read_text())
    for group in recording["groups"]:
        group["interval"] = "2s"  # panels over what is recorded need two of it
    (folder / "recording.yml").write_text(yaml.safe_dump(recording))
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(settings))
    port = free_port()
    found = shutil.which("prometheus")
    assert found, "Prometheus is missing: apt-get install prometheus"
    options = [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with _running([found, f"--config.file={config}", *options], f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], ready: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None, f"{command[0]} ended"
        try:
            return httpx.get(ready, timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        assert until(answers, 20), f"{command[0]} did not come up"
        yield
    finally:
        process.terminate()
        process.wait(10)
