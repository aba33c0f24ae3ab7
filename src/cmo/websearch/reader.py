"""Reads pages: asked for within the deadline, bounded, and only where they may be asked for.

::

    address --public?--> GET, at most three redirects, each checked --> HTML or text, so many bytes --> what is seen

Pages are read side by side. One that is late, forbidden or unreadable is left out: the provider's words stand for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import httpx

from cmo.kit import deadline
from cmo.kit.address import CheckedTransport
from cmo.kit.deadline import in_context
from cmo.websearch.html import Page, plain, read

_REDIRECTS: Final = 3
_KINDS: Final = ("text/html", "application/xhtml+xml", "text/plain")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_LOOKED_AT: Final = 2_048
"""Bytes at the beginning in which a page may say its character set."""
_HEADERS: Final = {
    "Accept": "text/html, application/xhtml+xml, text/plain;q=0.8",
    "Accept-Encoding": "identity",
    "User-Agent": "clinical-metabolomics-oracle",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How pages are read."""

    page_seconds: float = 4.0
    most_bytes: int = 2_000_000
    at_once: int = 8
    private: bool = False
    """Whether machines of one's own network may be asked as well."""


class PageReader:
    """Reads pages of the web. Threads may share it.

    Args:
        how: the limits.
    """

    def __init__(self, how: Reading = Reading()) -> None:
        self._how = how
        limits = httpx.Limits(max_connections=2 * how.at_once, max_keepalive_connections=how.at_once)
        self._client = httpx.Client(
            transport=CheckedTransport(private=how.private, limits=limits),
            headers=_HEADERS,
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            timeout=how.page_seconds,
        )
        self._threads = ThreadPoolExecutor(how.at_once, thread_name_prefix="cmo-pages")

    def pages(self, urls: Sequence[str]) -> list[Page | None]:
        """The pages of some addresses, in their order; None for those that could not be read in time."""
        allowed = min(self._how.page_seconds, deadline.share())
        asked = [self._threads.submit(in_context(self._page, url, time.monotonic() + allowed)) for url in urls]
        done, late = wait(asked, timeout=allowed)
        for future in late:
            future.cancel()
        return [future.result() if future in done else None for future in asked]

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _page(self, url: str, until: float) -> Page | None:
        try:
            left = until - time.monotonic()
            if left <= 0:
                return None
            with self._client.stream("GET", url, timeout=left) as reply:
                kind = reply.headers.get("content-type", "").partition(";")[0].strip().casefold()
                if not reply.is_success or kind not in _KINDS or "content-encoding" in reply.headers:
                    return None
                data = _bounded(reply, self._how.most_bytes, until)
                said = reply.charset_encoding
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return None
        text = _decoded(data, said)
        return plain(text) if kind == "text/plain" else read(text)


def _bounded(reply: httpx.Response, most: int, until: float) -> bytes:
    """The first bytes of a page: what stands after them nobody reads."""
    parts = bytearray()
    for part in reply.iter_raw():
        parts += part
        if len(parts) >= most:
            break
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the page drips")
    return bytes(parts[:most])


def _decoded(data: bytes, said: str | None) -> str:
    told = _CHARSET.search(data[:_LOOKED_AT])
    for name in (said, told and told[1].decode("ascii"), "utf-8"):
        try:
            return data.decode(name or "utf-8", errors="replace")
        except LookupError:
            continue
    return ""
