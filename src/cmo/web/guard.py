"""The guard: from where may be asked, how much may be sent, and how slowly. Who asks is known only behind it.

::

    host known? --> written by our own page? --> kind of body right? --> body short enough? --> the service
       421                  403                        415                    413, 408

A page on another site can make a browser send requests to this machine; DNS rebinding lets it read the replies too.
Names that are not ours are refused (an IP address cannot be rebound), and so is every write that the browser says
came from another site (Fetch Metadata, or the Origin header of older browsers). So is every read of theirs, but for links.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmo.web.problems import problem

_CLOSE = {"Connection": "close"}
_LEAST_BYTES_A_SECOND = 1_000
_HOSTS_KEPT = 256
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOST = re.compile(r"(\[?)(?P<name>[\w.-]+|(?<=\[)[0-9a-f:.]+(?=\]))\]?(:\d{1,5})?", re.ASCII)
"""A name or an address, in brackets if it is one of IPv6, and a port (RFC 9110, 7.2)."""
_OWN_SITES = frozenset({b"", b"same-origin", b"none"})
_WORKS = frozenset({"/query/stream"})
"""What a GET sets to work, and no page shows."""
_TAKES = {
    "/query": "application/json",
    "/api/deep": "application/json",
    "/login": "application/json",
    "/papers": "multipart/form-data",
}
"""What a POST must carry, by path."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may send."""

    json_bytes: int = 64_000
    file_bytes: int = 200_000_000
    files: int = 50
    """In one upload."""
    upload_bytes: int = 2_000_000_000
    body_seconds: float = 20.0
    """Waited for a body in all, and for each kilobyte of it a second more."""

    def of(self, path: str) -> int:
        """Longest body at a path."""
        return self.upload_bytes if path == "/papers" else self.json_bytes


class Guard:
    """Refuses what should not reach the service.

    Args:
        app: what it guards.
        hosts: names by which the service may be called, beside IP addresses and localhost.
        limits: how much may be sent.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], limits: Limits) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts) | {"localhost"}
        self._limits = limits
        self._known = lru_cache(_HOSTS_KEPT)(self._is_known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._limits.of(scope["path"]), self._limits.body_seconds), send)

    def _refusal(self, scope: Scope) -> Response | None:
        # Of names that come twice the first counts, as everywhere here.
        headers, path = dict(reversed(scope["headers"])), scope["path"]
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._known(host):
            detail = "This service is not called by that name. Use its address, or set CMO_ALLOWED_HOSTS."
            return problem(scope, 421, detail)
        if scope["method"] not in _WRITES:
            refused = "Other sites may lead people here, and load nothing from here."
            return None if _own_reading(headers, path) else problem(scope, 403, refused)
        if not _own(headers, host):
            return problem(scope, 403, "Changes are taken from this service's own page and from programs only.")
        wanted = _TAKES.get(path, "") if scope["method"] == "POST" else ""
        kind = headers.get(b"content-type", b"").decode("latin-1").lower()
        if not kind.startswith(wanted) or b"content-encoding" in headers:
            accepted = {"Accept-Post": wanted} if wanted else {}
            return problem(
                scope,
                415,
                f"Send {f'`Content-Type: {wanted}`' if wanted else 'the body'}, not compressed.",
                headers=accepted,
            )
        length, limit = headers.get(b"content-length", b"").decode("latin-1"), self._limits.of(path)
        if length.isdecimal() and int(length) > limit:
            return problem(scope, 413, _too_long(limit), headers=_CLOSE)
        return None

    def _is_known(self, host: str) -> bool:
        match = _HOST.fullmatch(host.casefold())
        return match is not None and (match["name"] in self._hosts or _is_address(match["name"]))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _own_reading(headers: Mapping[bytes, bytes], path: str) -> bool:
    """Whether no page of another site reads, or sets to work, what is here: somebody may be led here, to look at a page.

    That page could not see what comes back. But a question that is asked by GET costs money, and a picture drawn here time.
    """
    if headers.get(b"sec-fetch-site", b"") in _OWN_SITES:
        return True
    shown = headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
    return shown and path not in _WORKS


def _own(headers: Mapping[bytes, bytes], host: str) -> bool:
    """Whether a write comes from our own page, or from a program that is no browser."""
    if headers.get(b"sec-fetch-site", b"") not in _OWN_SITES:
        return False
    origin = headers.get(b"origin")
    return origin is None or origin.decode("latin-1").partition("://")[2] == host


def _bounded(receive: Receive, limit: int, seconds: float) -> Receive:
    """Count what arrives, as a length that was announced may be a lie or missing; and how long that takes.

    Who sends a byte now and then holds a connection for days (slowloris). Only waiting counts: that we are slow to
    write a file is not the sender's fault. Once the body is here, a connection may be silent as long as it likes.
    """
    arrived, waited, whole = 0, 0.0, False

    async def counted() -> Message:
        nonlocal arrived, waited, whole
        if whole:
            return await receive()
        begun = perf_counter()
        try:
            async with asyncio.timeout(seconds + arrived / _LEAST_BYTES_A_SECOND - waited):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly. Send it again, faster.", _CLOSE) from None
        waited += perf_counter() - begun
        arrived += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if arrived > limit:
            raise HTTPException(413, _too_long(limit), _CLOSE)
        return message

    return counted


def _too_long(limit: int) -> str:
    return f"The body is longer than {limit:,} bytes, the most that is taken here."
