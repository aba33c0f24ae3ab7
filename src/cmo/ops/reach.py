"""Whether what the service depends on can be reached: each is asked for something small that changes and costs nothing."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from cmo.kit.http import ERRORS, reason
from cmo.ops.doctor import Finding, broken, degraded, ok

MOST_SKEW, BAD_SKEW = 2.0, 30.0
"""Seconds: a clock that is further off counts leases, keys and days wrongly."""
_REFUSED: Final = frozenset({401, 403})
_MISSING: Final = 404
_FAULTS: Final = 500


@dataclass(slots=True)
class Times:
    """What other clocks said, beside ours: gathered while others are asked."""

    seen: list[tuple[str, float]]

    def hear(self, who: str, theirs: datetime, ours: datetime) -> None:
        """Another clock, and ours at that moment."""
        self.seen.append((who, (ours - theirs).total_seconds()))


def web(
    name: str,
    url: str,
    *,
    now: Callable[[], datetime],
    times: Times,
    key: str = "",
    method: str = "GET",
    seconds: float = 5.0,
    fix: str,
) -> Finding:
    """Whether a web server answers at an address; its body is not read."""
    shown = host_of(url)
    try:
        with (
            httpx.Client(timeout=seconds, headers={"Authorization": f"Bearer {key}"} if key else {}) as client,
            client.stream(method, url) as reply,
        ):
            status, date = reply.status_code, reply.headers.get("date", "")
    except ERRORS as error:
        return broken(name, f"{shown} does not answer: {reason(error)}", fix)
    except (UnicodeError, ValueError) as error:
        return broken(name, f"{shown} cannot be asked: {type(error).__name__}", fix)
    if (theirs := _date(date)) is not None:
        times.hear(shown, theirs, now())
    if key and status in _REFUSED:
        return broken(name, f"{shown} refuses the key (HTTP {status})", "Set another key.")
    if status >= _FAULTS:
        return degraded(name, f"{shown} answers with HTTP {status}", fix)
    return ok(name, f"{shown} answers (HTTP {status})")


def redis(name: str, url: str, seconds: float = 5.0) -> Finding:
    """Whether a Redis answers; without one each machine keeps its own answers."""
    shown = host_of(url)
    fix = "Start it, or check CMO_REDIS_URL; until then answers are kept by each machine alone."
    try:
        from redis import Redis  # noqa: PLC0415 - an extra
        from redis.exceptions import RedisError  # noqa: PLC0415
    except ImportError:
        return broken(name, "The package redis is not installed", "pip install 'clinical-metabolomics-oracle[redis]'")
    try:
        with Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds) as client:
            client.ping()
            info = client.info("memory")
    except (RedisError, OSError, ValueError) as error:
        return degraded(name, f"{shown} does not answer: {type(error).__name__}", fix)
    if not info.get("maxmemory"):
        return degraded(
            name,
            f"{shown} answers, and its memory has no bound",
            "CONFIG SET maxmemory 1gb, maxmemory-policy allkeys-lru.",
        )
    return ok(name, f"{shown} answers")


def smtp(
    name: str, host: str, port: int, *, security: str, user: str = "", password: str = "", seconds: float = 5.0
) -> Finding:
    """Whether mail can be handed in: as far as the login, no letter is sent."""
    where, fix = (
        f"{host}:{port}",
        "Check CMO_SMTP_HOST, CMO_SMTP_PORT and CMO_SMTP_SECURITY; `cmo notify test` sends one.",
    )
    context = ssl.create_default_context()
    try:
        server = (
            smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
            if security == "tls"
            else smtplib.SMTP(host, port, timeout=seconds)
        )
        with server:
            if security == "starttls":
                server.starttls(context=context)
            if user:
                server.login(user, password)
            server.noop()
    except smtplib.SMTPAuthenticationError:
        return broken(name, f"{where} refuses the name or the password", "Check CMO_SMTP_USER and CMO_SMTP_PASSWORD.")
    except (smtplib.SMTPException, OSError) as error:
        return broken(name, f"{where} takes no mail: {type(error).__name__}", fix)
    return ok(name, f"{where} takes mail")


def clock(name: str, times: Times) -> Finding:
    """Whether this machine's clock agrees with those that were heard."""
    if not times.seen:
        return ok(name, "nobody to compare it with: nothing outside is asked")
    who, off = max(times.seen, key=lambda one: abs(one[1]))
    said = f"{abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} {who}"
    fix = "Let the system keep time: `timedatectl set-ntp true`."
    if abs(off) > BAD_SKEW:
        return broken(name, said, fix)
    return degraded(name, said, fix) if abs(off) > MOST_SKEW else ok(name, f"within {MOST_SKEW:g} s of {who}")


def host_of(url: str) -> str:
    """An address without a name, a password, a path and a query: webhooks keep their secret in the path."""
    return re.sub(r"^[\w+.-]+://(?:[^@/]*@)?([^/?#]*).*$", r"\1", url)


def _date(header: str) -> datetime | None:
    try:
        told = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
