"""Settings that contradict each other, or do nothing as they stand: what, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from cmo.settings import Settings

_DATABASES: Final = ("sqlite", "postgresql", "postgres")
"""How their addresses begin; `cmo.store.engine` says the rest."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Settings that do not go together."""

    names: tuple[str, ...]
    why: str
    remedy: str


def clashes(settings: Settings) -> list[Clash]:
    """All of them."""
    return [
        *_models(settings),
        *_caches(settings),
        *_money(settings),
        *_doors(settings),
        *_people(settings),
        *_files(settings),
    ]


def has_model(settings: Settings) -> bool:
    """Whether a language model is named at all."""
    return bool(settings.llm_model or settings.ollama_model)


def _models(s: Settings) -> Iterator[Clash]:
    if s.llm_url and not s.llm_model:
        yield Clash(
            ("CMO_LLM_URL", "CMO_LLM_MODEL"), "There is an address and no model: none is asked.", "Set CMO_LLM_MODEL."
        )
    if s.llm_local and not s.llm_url:
        yield Clash(
            ("CMO_LLM_LOCAL", "CMO_LLM_URL"),
            "CMO_LLM_LOCAL speaks of the model at CMO_LLM_URL, which is not set.",
            "Set CMO_LLM_URL, or leave CMO_LLM_LOCAL out.",
        )
    if has_model(s):
        return
    for name, wants in (
        ("CMO_ANSWERS=generated", s.answers == "generated"),
        ("CMO_ENGINE=lightrag", s.engine == "lightrag"),
        ("ENABLE_LLM_CLASSIFICATION", s.llm_classification),
    ):
        if wants:
            yield Clash(
                (name, "CMO_LLM_MODEL"),
                f"{name} needs a language model, and none is set.",
                "Set CMO_LLM_MODEL, with CMO_LLM_URL or after `cmo models install smollm2`.",
            )


def _caches(s: Settings) -> Iterator[Clash]:
    redis = s.redis_url.get_secret_value() or s.redis_host
    if not s.cache and (redis or s.semantic_cache != "off"):
        yield Clash(
            ("CMO_CACHE", "CMO_REDIS_URL", "CMO_SEMANTIC_CACHE"),
            "CMO_CACHE=false keeps no answers, so the shared and the semantic cache do nothing.",
            "Leave CMO_CACHE out, or the others.",
        )
    if s.redis_url.get_secret_value() and s.redis_host:
        yield Clash(("CMO_REDIS_URL", "REDIS_HOST"), "Both name a Redis; REDIS_HOST does not count.", "Leave one out.")
    if s.cache and not (s.cache_entries and s.cache_megabytes) and not s.cache_disk_megabytes and not redis:
        yield Clash(
            ("CMO_CACHE", "CMO_CACHE_ENTRIES", "CMO_CACHE_MEGABYTES", "CMO_CACHE_DISK_MEGABYTES"),
            "Answers are to be kept, and no place has room for one.",
            "Give one of them room, or set CMO_CACHE=false.",
        )
    if s.multi_hop and s.max_hops == 0:
        yield Clash(
            ("ENABLE_MULTI_HOP", "MAX_HOPS"), "Relations are to be followed, over none of them.", "Set MAX_HOPS=1."
        )


def _money(s: Settings) -> Iterator[Clash]:
    if s.monthly_budget < s.daily_budget:
        yield Clash(
            ("LIGHTRAG_MONTHLY_BUDGET", "LIGHTRAG_MAX_DAILY_BUDGET"),
            f"A day may cost {s.daily_budget} and the whole month {s.monthly_budget}: one day can end it.",
            "Raise the month's, or lower the day's.",
        )


def _doors(s: Settings) -> Iterator[Clash]:
    if not is_here(s.host) and s.access == "open":
        yield Clash(
            ("CMO_HOST", "CMO_ACCESS"),
            f"The service listens at {s.host} and asks nobody for a key.",
            "Leave CMO_ACCESS out, unless something before the service asks who it is.",
        )
    if not is_here(s.host) and s.profile == "production" and not (s.tls_certificate or s.tls_before):
        yield Clash(
            ("CMO_HOST", "CMO_TLS_CERTIFICATE"),
            f"Production listens at {s.host} without TLS: keys and questions go over the network in the open.",
            "Set CMO_TLS_CERTIFICATE and CMO_TLS_KEY, or CMO_TLS_BEFORE=true where a proxy speaks TLS.",
        )
    if bool(s.tls_certificate) != bool(s.tls_key):
        yield Clash(
            ("CMO_TLS_CERTIFICATE", "CMO_TLS_KEY"),
            "TLS needs both, and the service does not begin with one alone.",
            "Set the other as well.",
        )
    if s.email_alerts and s.smtp_security == "none" and s.smtp_password.get_secret_value() and not is_here(s.smtp_host):
        yield Clash(
            ("CMO_SMTP_SECURITY", "CMO_SMTP_PASSWORD"),
            "A password is never sent in the open, so no e-mail goes out.",
            "Set CMO_SMTP_SECURITY=starttls.",
        )


def _people(s: Settings) -> Iterator[Clash]:
    if not s.oidc_issuer:
        return
    back = urlsplit(s.oidc_redirect_url)
    if s.access == "open":
        yield Clash(
            ("CMO_OIDC_ISSUER", "CMO_ACCESS"), "People may sign in, and nobody needs to.", "Leave CMO_ACCESS out."
        )
    if not _called(s, back.hostname or ""):
        yield Clash(
            ("CMO_OIDC_REDIRECT_URL", "CMO_ALLOWED_HOSTS"),
            f"People come back to {back.hostname}, and the service is not called by that name.",
            f"Add {back.hostname} to CMO_ALLOWED_HOSTS.",
        )
    if (back.scheme == "https") != bool(s.tls_certificate or s.tls_before):
        yield Clash(
            ("CMO_OIDC_REDIRECT_URL", "CMO_TLS_BEFORE"),
            f"People come back by {back.scheme}, and the service is not reached so.",
            "Set CMO_TLS_CERTIFICATE and CMO_TLS_KEY, or CMO_TLS_BEFORE=true where a proxy speaks TLS; else use http.",
        )


def _called(s: Settings, name: str) -> bool:
    """Whether the service answers to a name (`cmo.web.guard`)."""
    named = {one.strip().casefold() for one in (s.host, "localhost", *s.allowed_hosts.split(","))}
    return name in named or _is_address(name)


def _files(s: Settings) -> Iterator[Clash]:
    for name, path in (
        ("CMO_NLI_MODEL", s.nli_model),
        ("CMO_ROUTE_MODEL", s.route_model),
        ("CMO_LIGHTRAG_PYTHON", s.lightrag_python),
        ("LIGHTRAG_PAPERS_DIR", s.papers_dir),
        ("CMO_TLS_CERTIFICATE", s.tls_certificate),
        ("CMO_TLS_KEY", s.tls_key),
    ):
        if path is not None and not Path(path).expanduser().exists():
            yield Clash((name,), f"{path} is not there.", "Name what is there, or leave it out.")
    if s.database_url and urlsplit(s.database_url).scheme.partition("+")[0] not in _DATABASES:
        yield Clash(
            ("DATABASE_URL",),
            "It is no address of a database that papers can be kept in.",
            "Such one begins with postgresql://, or sqlite:/// and a path.",
        )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
