"""Silences in an Alertmanager, by its API (version 2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from cmo.errors import ServiceGone, SettingsError
from cmo.kit.http import reason


def silence(
    url: str, matchers: Sequence[dict[str, Any]], *, begins: datetime, ends: datetime, by: str, why: str
) -> str:
    """Let an Alertmanager tell nobody of what matches; the id of the silence.

    Args:
        url: such as ``http://127.0.0.1:9093``.
        matchers: as its API has them: ``name``, ``value``, ``isRegex``, ``isEqual``.
        begins: from when on.
        ends: until when.
        by: who silences.
        why: for those who read it.

    Raises:
        SettingsError: that is no address.
        ServiceGone: it does not answer, or does not take it.
    """
    body = {
        "matchers": list(matchers),
        "startsAt": begins.isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": by,
        "comment": why,
    }
    try:
        reply = httpx.post(f"{url.rstrip('/')}/api/v2/silences", json=body, timeout=10.0)
        reply.raise_for_status()
        return str(reply.json()["silenceID"])
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise SettingsError(f"{url} is no address of an Alertmanager. It looks like http://127.0.0.1:9093.") from error
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise ServiceGone(
            f"The Alertmanager at {url} did not take the silence: {reason(error)}. Is it there, and is the address its own?"
        ) from error
