"""Who may ask and how much they may send, without a service behind."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from cmo.web.boundary import CONTENT_POLICY, Boundary
from cmo.web.guard import Guard, Limits
from cmo.web.problems import on_http_exception


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        raise RuntimeError("the reason that nobody outside may read")
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def client(*hosts: str, **limits: int) -> httpx.AsyncClient:
    guarded = Boundary(Guard(service, hosts, Limits(**limits)), lambda: "made-here")
    return httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "[::1]:8000", "192.168.1.7", "oracle.lan", "ORACLE.lan:80"]
)
async def test_its_own_names_and_addresses_are_answered(host: str) -> None:
    async with client("oracle.lan") as http:
        assert (await http.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a b", "[::1", "127.0.0.1:x:y"]
)
async def test_a_name_that_is_not_its_own_is_refused(host: str) -> None:
    async with client("oracle.lan") as http:
        reply = await http.get("/", headers={"Host": host})
    assert (reply.status_code, reply.json()["code"]) == (421, "unknown-host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_from_another_site_is_refused(method: str, headers: dict[str, str]) -> None:
    async with client() as http:
        reply = await http.request(method, "/papers/x", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "cross-site")


SHOWN = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
LOADED = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/read", {"Sec-Fetch-Site": "cross-site", **SHOWN}, 200),
        ("/read", {"Sec-Fetch-Site": "same-site", **SHOWN}, 200),
        ("/read", {"Sec-Fetch-Site": "none", **SHOWN}, 200),
        ("/query/stream", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 200),
        ("/query/stream", {}, 200),
        ("/query/stream", {"Sec-Fetch-Site": "cross-site", **LOADED}, 403),
        ("/query/stream", {"Sec-Fetch-Site": "cross-site", **SHOWN}, 403),
        ("/papers/x/pages/1.png", {"Sec-Fetch-Site": "cross-site", **LOADED}, 403),
        ("/papers/x/pages/1.png", {"Sec-Fetch-Site": "same-site", **LOADED}, 403),
        ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
async def test_another_site_may_lead_here_and_load_nothing(path: str, headers: dict[str, str], status: int) -> None:
    """A page anywhere can make a browser ask a question here by GET: it would see nothing, and cost all the same."""
    async with client() as http:
        assert (await http.get(path, headers=headers)).status_code == status


async def test_a_compressed_body_is_refused_in_a_whole_sentence() -> None:
    async with client() as http:
        other = await http.post("/classify", content=b"{}", headers={"Content-Encoding": "gzip"})
        query = await http.post("/query", content=b"{}", headers={"Content-Encoding": "gzip"})
    assert (other.status_code, other.json()["detail"]) == (415, "Send the body, not compressed.")
    assert "accept-post" not in other.headers
    assert query.json()["detail"] == "Send `Content-Type: application/json`, not compressed."


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
async def test_a_write_from_our_own_page_or_a_program_is_taken(headers: dict[str, str]) -> None:
    async with client() as http:
        assert (await http.delete("/papers/x", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/query", "text/plain"),
        ("/query", "application/x-www-form-urlencoded"),
        ("/query", ""),
        ("/papers", "application/json"),
    ],
)
async def test_the_wrong_kind_of_body_is_refused(path: str, kind: str) -> None:
    async with client() as http:
        reply = await http.post(path, content=b"x", headers={"Content-Type": kind})
    assert (reply.status_code, reply.json()["code"]) == (415, "unsupported-media-type")


async def test_a_packed_body_is_refused() -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client() as http:
        assert (await http.post("/query", content=b"x", headers=headers)).status_code == 415


async def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    async with client(json_bytes=100) as http:
        reply = await http.post("/query", content=b"x" * 101, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (413, "too-large")


async def test_uploads_have_a_limit_of_their_own() -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with client(json_bytes=10, upload_bytes=50) as http:
        assert (await http.post("/papers", content=b"x" * 50, headers=headers)).text == "50"
        assert (await http.post("/papers", content=b"x" * 51, headers=headers)).status_code == 413


async def test_a_fault_leaves_as_a_problem_without_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    async with client() as http:
        reply = await http.get("/broken")
    assert reply.status_code == 500
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["request_id"] == reply.headers["x-request-id"] == "made-here"
    assert "nobody outside" not in reply.text
    assert "made-here" in caplog.text
    assert "nobody outside" in caplog.text


async def test_every_reply_carries_the_security_headers_and_is_not_stored() -> None:
    async with client() as http:
        for reply in (await http.get("/"), await http.get("/broken"), await http.get("/", headers={"Host": "evil"})):
            assert reply.headers["content-security-policy"] == CONTENT_POLICY
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert reply.headers["x-frame-options"] == "DENY"
            assert reply.headers["cache-control"] == "no-store"
            assert "unsafe" not in reply.headers["content-security-policy"]


@pytest.mark.parametrize(("given", "kept"), [("abc-123", "abc-123"), ("a\tb", "made-here"), ("x" * 65, "made-here")])
async def test_a_request_id_is_kept_if_it_is_harmless(given: str, kept: str) -> None:
    async with client() as http:
        assert (await http.get("/", headers={"X-Request-ID": given})).headers["x-request-id"] == kept


async def test_a_body_that_comes_byte_by_byte_is_let_go_and_one_that_comes_as_it_can_is_taken() -> None:
    async def drip(bytes_each: int, seconds: float) -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(seconds)
            yield b"x" * bytes_each

    headers = {"Content-Type": "application/json"}
    told = ExceptionMiddleware(service, {HTTPException: on_http_exception})
    transport = httpx.ASGITransport(Guard(told, (), Limits(body_seconds=0.1)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        slow = await http.post("/query", content=drip(1, 0.05), headers=headers)
        steady = await http.post("/query", content=drip(500, 0.03), headers=headers)
    assert (slow.status_code, slow.json()["code"], slow.headers["connection"]) == (408, "too-slow", "close")
    assert (steady.status_code, steady.text) == (200, "4000")
