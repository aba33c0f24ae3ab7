"""Services to test against: `cmo serve` in processes of its own, or an interface in this one."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI

from cmo.embed.provision import install

CMO = Path(sys.executable).with_name("cmo")
FIRST = "Leucine is raised in maple syrup urine disease. "
SECOND = "Alloisoleucine is the most specific marker of the disease. "
"""What the halting model says; papers that bear it out are the tests' own."""
NOTES = Path(__file__).parents[2] / "library" / "notes"
QUESTIONS = (
    "Which metabolites are raised in phenylketonuria?",
    "Which amino acids are raised in maple syrup urine disease?",
    "What is lowered in type 2 diabetes?",
    "Which acylcarnitines mark MCAD deficiency?",
    "How is homocysteine related to vitamin B12?",
    "What is the role of mass spectrometry in metabolomics?",
)


class DidNotBegin(Exception):
    """A service did not begin; says what it said."""


class Service:
    """Two processes over a base of some notes of its own, and `cmo` on the same base. Serves while entered."""

    def __init__(self, folder: Path, notes: int = 20, **environment: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
        self.folder = folder
        self._environment = {
            **kept,
            "CMO_HOME": str(folder / "base"),
            "CMO_DELIVERY": "true",
            "CMO_CACHE": "false",  # so that each question is answered anew
            "LC_ALL": "C.UTF-8",
            "CMO_DRAIN_SECONDS": "0",
            "CMO_TURN_SECONDS": "30",  # a busy machine is no fault
            **environment,
        }
        install("minilm", Path("~/.cache/cmo/models").expanduser())
        self.run("ingest", *sorted(NOTES.glob("*.md"))[:notes])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [CMO, "serve", "--port", str(port), "--workers", "2"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, cwd=folder, stderr=log)

    def __enter__(self) -> Self:
        for _ in range(240):
            if self._process.poll() is not None:
                raise DidNotBegin(f"cmo serve ended with {self._process.returncode}: {self._said()}")
            try:
                if httpx.get(f"{self.url}/health", timeout=5).json()["components"]["model"]["status"] == "healthy":
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.25)
        self.__exit__()
        raise DidNotBegin(f"cmo serve is not well after a minute: {self._said()}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def _said(self) -> str:
        return (self.folder / "log").read_text()[-3_000:]

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """What a command says as JSON; nothing of `cmo ingest`, which says it line by line."""
        done = subprocess.run(
            [CMO, *arguments, "--json"], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return {} if arguments[0] == "ingest" else dict(json.loads(done.stdout))


class Speaker:
    """A language model that says a sentence and a half, then waits until it may go on. Serves while entered."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.left = threading.Event()
        self.asked = 0

    def __enter__(self) -> Self:
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                speaker.asked += 1
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    self._say(FIRST + SECOND[:20])
                    self._wait()
                    self._say(SECOND[20:], "stop")
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    speaker.left.set()

            def _wait(self) -> None:
                self.connection.settimeout(0.02)
                while not speaker.may_go_on.is_set():
                    try:
                        if not self.connection.recv(1):
                            raise ConnectionResetError
                    except TimeoutError:
                        continue

            def _say(self, text: str, ended: str | None = None) -> None:
                choice = {"index": 0, "delta": {"content": text}, "finish_reason": ended}
                self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())

            def log_message(self, *_args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_go_on.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def served_here(api: FastAPI, **more: Any) -> Iterator[str]:
    """Address of an interface that a thread of this process serves.

    Raises:
        DidNotBegin: it failed before it could be asked.
    """
    server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=0, log_config=None, log_level="error", **more))

    def run() -> None:
        with suppress(SystemExit):  # it has said why
            server.run()

    thread = threading.Thread(target=run)
    with _heard("uvicorn.error") as said:
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise DidNotBegin("\n".join(said) or "it said nothing")
            time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """What is logged under a name meanwhile, as lines."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    log = logging.getLogger(name)
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)
