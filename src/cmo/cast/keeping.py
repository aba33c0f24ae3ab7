"""The part of the cast list that keeps answers: which tiers there are, by the settings, and what an answer rests on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path

from cmo.cache import Basis, CacheFile, Disk, Era, Lenient, Memory, Span, Tiers
from cmo.index.edition import Edition, Editions
from cmo.kit.clock import Clock
from cmo.settings import Settings

DISK_SECONDS = 0.1
"""Longer is not waited for an entry on the disk."""
SHARED_SECONDS = 0.05
"""The same for one on another machine."""
_PREFIX = "cmo:answers"
_BASES = 64
_WITHOUT_EFFECT = frozenset(
    """
    working_dir database_url papers_dir models_dir threads use_gpu parse_seconds parse_megabytes max_file_megabytes
    keep_snapshots multi_hop max_hops reasoning cache cache_entries cache_megabytes cache_seconds cache_disk_megabytes
    cache_disk_seconds redis_url redis_host redis_port cache_shared_seconds semantic_cache tenant host port allowed_hosts access base_of vocabularies_dir encryption_key encryption_key_file exposure_days spending_days key_per_minute key_per_day body_seconds tls_certificate tls_key tls_before tenants_open session_hours admin_token lightrag_python
    oidc_issuer oidc_client_id oidc_client_secret oidc_client_secret_file oidc_redirect_url oidc_roles oidc_roles_claim
    oidc_tenant_claim oidc_name_claim oidc_scopes oidc_audience oidc_label
    llm_connections perplexity_api_key web_seconds
    slack_webhook_url webhook_private alerts email_alerts alert_email smtp_host smtp_port smtp_security smtp_user smtp_password smtp_sender
    profile shadow shadow_share shadow_per_minute shadow_seconds shadow_busy_percent shadow_questions experiment_share experiment_seconds
    metrics stages log_format log_level performance_log_level slow_seconds log_questions drain_seconds turn_seconds otlp_url trace_share
    """.split()  # noqa: SIM905 - so many names read better so
)
"""Settings that change no answer, or stand in the key in another way. A new setting counts until it is named here."""


def redis_url_of(settings: Settings) -> str:
    """Address of the Redis that the settings name; empty where they name none."""
    by_host = f"redis://{settings.redis_host}:{settings.redis_port}/0" if settings.redis_host else ""
    return settings.redis_url.get_secret_value() or by_host


class Keeping:
    """Where answers are kept. Cheap to make; opens nothing before it is used.

    Args:
        settings: how much, how long, where.
        folder: the working directory.
        editions: tells which snapshot is current.
        versions: of all that makes an answer what it is, besides the papers and the settings.
        clock: both clocks.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        editions: Editions,
        versions: Callable[[], tuple[str, ...]],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._path = folder / "cache" / "answers.sqlite3"
        self._editions = editions
        self._versions = versions
        self._clock = clock
        self._era = Era(folder / "cache" / "era")
        self._based = lru_cache(_BASES)(self._basis_of)

    @property
    def seconds(self) -> float:
        """The longest that any tier keeps an answer."""
        settings = self._settings
        return max(settings.cache_seconds, settings.cache_disk_seconds, settings.cache_shared_seconds)

    @property
    def redis_url(self) -> str:
        """Address of the Redis that machines share; empty where there is none."""
        return redis_url_of(self._settings)

    @cached_property
    def tiers(self) -> Tiers:
        """All of them."""
        settings, clock = self._settings, self._clock
        size = settings.cache_megabytes * 1_000_000
        memory = Memory(entries=settings.cache_entries, size=size, span=Span(settings.cache_seconds), clock=clock)
        below = [Lenient(self.disk, seconds=DISK_SECONDS, clock=clock)] if self.disk is not None else []
        if url := self.redis_url:
            from cmo.cache.shared import Shared  # noqa: PLC0415 - redis is an extra

            shared = Shared(url, prefix=_PREFIX, span=Span(settings.cache_shared_seconds), clock=clock, compress=True)
            below.append(Lenient(shared, seconds=SHARED_SECONDS, clock=clock))
        return Tiers(memory, below, clock=clock, disown=self.disown)

    @property
    def disk(self) -> Disk | None:
        """Where answers outlive a process; None where that is not wanted, or nothing may be kept that is not sealed."""
        settings = self._settings
        sealed = bool(settings.encryption_key.get_secret_value() or settings.encryption_key_file)
        return self._file if settings.cache and settings.cache_disk_megabytes and not sealed else None

    def basis(self, edition: Edition, variant: str = "") -> Basis:
        """What an answer from a snapshot rests on; the very same as long as nothing changes."""
        return self._based(edition, self._era.now(), variant)

    def forget_outdated(self) -> None:
        """Remove from the disk what was answered from papers as they are no more, also where answers are kept no longer."""
        edition = self._editions.now()
        if edition is not None:
            self._file.keep_only(self._world(edition).scope)

    def disown(self) -> None:
        """Let nothing that was kept so far be found again, also by the other processes of this knowledge base."""
        self._era.renew()

    def close(self) -> None:
        """Give the file back."""
        if "_file" in self.__dict__:
            self._file.close()

    @cached_property
    def _file(self) -> Disk:
        settings = self._settings
        file = CacheFile(self._path, settings.cache_disk_megabytes * 1_000_000)
        return Disk(file, span=Span(settings.cache_disk_seconds), clock=self._clock, compress=False)

    @cached_property
    def _makers(self) -> tuple[str, ...]:
        settings = self._settings.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT))
        return (*self._versions(), *(f"{name}={value}" for name, value in sorted(settings.items())))

    def _basis_of(self, edition: Edition, era: str, variant: str) -> Basis:
        return Basis(edition.digest, self._settings.tenant, variant, self._makers, era=era)

    def _world(self, edition: Edition) -> Basis:
        return Basis(edition.digest, self._settings.tenant, era=self._era.now())
