"""The endpoint's client against a server of the same protocol on loopback, well and ill."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from cmo.embed import EndpointEmbedder
from cmo.errors import EmbeddingFailed

KEY = "sk-do-not-show-me"
Reply = tuple[int, dict[str, str], bytes]
Fault = Callable[[list[str]], Reply | None]


def vector(text: str, width: int = 4) -> list[float]:
    """Not of unit length, and another for each text."""
    return np.random.default_rng(list(text.encode())).normal(0, 5, width).tolist()


def unit(text: str) -> np.ndarray:
    values = np.array(vector(text))
    return values / np.linalg.norm(values)


def answer(texts: list[str], width: int = 4) -> Reply:
    items = [{"object": "embedding", "index": n, "embedding": vector(t, width)} for n, t in enumerate(texts)]
    return 200, {}, json.dumps({"object": "list", "data": items[::-1], "model": "m"}).encode()


class Server:
    """Answers, unless a fault is queued: a status, a body, or None for a connection that is cut."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        self.faults: list[Fault] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.path == "/v1/embeddings"
                assert body["model"] == "nomic-embed-text"
                server.requests.append(body["input"])
                server.keys.append(self.headers["authorization"])
                server.times.append(time.monotonic())
                reply = server.faults.pop(0)(body["input"]) if server.faults else answer(body["input"])
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                status, headers, data = reply
                self.send_response(status)
                for name, value in (headers | {"content-length": str(len(data))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.http.serve_forever)
    thread.start()
    yield found
    found.http.shutdown()
    thread.join()
    found.http.server_close()


@pytest.fixture
def model(server: Server) -> Iterator[EndpointEmbedder]:
    with EndpointEmbedder(
        base_url=server.url, model="nomic-embed-text", api_key=KEY, timeout=1.0, batch_texts=3, first_pause=0.01
    ) as found:
        yield found


def fails(status: int, **headers: str) -> Fault:
    return lambda _texts: (status, headers, b'{"error": {"message": "no"}}')


def says(body: str) -> Fault:
    return lambda _texts: (200, {}, body.encode())


def cut(_texts: list[str]) -> None:
    """Close the connection without a word."""


def test_the_dimension_is_the_model_s_and_asked_once(model: EndpointEmbedder, server: Server) -> None:
    assert model.identity.dimension == 4
    model.encode_query("a")
    model.encode_query("b")
    assert server.requests == [["dimension"], ["a"], ["b"]]
    assert str(model.identity).startswith("nomic-embed-text@")


def test_passages_and_their_sentences_share_batches_and_come_back_in_order(
    model: EndpointEmbedder, server: Server
) -> None:
    found = model.encode_passages(["One. Two.", "Three.", ""], [[(0, 4), (5, 9)], [(0, 6), (6, 6)], []])
    assert [len(r) for r in server.requests[1:]] == [3, 3]
    np.testing.assert_allclose(found[0].vector, unit("One. Two."), atol=1e-6)
    np.testing.assert_allclose(found[0].sentences, [unit("One."), unit("Two.")], atol=1e-6)
    np.testing.assert_allclose(found[1].sentences, [unit("Three."), found[1].vector], atol=1e-6)
    assert found[2].sentences.shape == (0, 4)
    assert found[0].vector.dtype == found[0].sentences.dtype == np.float32


def test_no_texts_make_no_request(model: EndpointEmbedder, server: Server) -> None:
    assert model.encode_passages([], []) == []
    assert server.requests == [["dimension"]]


@pytest.mark.parametrize("fault", [fails(429), fails(500), fails(503), cut], ids=["429", "500", "503", "cut"])
def test_what_may_pass_is_tried_again(model: EndpointEmbedder, server: Server, fault: Fault) -> None:
    server.faults = [fault, fault]
    np.testing.assert_allclose(model.encode_query("a"), unit("a"), atol=1e-6)


def test_the_pause_that_the_server_asks_for_is_kept(model: EndpointEmbedder, server: Server) -> None:
    server.faults = [fails(429, **{"retry-after": "0.4"})]
    assert model.identity
    assert server.times[1] - server.times[0] >= 0.4


def test_a_pause_too_long_is_not_waited_for(model: EndpointEmbedder, server: Server) -> None:
    server.faults = [fails(429, **{"retry-after": "86400"})]
    with pytest.raises(EmbeddingFailed, match="HTTP 429"):
        model.encode_query("a")
    assert len(server.requests) == 1


def test_a_pause_given_as_a_date_is_left_to_us(model: EndpointEmbedder, server: Server) -> None:
    server.faults = [fails(503, **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})]
    assert model.identity.dimension == 4


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_will_not_pass_is_not_tried_again(model: EndpointEmbedder, server: Server, status: int) -> None:
    server.faults = [fails(status)]
    with pytest.raises(EmbeddingFailed, match=f"HTTP {status}"):
        model.encode_query("a")
    assert len(server.requests) == 1


def test_a_server_that_keeps_failing_is_given_up(model: EndpointEmbedder, server: Server) -> None:
    server.faults = [fails(500)] * 10
    with pytest.raises(EmbeddingFailed, match=r"does not embed with nomic-embed-text: HTTP 500\. Check CMO_EMBED_URL"):
        model.encode_query("a")
    assert len(server.requests) == 5


def test_a_server_that_is_silent_is_given_up(server: Server) -> None:
    server.faults = [lambda _texts: time.sleep(0.3)] * 5
    with (
        EndpointEmbedder(base_url=server.url, model="nomic-embed-text", timeout=0.05, first_pause=0.001) as model,
        pytest.raises(EmbeddingFailed, match="ReadTimeout"),
    ):
        model.encode_query("a")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "ftp://host/v1", "http://[bad/v1"])
def test_a_server_that_is_not_there_is_named(url: str) -> None:
    with (
        EndpointEmbedder(base_url=url, model="m", first_pause=0.001) as model,
        pytest.raises(EmbeddingFailed, match="does not embed with m"),
    ):
        model.encode_query("a")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<html>", "not JSON of embeddings"),
        ('{"data": null}', "not JSON of embeddings"),
        ('{"data": [{"index": 0}]}', "not JSON of embeddings"),
        ('{"data": []}', "0 vectors for 1 texts"),
        ('{"data": [{"index": 0, "embedding": []}]}', "vectors for 1 texts"),
        ('{"data": [{"index": 0, "embedding": [1, "x"]}]}', "not JSON of embeddings"),
        ('{"data": [{"index": 0, "embedding": [1, NaN]}]}', "no direction"),
        ('{"data": [{"index": 0, "embedding": [0, 0]}]}', "no direction"),
    ],
)
def test_a_reply_that_holds_no_vectors_is_refused(
    model: EndpointEmbedder, server: Server, body: str, complaint: str
) -> None:
    server.faults = [says(body)]
    with pytest.raises(EmbeddingFailed, match=complaint):
        model.encode_query("a")


def test_rows_of_unlike_length_are_refused(model: EndpointEmbedder, server: Server) -> None:
    assert model.identity
    server.faults = [says('{"data": [{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1]}]}')]
    with pytest.raises(EmbeddingFailed):
        model.encode_passages(["a", "b"], [[], []])


def test_a_dimension_that_changes_is_refused(model: EndpointEmbedder, server: Server) -> None:
    assert model.identity
    server.faults = [lambda texts: answer(texts, width=5)]
    with pytest.raises(EmbeddingFailed, match=r"from 4 to 5.*--re-embed"):
        model.encode_query("a")


def test_the_key_is_sent_and_never_shown(
    model: EndpointEmbedder, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo: Fault = lambda _texts: (401, {}, f'{{"error": "bad key {KEY}"}}'.encode())  # noqa: E731
    server.faults = [fails(429), echo]
    with pytest.raises(EmbeddingFailed) as caught:
        model.encode_query("a")
    assert server.keys == [f"Bearer {KEY}"] * 2
    shown = [repr(model), str(caught.value), repr(caught.value), str(caught.value.__cause__), caplog.text]
    assert not any(KEY in text for text in shown)


def test_an_address_with_a_password_is_shown_without_it(server: Server) -> None:
    url = server.url.replace("//", "//user:secret@")
    with EndpointEmbedder(base_url=url, model="nomic-embed-text", first_pause=0.001) as model:
        server.faults = [fails(400)]
        with pytest.raises(EmbeddingFailed) as caught:
            model.encode_query("a")
        assert "secret" not in repr(model) + str(caught.value)


def test_tokens_are_estimated_without_a_request(model: EndpointEmbedder, server: Server) -> None:
    one, more, none = model.count_tokens(["Phenylalanine rose.", "Phenylalanine rose. " * 10, ""])
    assert none == 0
    assert 0 < one < more
    assert not server.requests
