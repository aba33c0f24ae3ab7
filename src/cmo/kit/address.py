"""Addresses that may be asked for: http and https, of machines that anybody may ask.

A name is looked up once, and the connection goes to the address that was checked: a name that leads elsewhere a moment
later (DNS rebinding) gains nothing. A redirect is an address like any other.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

import httpx

MOST_CHARS: Final = 2_000
_ODD = re.compile(r"[\s\x00-\x1f\x7f\\<>\"]")
_INSIDE: Final = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".onion")
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
    """Connects to the address that it has checked.

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
        if not allowed(str(request.url), private=self._private):
            raise NotAllowed("an address that may not be asked for", request=request)
        host = request.url.host
        # Another request: what was asked for stays as it was, for redirects and for whoever shows it.
        there = httpx.Request(
            request.method,
            httpx.URL(request.url, host=self._looked_up(request, host)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return self._inner.handle_request(there)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _looked_up(self, request: httpx.Request, host: str) -> str:
        port = request.url.port or PORTS[request.url.scheme]
        try:
            found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("no such name", request=request) from error
        if not self._private and not all(_public(ipaddress.ip_address(address)) for address in found):
            raise NotAllowed("a name that leads into a private network", request=request)
        return found[0]


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address written as such; numbers of other shapes are names here, and looked up as such."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inside = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inside or address).is_global and not (inside or address).is_multicast
