"""Traces at a collector: a real receiver of OTLP over HTTP, and requests of a real service."""

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cmo.errors import SettingsError
from cmo.kit.endpoint import Endpoint
from cmo.kit.spans import tracing
from cmo.llm.endpoint import ChatEndpoint
from cmo.model.chat import Message, Speaker
from cmo.ops.traces import Exporter
from cmo.ops.watch import Request
from cmo.web import create_api

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TEXT = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking.\n"


class Collector:
    """Decodes what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = ExportTraceServiceRequest()
                sent.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v1/traces"
                for part in sent.resource_spans:
                    collector.resources.append({a.key: a.value.string_value for a in part.resource.attributes})
                    collector.spans += [span for scope in part.scope_spans for span in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def tree(self) -> dict[str, str]:
        """Names of spans, each with that of its parent."""
        names = {span.span_id: span.name for span in self.spans}
        return {span.name: names.get(span.parent_span_id, span.parent_span_id.hex()) for span in self.spans}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        thread.join()
        collector.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


@pytest.fixture
async def http(base: Any, collector: Collector) -> AsyncIterator[httpx.AsyncClient]:
    base.add(pku=TEXT)
    base.app.settings = base.app.settings.model_copy(update={"otlp_url": collector.url})
    api = create_api(base.app)
    transport = httpx.ASGITransport(api)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        yield client


async def test_a_question_arrives_as_one_trace_with_its_stages(http: httpx.AsyncClient, collector: Collector) -> None:
    asked = {"query": "What is raised in phenylketonuria?"}
    reply = await http.post("/query", json=asked, headers={"traceparent": PARENT, "X-Request-ID": "r-1"})
    assert reply.status_code == 200
    await http.get("/nowhere?query=secret", headers={"traceparent": PARENT[:-2] + "00"})
    await _ended(http)
    tree = collector.tree()
    assert tree["POST /query"] == "00f067aa0ba902b7"
    assert (tree["retrieve"], tree["search"], tree["answer"]) == ("POST /query", "retrieve", "POST /query")
    assert {span.trace_id.hex() for span in collector.spans} == {PARENT[3:35]}
    (whole,) = [span for span in collector.spans if span.name == "POST /query"]
    facts = {a.key: a.value for a in whole.attributes}
    assert facts["http.response.status_code"].int_value == 200
    assert facts["cmo.request_id"].string_value == "r-1"
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in collector.spans)
    assert all(whole.start_time_unix_nano <= span.start_time_unix_nano for span in collector.spans)
    assert collector.resources[0]["service.name"] == "cmo"
    assert b"phenylketonuria" not in b"".join(span.SerializeToString() for span in collector.spans)


async def _ended(http: httpx.AsyncClient) -> None:
    transport: Any = http._transport
    await transport.app.state.observing.aclose()


def test_a_share_of_the_requests_is_sent_and_a_failure_is_marked(collector: Collector) -> None:
    exporter = Exporter(collector.url, 0.5, "1.0", chance=iter([0.4, 0.6, 0.2]).__next__)
    for status in (503, 200, 200):
        with tracing("request") as whole:
            pass
        assert whole.trace is not None
        exporter(Request("r", "/query", "POST", status, 0.1), whole.trace)
    exporter.close()
    assert [span.status.code for span in collector.spans] == [2, 0]


def test_a_collector_that_is_gone_costs_no_time() -> None:
    with collecting() as one:
        url = one.url
    exporter = Exporter(url, 1.0, "1.0", wait=1.0)
    with tracing("request") as whole:
        pass
    assert whole.trace is not None
    began = time.monotonic()
    exporter(Request("r", "/query", "POST", 200, 0.1), whole.trace)
    assert time.monotonic() - began < 0.5
    exporter.close()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["", "127.0.0.1:4318", "ftp://x"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="CMO_OTLP_URL"):
        Exporter(url, 1.0, "1.0")


SAID = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
]}  # fmt: skip


def test_a_language_model_is_told_whose_call_it_is() -> None:
    heard: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(self.headers["traceparent"])
            body = json.dumps(SAID).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        chat, web = ChatEndpoint(base_url=url, model="m"), Endpoint(url, ValueError)
        with tracing("request", PARENT) as whole:
            chat.complete([Message(Speaker.USER, "Is it?")], most_tokens=5)
            web.post("/search", {})
        chat.complete([Message(Speaker.USER, "Is it?")], most_tokens=5)
        chat.close()
        web.close()
        server.shutdown()
        thread.join()
    assert whole.trace is not None
    (called,) = [span for span in whole.trace.spans if span.name == "llm"]
    trace = PARENT[3:35]
    assert heard == [f"00-{trace}-{called.id}-01", f"00-{trace}-{whole.id}-01", None]
