"""Addresses of pages: which lead to the same one. Which may be asked for is told by `cmo.kit.address`."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cmo.kit.address import PORTS

_TRACKERS = re.compile(r"utm_\w+|fbclid|gclid|mc_[ce]id|ref_src")


def normal(url: str) -> str:
    """The same for addresses that lead to the same page: no fragment, no trackers, no ``www``, no trailing slash."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in {None, *PORTS.values()} else ""
    asked = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKERS.fullmatch(pair[0]))
    return urlunsplit(("", f"{host}{port}", parts.path.rstrip("/"), urlencode(asked), ""))
