"""The client beside the service that it is for: every endpoint, both ways of waiting, and what goes wrong on the way."""

import io
import json
import threading
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.app import App
from cmo.client import AsyncClient, Client, File, shapes, shapes_base, shapes_service, shapes_webhooks, within
from cmo.client.endpoint import Endpoint
from cmo.client.endpoints import Endpoints
from cmo.client.stream import Feed
from cmo.errors import (
    BadFilter,
    BadQuestion,
    NotAllowed,
    NotFound,
    OutOfTime,
    Overloaded,
    ServiceGone,
    ServiceRefused,
    SettingsError,
    StoreLocked,
)
from cmo.kit.retry import Patience
from cmo.settings import read_settings
from cmo.testing import NEVER
from cmo.web import create_api
from tests.acceptance.services import served_here

ASKED = "Which amino acids are raised in maple syrup urine disease?"
TEXTS = {
    "msud": "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n",
    "pku": "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria. Tyrosine and phenylalanine go "
    "together in plasma.\n",
    "two": "A second look at the amino acids\n\nIn our own samples phenylalanine was raised in phenylketonuria too.\n",
    "three": "Tyrosine in homocystinuria, a short report\n\nMethionine is raised in homocystinuria. Tyrosine is lowered in "
    "homocystinuria.\n",
}
NOT_OURS = {
    "GET /query/stream",  # is that of POST /query, for who can only GET
    "GET /metrics",  # is for Prometheus
    *("POST /login", "POST /logout"),  # are forms of the pages: who has a key sends it
}
"""Endpoints that the client leaves out."""
OTHER_NAMES = {
    "GraphPath": "PathOut",
    "GraphPaths": "PathsOut",
    "ProblemKind": "KindOut",
    "PaperList": "PapersOut",
    "Classified": "ClassifyOut",
    "Statistics": "StatsOut",
    "Evidence": "cmo__web__schemas_replies__EvidenceOut",
}
QUICK = Patience(attempts=3, first_pause=0.01)


@pytest.fixture
def address(base: Any) -> Iterator[str]:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    base.add(**TEXTS)
    with served_here(create_api(base.app)) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the service says of itself."""
    return create_api(App(read_settings(working_dir=tmp_path_factory.mktemp("base")))).openapi()


def endpoints() -> dict[str, Endpoint[..., Any]]:
    return {name: value for name, value in vars(Endpoints).items() if isinstance(value, Endpoint)}


def test_every_public_endpoint_has_a_method(described: dict[str, Any]) -> None:
    offered = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert {endpoint.route for endpoint in endpoints().values()} == offered - NOT_OURS


def test_a_method_takes_every_parameter_of_its_endpoint(described: dict[str, Any]) -> None:
    lacking = {}
    for name, endpoint in endpoints().items():
        operation = described["paths"][endpoint.path][endpoint.method.lower()]
        wanted = {p["name"] for p in operation.get("parameters", ()) if p["in"] != "header"}
        wanted -= {"year_from", "year_to", "journals", "sections", "papers"}  # together they are `filters`
        takes = set(typing.get_type_hints(endpoint.make)) | {"query"}
        renamed = {"page": "number", "multi_hop_enabled": "multi_hop", "reasoning_enabled": "reasoning"}
        lacking[name] = {p for p in wanted if renamed.get(p, p) not in takes}
    assert {name: missing for name, missing in lacking.items() if missing} == {}


def test_the_replies_are_typed_as_the_service_describes_them(described: dict[str, Any]) -> None:
    told = described["components"]["schemas"]
    kinds = {
        n: k
        for m in (shapes, shapes_base, shapes_service, shapes_webhooks)
        for n, k in vars(m).items()
        if typing.is_typeddict(k)
    }
    differing = {}
    for name, kind in kinds.items():
        properties = set(told[OTHER_NAMES.get(name, f"{name}Out")]["properties"])
        if properties != (fields := set(typing.get_type_hints(kind))):
            differing[name] = properties ^ fields
    assert len(kinds) > 40
    assert differing == {}


def test_a_question_from_its_answer_to_its_page_rating_and_references(client: Client, base: Any) -> None:
    reply = client.ask(ASKED, user="mia", filters={"sections": ["other"]})
    assert reply["answered"]
    assert reply["sentences"][0]["text"].startswith("Leucine, isoleucine and valine are raised")
    piece = reply["evidence"][0]
    assert client.evidence(piece["id"])["text"] == piece["text"]
    beside = client.beside(piece["id"])
    assert [s["text"] for s in beside["after"]][:1] == ["Alloisoleucine is the most specific marker of the disease."]
    assert client.page(piece["paper_id"], piece["page"], evidence=[piece["id"]], scale=1).startswith(b"\x89PNG")
    while base.app.chronicle.statistics().waiting:  # it writes answers down soon, not at once
        time.sleep(0.01)
    assert client.feedback(reply["id"], 4, "right", user="mia")["average"] == 4
    given = client.answer(reply["id"])
    assert (given["reply"]["answer"], given["ratings"][0]["comment"]) == (reply["answer"], "right")
    assert client.references(reply["id"]).startswith("@misc{")
    assert client.references(reply["id"], "ris").startswith("TY  - ")
    assert client.replay(reply["id"])["same"]


def test_search_tells_passages_with_their_nearest_sentence(client: Client) -> None:
    found = client.search(ASKED, limit=2)
    assert len(found["passages"]) == 2
    best = found["passages"][0]
    assert best["paper"]["title"].startswith("Maple syrup")
    assert best["nearest"]["text"].startswith("Leucine, isoleucine and valine")
    assert best["nearest"]["text"] in best["text"]
    assert client.evidence(best["nearest"]["id"])["text"] == best["nearest"]["text"]


def test_the_graph_around_a_concept_and_between_two(client: Client) -> None:
    around = client.graph("phenylalanine")
    assert around["concept"]["name"] == "phenylalanine"
    assert any(edge["object"]["name"] == "phenylketonuria" for edge in around["edges"])
    found = client.path("phenylketonuria", "tyrosine")
    assert found["paths"], "they hang together by phenylalanine"
    steps = found["paths"][0]["steps"]
    assert {"phenylketonuria", "tyrosine"} <= {end["name"] for s in steps for end in (s["subject"], s["object"])}
    assert steps[0]["sentences"][0]["evidence"]
    with pytest.raises(NotFound, match="speaks of 'unobtainium'"):
        client.path("unobtainium", "tyrosine")


def test_a_deep_question_is_answered_in_steps(client: Client) -> None:
    pytest.importorskip("langgraph")
    told = client.deep("What is raised in phenylketonuria, and what is raised in homocystinuria?", thread="t1")
    assert told["thread_id"] == "t1"
    assert len(told["steps"]) >= 2
    assert set(told) == set(typing.get_type_hints(shapes.Deep))
    assert client.thread("t1")["history"][0]["question"] == told["question"]
    assert client.forget_thread("t1") == {"thread_id": "t1"}
    with pytest.raises(NotFound):
        client.thread("t1")


def test_the_other_endpoints_reply_as_they_are_typed(client: Client) -> None:
    assert client.enhanced("What is raised in phenylketonuria?")["mode"] == "mix"
    assert client.compare("What is raised in phenylketonuria?")["standard"]["answered"]
    assert client.set_reach(max_hops=0)["max_hops"] == 0
    assert client.reach()["max_hops"] == 0
    assert client.classify(ASKED)["target_met"]
    assert client.statistics()["requests"]
    assert client.status()["papers"] == 4
    assert client.metrics()["papers"] == 4
    assert client.me()["role"]
    assert client.health()["components"]["record"]["status"] == "healthy"
    assert client.engine_health()["components"]["index"]["status"] == "healthy"
    assert client.live() == {"status": "alive"}
    assert client.ready() == {"ready": True, "reason": ""}
    assert client.problem("not-found")["status"] == 404
    assert client.experiments() == {"experiments": []}
    assert "releases" in client.releases()
    with pytest.raises(NotAllowed):
        client.start_release("r", "mia")


def test_papers_are_sent_with_word_of_how_far_that_is_and_replaced_and_retracted(
    client: Client, tmp_path: Path
) -> None:
    text = b"Citrulline in urea cycle disorders\n\n" + b"Citrulline is raised in citrullinaemia. " * 4000
    path = tmp_path / "citrulline.txt"
    path.write_bytes(text)
    seen: list[tuple[int, int]] = []
    (outcome,) = client.upload(path, progress=lambda sent, total: seen.append((sent, total)))["outcomes"]
    assert outcome["status"] == "added"
    assert [sent for sent, _ in seen] == sorted({sent for sent, _ in seen})
    assert len(seen) > 1
    assert seen[-1] == (len(text), len(text))
    again = client.upload(File("citrulline.txt", text + b" And lowered in none."))["outcomes"][0]
    assert (again["status"], again["paper_id"]) == ("replaced", outcome["paper_id"])
    assert client.papers("citrulline")["total"] == 1
    assert client.paper(outcome["paper_id"])["version"] == 2
    assert client.retract(outcome["paper_id"], "a test")["paper_id"] == outcome["paper_id"]
    assert client.papers()["retracted"] == {outcome["paper_id"]: "a test"}


async def test_both_clients_do_the_same(address: str) -> None:
    async with AsyncClient(address) as client:
        reply = await client.ask(ASKED)
        events = [event async for event in client.stream(ASKED)]
        names = [event.name for event in events]
        assert names[-1] == "answer"
        assert names.count("sentence") == len(reply["sentences"])
        assert events[-1].data["answer"] == reply["answer"]
        deep = [event async for event in client.stream_deep(ASKED, thread="of-two")]
        assert (deep[0].data["stage"], deep[-1].name) == ("plan", "answer")
        assert (await client.thread("of-two"))["history"][0]["answer"] == deep[-1].data["answer"]
        path = io.BytesIO(b"Ornithine in the liver\n\nOrnithine is raised in gyrate atrophy.").getvalue()
        assert (await client.upload(File("o.txt", path)))["outcomes"][0]["status"] == "added"
        with pytest.raises(NotFound):
            await client.paper("nothing")
        with pytest.raises(BadQuestion):
            _ = [event async for event in client.stream("?!")]


def test_what_the_service_refuses_is_raised_as_the_error_that_it_is(client: Client) -> None:
    with pytest.raises(BadQuestion, match="question is empty") as caught:
        client.ask("?!")
    refused = caught.value.__cause__
    assert isinstance(refused, ServiceRefused)
    assert (refused.status, refused.code) == (422, "bad-question")
    assert refused.problem["request_id"] in str(refused.__notes__)
    with pytest.raises(BadFilter, match="mode"):
        client.ask(ASKED, mode="sideways")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        client.evidence("../../etc/passwd")
    with pytest.raises(OSError, match="nowhere"):
        client.upload("nowhere.pdf")


@pytest.mark.parametrize("url", ["", "oracle.example.org", "ftp://x", "http://", "http://[x", "http://a:b:c"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        Client(url)


def test_the_key_is_an_argument_or_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def answer(handler: Any) -> None:
        said.append(handler.headers.get("Authorization", ""))
        handler.tell(200, {"papers": 1})

    with played(answer) as url:
        asked(url, key="mine")
        monkeypatch.setenv("CMO_API_KEY", "theirs")
        asked(url)
        asked(url, key="")
    assert said == ["Bearer mine", "Bearer theirs", ""]


def asked(url: str, call: Callable[[Client], object] = lambda c: c.status(), **options: Any) -> Any:
    """What a call comes to, by a client of its own."""
    with Client(url, **{"patience": QUICK, **options}) as client:
        return call(client)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answer(self)  # type: ignore[attr-defined]

    do_POST = do_DELETE = do_GET  # noqa: N815 - the library's names

    def tell(self, status: int, body: object, **headers: str) -> None:
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = headers.pop("kind", "application/json" if status < 400 else "application/problem+json")
        for name, value in {"Content-Type": kind, "Content-Length": str(len(said)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def played(answer: Callable[[Any], None]) -> Iterator[str]:
    """Address of a server that answers as told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.answer = answer  # type: ignore[attr-defined]
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def problem(code: str, detail: str = "not now") -> dict[str, object]:
    return {"detail": detail, "code": code, "request_id": "r1"}


def test_a_call_is_repeated_when_the_service_says_when_to_come_again() -> None:
    turns = iter([(503, "overloaded"), (429, "too-many"), (200, "")])

    def answer(handler: Any) -> None:
        status, code = next(turns)
        handler.tell(status, problem(code), **({"Retry_After": "0.01"} if code else {}))

    with played(answer) as url:
        assert asked(url)["code"] == ""


@pytest.mark.parametrize(
    ("status", "code", "after", "call", "error", "times"),
    [
        (503, "model-missing", None, lambda c: c.status(), None, 1),  # nobody says that waiting helps
        (503, "overloaded", "0", lambda c: c.status(), Overloaded, 3),
        (503, "overloaded", "3600", lambda c: c.status(), Overloaded, 1),  # nobody waits for so long
        (409, "store-locked", "0", lambda c: c.upload(File("a.txt", b"x")), StoreLocked, 3),
        (409, "store-locked", "0", lambda c: c.retract("x", "y"), StoreLocked, 1),  # may not be repeated
        (503, "overloaded", "0", lambda c: list(c.stream("x")), Overloaded, 3),
        (418, "teapot", None, lambda c: c.status(), ServiceRefused, 1),
    ],
)
def test_nothing_is_repeated_in_vain(  # noqa: PLR0917 - one column each
    status: int, code: str, after: str | None, call: Callable[[Client], object], error: Any, times: int
) -> None:
    times_asked = []

    def answer(handler: Any) -> None:
        times_asked.append(1)
        handler.tell(status, problem(code), **({"Retry_After": after} if after else {}))

    with played(answer) as url, pytest.raises(error or Exception, match="not now"):
        asked(url, call)
    assert len(times_asked) == times


def test_what_no_service_of_ours_would_say_is_named() -> None:
    with (
        played(lambda handler: handler.tell(502, b"<h1>Bad gateway</h1>", kind="text/html")) as url,
        pytest.raises(ServiceRefused, match="502"),
    ):
        asked(url)
    with (
        played(lambda handler: handler.tell(200, b"<h1>Hello</h1>", kind="text/html")) as url,
        pytest.raises(ServiceRefused, match="no reply of this service"),
    ):
        asked(url)


def test_nobody_there_and_nobody_in_time_are_told_apart() -> None:
    with pytest.raises(ServiceGone, match="cmo serve"):
        asked("http://127.0.0.1:9")
    enough, deadlines = threading.Event(), []

    def answer(handler: Any) -> None:
        deadlines.append(int(handler.headers["X-Deadline-Ms"]))
        enough.wait(5)

    with played(answer) as url:
        with pytest.raises(OutOfTime):
            asked(url, seconds=0.6)
        with within(0.3), pytest.raises(OutOfTime):
            asked(url)
        enough.set()
    assert 0 < deadlines[0] <= 540
    assert 0 < deadlines[1] <= 270


def test_a_stream_is_read_in_whatever_pieces_it_arrives() -> None:
    said = (
        ': thinking\n\nevent: stage\ndata: {"stage": "retrieve"}\n\nevent: moon\ndata: {"phase": 1}\n\n'
        'event: sentence\r\ndata: {"text": "Ä"}\r\n\r\nevent: nothing\n\nevent: done\ndata: {"answer":\ndata: "Ä"}\n\n'
    )
    for size in (1, 2, 7, len(said)):
        feed = Feed()
        events = [e for at in range(0, len(said), size) for e in feed.take(said[at : at + size])]
        assert [event.name for event in events] == ["stage", "moon", "sentence", "answer"]
        assert events[-1].data == {"answer": "Ä"}
        feed.end()


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ('event: error\ndata: {"code": "overloaded", "status": 503, "detail": "later"}\n\n', Overloaded, "later"),
        ('event: error\ndata: {"detail": "odd"}\n\n', ServiceRefused, "odd"),
        ("event: sentence\ndata: {\n\n", ServiceRefused, "no JSON"),
        ('event: sentence\ndata: {"text": "a"}\n\n', ServiceRefused, "broke off"),
        ("", ServiceRefused, "broke off"),
    ],
)
def test_a_stream_that_goes_wrong_says_how(said: str, error: type[Exception], match: str) -> None:
    with (
        played(lambda handler: handler.tell(200, said.encode(), kind="text/event-stream")) as url,
        pytest.raises(error, match=match),
    ):
        asked(url, lambda c: list(c.stream("x")))


def test_a_stream_that_is_left_gives_its_connection_back() -> None:
    said = b'event: sentence\ndata: {"text": "a"}\n\n' * 3
    with played(lambda handler: handler.tell(200, said, kind="text/event-stream")) as url, Client(url) as client:
        assert next(iter(client.stream("x"))).data == {"text": "a"}
        assert isinstance(client._http, httpx.Client)
        assert not [c for c in client._http._transport._pool.connections if not c.is_idle()]  # type: ignore[attr-defined]
