"""Addresses that may be asked for: http and https, of machines that anybody may ask.

A name is looked up once, and the connection goes to the address that was checked: a name that leads elsewhere a moment
later (DNS rebinding) gains nothing. A redirect is an address like any other.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

MOST_CHARS: Final = 2_000
_ODD = re.compile(r"[\s\x00-\x1f\x7f\\<>\"]")
_GATEWAY: Final = ipaddress.ip_network("64:ff9b::/96")
_INSIDE: Final = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".onion")
_LOOKUPS: Final = 8
PORTS: Final = {"http": 80, "https": 443}
"""By scheme."""


class NotAllowed(httpx.RequestError):
    """An address that nobody is sent to."""


def allowed(url: str, *, private: bool = False) -> bool:
    """Whether an address may be shown and asked for, as far as it can be told without looking its name up."""
    if len(url) > MOST_CHARS or _ODD.search(url):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in PORTS or not host or parts.username is not None or parts.password is not None:
        return False
    if private:
        return True
    literal = _literal(host)
    if literal is not None:
        return _public(literal)
    return "." in host.rstrip(".") and not f".{host.rstrip('.')}".endswith(_INSIDE)


class CheckedTransport(httpx.BaseTransport):
    """Connects to the address that it has checked. `AsyncCheckedTransport` does so where many are waited for at once.

    Args:
        private: whether machines of one's own network may be asked as well.
        limits: of the connections.
    """

    def __init__(self, *, private: bool, limits: httpx.Limits) -> None:
        self._private = private
        self._inner = httpx.HTTPTransport(limits=limits)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The reply.

        Raises:
            NotAllowed: nobody is sent there.
        """
        host, port = _asked(request, private=self._private)
        with _no_such_name(request):
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return self._inner.handle_request(_there(request, rows, private=self._private))

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class AsyncCheckedTransport(httpx.AsyncBaseTransport):
    """The same in an event loop.

    Args:
        private: whether machines of one's own network may be asked as well.
        limits: of the connections.
    """

    def __init__(self, *, private: bool, limits: httpx.Limits) -> None:
        self._private = private
        self._inner = httpx.AsyncHTTPTransport(limits=limits)
        # Of its own: a name that nobody answers for takes a thread for seconds, and others need those of the loop.
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="cmo-names")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The reply.

        Raises:
            NotAllowed: nobody is sent there.
        """
        host, port = _asked(request, private=self._private)
        with _no_such_name(request):
            look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            rows = await asyncio.get_running_loop().run_in_executor(self._lookups, look)
        return await self._inner.handle_async_request(_there(request, rows, private=self._private))

    async def aclose(self) -> None:
        """Close the connections."""
        self._lookups.shutdown(wait=False, cancel_futures=True)
        await self._inner.aclose()


def _asked(request: httpx.Request, *, private: bool) -> tuple[str, int]:
    """The name and the port that a request is for, where it may be asked as far as its address tells."""
    if not allowed(str(request.url), private=private):
        raise NotAllowed("an address that may not be asked for", request=request)
    return request.url.host, request.url.port or PORTS[request.url.scheme]


@contextmanager
def _no_such_name(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError("no such name", request=request) from error


def _there(request: httpx.Request, rows: Sequence[Any], *, private: bool) -> httpx.Request:
    """The same to the first of the addresses that its name has: another one, as whoever shows it is to see what was asked."""
    found = [str(row[4][0]) for row in rows]
    if not private and not all(_public(ipaddress.ip_address(address)) for address in found):
        raise NotAllowed("a name that leads into a private network", request=request)
    return httpx.Request(
        request.method,
        httpx.URL(request.url, host=found[0]),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address written as such; numbers of other shapes are names here, and looked up as such."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if (older := _older(address)) is not None:
            return _public(older)
        if address.is_reserved or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _older(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The machine of the older internet that an address leads to: mapped, by 6to4, or by a gateway (NAT64, RFC 6052)."""
    if address in _GATEWAY:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
