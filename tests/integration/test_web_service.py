"""The service as a whole: health, descriptions, static files, the event loop, several processes."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

import cmo.web
from cmo.access import KeyRing
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import ModelMissing, OracleError, SettingsError
from cmo.kit.clock import SystemClock
from cmo.model.access import Allowance, Key, Role
from cmo.settings import Settings
from cmo.store.engine import sqlite_url
from cmo.store.record import Record
from cmo.testing import NEVER
from cmo.web import create_api, schemas, schemas_papers, schemas_replies, schemas_status
from cmo.web.problems import kinds
from cmo.web.serve import serve

STATIC = Path(cmo.web.__file__).parent / "static"


@pytest.fixture(autouse=True)
def _confidence_for_the_fake_model(base: Any) -> None:
    """The shipped confidence is fitted on a real model's cosines; here shared words decide."""
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        yield client


async def test_health_tells_of_each_component(http: httpx.AsyncClient, base: Any) -> None:
    empty = (await http.get("/health")).json()
    assert (empty["status"], empty["components"]["index"]["status"]) == ("degraded", "degraded")
    base.add(one="One paper about carnitine\n\nCarnitine carries fatty acids.\n")
    await http.post("/query", json={"query": "What carries fatty acids?"})
    well = (await http.get("/health")).json()
    assert well["status"] == "healthy"
    assert {part["status"] for part in well["components"].values()} == {"healthy"}
    assert well["details"]["papers"] == 1
    assert well["timestamp"].endswith("+00:00")
    (base.folder / "index" / "CURRENT").write_text("nonsense")
    ill = await http.get("/health")
    assert (ill.status_code, ill.json()["components"]["index"]["status"]) == (503, "unhealthy")


async def test_a_service_without_its_model_starts_and_says_so(base: Any, monkeypatch: Any) -> None:
    def missing(_: object) -> None:
        raise ModelMissing("Run `cmo models install`.")

    del base.app.__dict__["encoder"]
    monkeypatch.setattr(type(base.app), "encoder", property(missing))
    api = create_api(base.app)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as http,
    ):
        health = await http.get("/health")
        assert (health.status_code, health.json()["components"]["model"]["status"]) == (503, "unhealthy")
        asked = await http.post("/query", json={"query": "What now?"})
        assert (asked.status_code, asked.json()["code"]) == (503, "model-missing")
        assert (await http.get("/papers")).status_code == 200


async def test_the_model_is_loaded_before_the_service_is_ready(base: Any) -> None:
    api = create_api(base.app)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as http,
    ):
        assert (await http.get("/health")).json()["components"]["model"]["status"] == "healthy"


async def test_replies_are_shaped_as_described(http: httpx.AsyncClient, base: Any) -> None:
    base.add(one="One paper about carnitine\n\nCarnitine carries fatty acids into mitochondria.\n")
    asked = (await http.post("/query", json={"query": "What carries fatty acids?"})).json()
    refused = (await http.post("/query", json={"query": "Who wrote the Iliad?"})).json()
    paper = asked["citations"][0]["paper_id"]
    problem = await http.get("/nowhere")
    for shape, value in (
        (schemas_replies.ReplyOut, asked),
        (schemas_replies.ReplyOut, refused),
        (schemas_papers.PapersOut, (await http.get("/papers")).json()),
        (schemas_papers.PaperDetailOut, (await http.get(f"/papers/{paper}")).json()),
        (schemas_papers.PlaceOut, (await http.get(f"/evidence/{asked['evidence'][0]['id']}")).json()),
        (schemas_status.HealthOut, (await http.get("/health")).json()),
        (schemas_status.StatusOut, (await http.get("/kb/status")).json()),
        (schemas_papers.OutcomesOut, (await http.post("/papers", files={"files": ("x.pdf", b"")})).json()),
        (schemas_status.KindOut, (await http.get("/problems/bad-filter")).json()),
        (schemas.Problem, problem.json()),
        (schemas.PaperOut, (await http.delete(f"/papers/{paper}?reason=x")).json()),
    ):
        TypeAdapter(shape).validate_python(value, strict=False)
    assert not refused["answered"]


def test_every_error_of_ours_is_a_kind_of_problem() -> None:
    def tree(kind: type[OracleError]) -> Iterator[type[OracleError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from tree(below)

    for kind in tree(OracleError):
        assert kinds()[kind.code]["status"] == kind.status


async def test_each_problem_type_can_be_looked_up(http: httpx.AsyncClient) -> None:
    for code in kinds():
        assert (await http.get(f"/problems/{code}")).json()["code"] == code
    unknown = await http.get((await http.get("/nowhere")).json()["type"])
    assert unknown.json() == {
        "code": "not-found",
        "status": 404,
        "title": "No such paper, page, evidence, snapshot, answer, thread or webhook",
    }
    assert (await http.get("/problems/none")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/papers/", 404), ("GET", "/static/../api.py", 404), ("GET", "/static/%2e%2e/api.py", 404),
     ("PUT", "/query", 405), ("GET", "/query", 405), ("DELETE", "/papers", 405), ("OPTIONS", "/query", 405)],
)  # fmt: skip
async def test_what_is_not_offered_is_a_problem(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    reply = await http.request(method, path)
    assert reply.status_code == status
    assert reply.json()["status"] == status
    assert "access-control-allow-origin" not in reply.headers


async def test_the_page_and_all_its_files_are_served_from_here_alone(http: httpx.AsyncClient) -> None:
    for name in ("/", "/docs", *(f"/static/{file.name}" for file in STATIC.iterdir())):
        reply = await http.get(name)
        assert reply.status_code == 200
        assert reply.headers["cache-control"] == "no-cache"
        if name.startswith("/static/"):  # pages are put together here, and are a few kB
            again = await http.get(name, headers={"If-None-Match": reply.headers["etag"]})
            assert again.status_code in {200, 304}
        loaded = re.findall(r"""(?:src|href|action)=["']([^"']+)|url\(([^)]+)\)|from ["']([^"']+)""", reply.text)
        for place in (a or b or c for a, b, c in loaded):
            assert place.startswith(("/", "#", "./")), place
        assert not re.search(
            r"<script(?![^>]*src=)[^>]*>|\son\w+=[\"']|<style|style=[\"']|innerHTML|eval\(", reply.text
        )


async def test_what_never_changes_is_sent_packed(http: httpx.AsyncClient) -> None:
    for path in ("/openapi.json", "/static/base.css", "/static/answer.js"):
        assert (await http.get(path)).headers["content-encoding"] == "gzip"
        assert "content-encoding" not in (await http.get(path, headers={"Accept-Encoding": "identity"})).headers


async def test_the_interface_is_described_with_a_problem_for_each_failure(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert {"/query", "/papers", "/evidence/{evidence_id}", "/health", "/login"} <= set(document["paths"])
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            for code, response in operation["responses"].items():
                if code >= "400":
                    assert set(response["content"]) <= {"application/problem+json"}


async def test_each_endpoint_and_each_problem_status_has_its_line_in_the_reference(http: httpx.AsyncClient) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "http.md").read_text()
    for path, operations in (await http.get("/openapi.json")).json()["paths"].items():
        for method, operation in operations.items():
            assert f"| `{method.upper()} {path}` |" in reference
            for code in operation["responses"]:
                assert code < "400" or f"| {code} |" in reference


async def test_what_a_killed_upload_left_is_swept_after_a_day(base: Any) -> None:
    old, young = base.folder / ".incoming-old", base.folder / ".incoming-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    two_days_ago = time.time() - 2 * 86_400  # noqa: TID251 - the age of a file on this disk
    os.utime(old, (two_days_ago, two_days_ago))
    api = create_api(base.app)
    async with api.router.lifespan_context(api):
        assert (old.exists(), young.exists()) == (False, True)


async def test_the_event_loop_stays_free_while_papers_are_read_and_questions_asked(http: httpx.AsyncClient) -> None:
    """Beats every 5 ms; a handler that blocks would show as a beat that is late by all that it does."""
    paper = (
        "Paper {n} about metabolites\n\n" + "Metabolite {n} is raised in disease {n}. It is measured in plasma. " * 60
    )
    late: list[float] = []

    async def heart() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            late.append(time.monotonic() - began - 0.005)

    async def ask() -> None:
        for n in range(30):
            reply = await http.post("/query", json={"query": f"What is raised in disease {n}?"})
            assert reply.status_code == 200

    await http.post("/query", json={"query": "Is it warm?"})
    beating = asyncio.create_task(heart())
    files = [("files", (f"{n}.txt", paper.format(n=n))) for n in range(20)]
    began = time.monotonic()
    replies = await asyncio.gather(http.post("/papers", files=files), *(ask() for _ in range(4)))
    beating.cancel()
    assert all(o["status"] == "added" for o in replies[0].json()["outcomes"])
    # Threads share one interpreter and a machine has its moments, so single beats may come late.
    assert max(late) < (time.monotonic() - began) / 3
    assert sorted(late)[len(late) * 9 // 10] < 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    serve(read_settings(working_dir=Path(sys.argv[1]), port=int(sys.argv[2]), log_level="WARNING", drain_seconds=0), workers=int(sys.argv[3]))
"""


@contextmanager
def served(folder: Path, workers: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    program, port = folder / "program.py", free_port()
    program.write_text(PROGRAM)
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, str(program), str(folder / "kb"), str(port), str(workers)], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _await(address, process)
            yield address, process
        finally:
            process.terminate()
            process.wait(30)


def _await(address: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            httpx.get(f"{address}/health", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(address)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_served_base_answers_and_ends_when_told(tmp_path: Path, workers: int) -> None:
    paper = "One paper about carnitine\n\nCarnitine carries fatty acids into mitochondria.\n"
    with served(tmp_path, workers) as (address, process), httpx.Client(base_url=address, timeout=60) as http:
        told = http.post("/papers", files={"files": ("one.txt", paper)}).json()["outcomes"]
        assert told[0]["status"] == "added"
        snapshots = set()
        for _ in range(12):
            with httpx.Client(base_url=address) as other:
                reply = other.post("/query", json={"query": "What carries fatty acids?"}).json()
            assert reply.get("answered"), reply
            snapshots.add(reply["snapshot"])
        assert len(snapshots) == 1
        with httpx.stream("GET", f"{address}/query/stream", params={"query": "What carries fatty acids?"}) as stream:
            assert "event: answer" in "".join(stream.iter_text())
        _admit_no_more_than_a_key_may(tmp_path / "kb", address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {0, -signal.SIGTERM}


def _admit_no_more_than_a_key_may(folder: Path, address: str) -> None:
    """All workers together."""
    with Record.open(sqlite_url(folder), SystemClock()) as record:
        wish = Key("", "", "mia", Role.READER, "", 0.0, allowance=Allowance(per_minute=60))
        _, key = KeyRing(lambda: record.access, SystemClock()).make(wish, "root")
    time.sleep(1.1)  # by then every worker knows that a key is needed
    headers = {"X-API-Key": key.text, "Connection": "close"}  # now this worker is asked, now that one
    with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
        began = time.monotonic()
        statuses = [http.get("/api/me").status_code for _ in range(60)]
    assert set(statuses) == {200, 429}
    assert 6 <= statuses.count(200) <= 7 + time.monotonic() - began


def test_an_address_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127.0.0.1 port {port}: Address already in use. .*--port"):
            serve(Settings.model_construct(host="127.0.0.1", port=port))
