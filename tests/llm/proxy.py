"""A proxy before a language model that lets a request through, or lets something happen to it."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

Fault = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request and what may be done with it."""

    handler: BaseHTTPRequestHandler
    body: bytes
    upstream: str
    over: threading.Event

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in ({"content-type": kind, "content-length": str(len(body))} | headers).items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def begin(self, kind: str = "text/event-stream") -> None:
        self.handler.send_response(200)
        self.handler.send_header("content-type", kind)
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()

    def chunk(self, part: bytes) -> None:
        self.handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.handler.wfile.flush()

    def cut(self) -> None:
        self.handler.close_connection = True
        self.handler.connection.shutdown(2)

    def forward(self, events: int | None = None) -> None:
        """All of the answer, or so many events of its stream."""
        where = urlsplit(self.upstream)
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        left = {"host", "accept-encoding", "content-length"}
        kept = {name: value for name, value in self.handler.headers.items() if name.lower() not in left}
        # A model that is told no temperature draws its words by chance, and now and then says nothing.
        asked = json.dumps({"temperature": 0} | json.loads(self.body)).encode()
        with closing(line):
            line.request("POST", self.handler.path, asked, kept)
            with line.getresponse() as reply:
                self._pass(reply, events)

    def _pass(self, reply: http.client.HTTPResponse, events: int | None) -> None:
        if events is None and not json.loads(self.body).get("stream"):
            self.send(reply.status, reply.read())
            return
        self.begin()
        told = 0
        while (data := reply.readline()) and (events is None or told < events):
            self.chunk(data)
            told += data == b"\n"  # the end of an event
        if events is None:
            self.chunk(b"")


@dataclass
class Proxy:
    """Serves while entered; each fault happens to one request, the others pass."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[float, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.closing = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                proxy.seen.append((time.monotonic(), json.loads(body), {k.lower(): v for k, v in self.headers.items()}))
                exchange = Exchange(self, body, proxy.upstream, proxy.closing)
                fault = proxy.faults.pop(0) if proxy.faults else Exchange.forward
                try:
                    fault(exchange)
                except OSError:  # whoever asked has gone
                    self.close_connection = True

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


def status(code: int, body: bytes = b"{}", **headers: str) -> Fault:
    return lambda exchange: exchange.send(code, body, **headers)


def says(body: bytes, kind: str = "application/json") -> Fault:
    return lambda exchange: exchange.send(200, body, kind)


def slow(seconds: float) -> Fault:
    """It takes its time before the first word."""

    def fault(exchange: Exchange) -> None:
        exchange.over.wait(seconds)
        exchange.forward()

    return fault


def cut(events: int) -> Fault:
    """The line breaks after so many events."""

    def fault(exchange: Exchange) -> None:
        if events:
            exchange.forward(events)
        exchange.cut()

    return fault


def silent(events: int) -> Fault:
    """It says nothing more after so many events, and does not hang up."""

    def fault(exchange: Exchange) -> None:
        exchange.forward(events)
        exchange.over.wait(30)

    return fault


def event(text: str, ended: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": ended}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def babble(tokens: int) -> Fault:
    """It does not stop at the most tokens that it was asked for."""

    def fault(exchange: Exchange) -> None:
        if not json.loads(exchange.body).get("stream"):
            message = {"role": "assistant", "content": "and then " * (tokens // 2)}
            usage = {"prompt_tokens": 9, "completion_tokens": tokens}
            exchange.send(200, json.dumps({"choices": [{"index": 0, "message": message}], "usage": usage}).encode())
            return
        exchange.begin()
        for n in range(tokens):
            exchange.chunk(event(f" {n}"))
        exchange.chunk(b"")

    return fault


def drips(exchange: Exchange) -> None:
    """A byte at a time, so that no two are far apart and no event is ever whole."""
    exchange.begin()
    while not exchange.over.wait(0.05):
        exchange.chunk(b":")
