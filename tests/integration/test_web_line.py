"""A connection, as somebody hostile uses it: raw bytes to the protocol that `cmo serve` speaks."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from cmo.web.line import Line
from tests.acceptance.services import served_here

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"
MOST_SENT = 40
"""Megabytes; where nothing refuses them they are all kept."""
MEGABYTE = b"a" * 1_000_000


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    api = FastAPI()

    @api.post("/")
    async def length(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    with served_here(api, http=Line) as url:
        host, port = re.fullmatch(r"http://([\d.]+):(\d+)", url).groups()  # type: ignore[union-attr]
        yield host, int(port)


def sent(address: tuple[str, int], begin: bytes, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """How many pieces were taken before the connection was closed, and what came back."""
    taken, said = 0, b""
    with socket.create_connection(address, timeout=10) as line, suppress(ConnectionError):
        line.sendall(begin)
        for piece in pieces:
            line.sendall(piece)
            taken += 1
        while more := line.recv(65_536):
            said += more
    return taken, said


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /?", MEGABYTE),
        (HEAD + b"X-Long: ", MEGABYTE),
        (HEAD, b"X-Many: a\r\n" * 90_000),
        (HEAD + b"Content-Length: 0\r\n\r\n" + HEAD + b"X-Next: ", MEGABYTE),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;extension=", MEGABYTE),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-Trailer: a\r\n" * 70_000),
    ],
    ids=["address", "header", "headers", "next", "extension", "trailers"],
)
def test_what_never_ends_is_refused_before_it_takes_memory(
    address: tuple[str, int], begin: bytes, piece: bytes
) -> None:
    """Nobody has said yet who they are: with no limit a dozen connections take all memory of a worker."""
    taken, _ = sent(address, begin, repeat(piece, MOST_SENT))
    assert taken < MOST_SENT / 2


def test_who_sends_too_many_headers_is_told(address: tuple[str, int]) -> None:
    _, said = sent(address, HEAD + b"X-Long: ", iter([b"a" * 70_000]))
    assert said.startswith(b"HTTP/1.1 431 ")
    assert said.endswith(b"Send less.")


def test_a_body_may_be_as_long_as_it_is_in_pieces_of_any_size(address: tuple[str, int]) -> None:
    for size, count in ((1, 30_000), (5_000, 200), (1_000_000, 3)):
        begin = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%b\r\n" % (size, b"a" * size)
        pieces = [chunk * 1_000] * (count // 1_000) if size == 1 else [chunk] * count
        _, said = sent(address, begin, iter([*pieces, b"0\r\n\r\n"]))
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"\r\n%d" % (size * count))
    whole = HEAD + b"Connection: close\r\nContent-Length: 3000000\r\n\r\n"
    assert sent(address, whole, repeat(MEGABYTE, 3))[1].endswith(b"3000000")


def test_requests_on_one_connection_are_each_counted_for_themselves(address: tuple[str, int]) -> None:
    """A hundred with 10 kB of headers each are a megabyte, and none is too long."""
    one = HEAD + b"X-Long: " + b"a" * 10_000 + b"\r\nContent-Length: 1\r\n"
    with socket.create_connection(address, timeout=10) as line:
        for n in range(100):
            line.sendall(one + (b"Connection: close\r\n" if n == 99 else b"") + b"\r\na")
            assert line.recv(65_536).startswith(b"HTTP/1.1 200 ")
