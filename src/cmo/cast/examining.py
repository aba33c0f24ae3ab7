"""The part of the cast list that is examined: which checks there are, by the settings and what is kept.

::

    settings, base  -->  checks (machine, base, model, what is asked outside)  -->  `ops.doctor.examine`

Nothing is made, migrated or changed: a base that is not there yet is a finding.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Final

from cmo.access.provider import DISCOVERY
from cmo.cast.holdings import Holdings
from cmo.cast.keeping import redis_url_of
from cmo.cast.outside import HERE, place_of
from cmo.ops import reach, vitals
from cmo.ops.certificate import certificate
from cmo.ops.doctor import Check, Finding, State, broken, degraded, ok
from cmo.settings import Settings
from cmo.settings.clashes import clashes
from cmo.settings.origins import unknown

CALL_SECONDS: Final = 5.0
"""Longest wait for one answer from outside."""
_AFTER: Final = CALL_SECONDS + 1


class Examining:
    """Makes the checks of one base.

    Args:
        holdings: the papers, opened by whoever calls.
        serving: whether the port is looked at: not by a service that listens there itself.
        wrong: why not all of the settings can be used; defaults stand in the place of those that cannot.
    """

    def __init__(self, holdings: Holdings, *, serving: bool = True, wrong: str = "") -> None:
        self._held = holdings
        self._settings = holdings.settings
        self._serving = serving
        self._wrong = wrong
        self._times = reach.Times([])
        self._outside: list[threading.Event] = []

    def checks(self) -> list[Check]:
        """All of them, in the order in which they are told."""
        s, folder = self._settings, self._held.folder
        models = s.models_dir.expanduser()
        slow = "Look longer with --seconds 60; if it stays, see docs/how-to/recover.md."
        if s.database_url:
            slow = "Check CMO_DATABASE_URL and the server."
        found = [
            Check("configuration", self._configuration),
            Check("disk", lambda: vitals.disk_room("disk", folder)),
            Check("memory", lambda: vitals.memory("memory")),
            Check("descriptors", lambda: vitals.descriptors("descriptors")),
            Check("threads", lambda: vitals.threads("threads", s.threads)),
            Check("permissions", lambda: vitals.folder_can_be_used("permissions", folder)),
            Check("secrets", lambda: vitals.secrets_are_private("secrets", self._secret_files())),
            Check("model", lambda: self._model(models), "Run `cmo models install`."),
            Check("database", self._timed(self._database), slow),
            Check("audit", self._audit, slow),
            Check("retention", self._retention, slow),
            Check("index", self._index, "Run `cmo kb rebuild`."),
            Check("rates", self._rates),
            *self._services(),
        ]
        if s.tls_certificate or s.tls_key:
            files, now = (s.tls_certificate, s.tls_key), self._held.clock.now
            found.append(Check("certificate", lambda: certificate("certificate", files, now())))
        if self._serving and s.port:
            found.append(Check("port", self._port))
        return [*found, Check("clock", self._clock)]

    def _secret_files(self) -> list[Path]:
        named = (
            Path(".env").absolute(),
            self._settings.encryption_key_file,
            self._settings.tls_key,
            self._settings.oidc_client_secret_file,
        )
        return [path.expanduser() for path in named if path is not None]

    def _services(self) -> list[Check]:
        s, made = self._settings, []
        place = place_of(s)
        if place is not None and place.base_url != HERE:
            url, key = f"{place.base_url.rstrip('/')}/models", place.api_key
            made.append(self._web("language model", url, "Check CMO_LLM_URL and whether the service is up.", key=key))
        if s.embed_url:
            url, key = f"{s.embed_url.rstrip('/')}/models", s.embed_api_key.get_secret_value()
            made.append(self._web("embedding", url, "Check CMO_EMBED_URL and whether the service is up.", key=key))
        if s.perplexity_api_key.get_secret_value():
            made.append(
                self._web("web search", s.perplexity_url, "Check CMO_PERPLEXITY_URL and the way out.", method="HEAD")
            )
        if hook := s.slack_webhook_url.get_secret_value():
            root = f"{hook.split('://', 1)[0]}://{reach.host_of(hook)}/"
            made.append(self._web("webhook", root, "Check SLACK_WEBHOOK_URL and the way out.", method="HEAD"))
        if redis := redis_url_of(s) if s.cache else "":
            made.append(Check("redis", lambda: reach.redis("redis", redis, CALL_SECONDS), "Check CMO_REDIS_URL."))
        if s.oidc_issuer:
            made.append(Check("sign-in", self._timed(self._sign_in), "Check CMO_OIDC_ISSUER and the way out."))
        if s.email_alerts:
            made.append(Check("smtp", self._smtp, "Check CMO_SMTP_HOST."))
        return made

    def _web(self, name: str, url: str, fix: str, *, key: str = "", method: str = "GET") -> Check:
        def look() -> Finding:
            now, times = self._held.clock.now, self._times
            return reach.web(name, url, now=now, times=times, key=key, method=method, seconds=CALL_SECONDS, fix=fix)

        return Check(name, self._timed(look), fix)

    def _sign_in(self) -> Finding:
        """Whether the provider can be asked, says what is needed, and calls itself as we do; and what its clock says."""
        from cmo.cast.signing import provider_of  # noqa: PLC0415

        s, fix = self._settings, "Check CMO_OIDC_ISSUER and the way out."
        url = f"{s.oidc_issuer.rstrip('/')}{DISCOVERY}"
        now = self._held.clock.now
        seen = reach.web("sign-in", url, now=now, times=self._times, seconds=CALL_SECONDS, fix=fix)
        if seen.state is not State.OK:
            return seen
        keys = asyncio.run(provider_of(s, self._held.clock).examined())
        if wrong := [clash for clash in clashes(s) if clash.names[0].startswith("CMO_OIDC")]:
            return degraded("sign-in", wrong[0].why, wrong[0].remedy)
        return ok("sign-in", f"{s.oidc_issuer} answers, keys: {keys}; people come back to {s.oidc_redirect_url}")

    def _timed(self, look: Callable[[], Finding]) -> Callable[[], Finding]:
        """A look that tells the time as well: the clock waits for it."""
        done = threading.Event()
        self._outside.append(done)

        def looked() -> Finding:
            try:
                return look()
            finally:
                done.set()

        return looked

    def _configuration(self) -> Finding:
        if self._wrong:
            fix = "`cmo config check` tells the place of each. What follows was looked at with defaults instead."
            return broken("configuration", self._wrong, fix)
        wrong = [f"{one.name} is read by nothing" for one in unknown(Settings)]
        wrong += [clash.why.rstrip(".") for clash in clashes(self._settings)]
        if wrong:
            return degraded("configuration", "; ".join(wrong[:3]), "`cmo config check` tells what to do.")
        profile = self._settings.profile or "no profile"
        return ok("configuration", f"{len(Settings.model_fields)} settings, {profile}")

    def _model(self, models: Path) -> Finding:
        if self._settings.embed_url:
            return ok("model", f"{self._settings.embed_model} at {reach.host_of(self._settings.embed_url)}")
        from cmo.embed.manifest import verify  # noqa: PLC0415

        return ok("model", f"{verify(self._settings.embed_model, models)}, its files match their checksums")

    def _database(self) -> Finding:
        from cmo.store.engine import SCHEMA, look, sqlite_url  # noqa: PLC0415

        held, url = self._held, self._settings.database_url
        if not url and not (held.folder / "record.sqlite3").exists():
            return degraded("database", "There are no papers yet", "Run `cmo ingest` on a folder of papers.")
        seen = look(url or sqlite_url(held.folder), CALL_SECONDS)
        if seen.now is not None:
            self._times.hear("the database", seen.now, held.clock.now().astimezone(UTC))
        if seen.faults:
            return broken("database", "; ".join(seen.faults[:3]), "See docs/how-to/recover.md: restore a backup.")
        if seen.schema is None or seen.schema < SCHEMA:
            said = f"schema {seen.schema or 'none'} of {SCHEMA}"
            return degraded("database", said, "The next `cmo ingest` or `cmo serve` brings it up; make a backup first.")
        if seen.schema > SCHEMA:
            return broken("database", f"schema {seen.schema}, made by a newer version", "Install the newer version.")
        return ok("database", f"schema {seen.schema}, sound")

    def _opened_as_it_is(self) -> bool:
        """Whether there is a record, and opening it would not change it."""
        from cmo.store.engine import SCHEMA, look, sqlite_url  # noqa: PLC0415

        held, url = self._held, self._settings.database_url
        there = url or (held.folder / "record.sqlite3").exists()
        return bool(there) and look(url or sqlite_url(held.folder), CALL_SECONDS).schema == SCHEMA

    def _audit(self) -> Finding:
        from cmo.access.trail import audited  # noqa: PLC0415
        from cmo.store.engine import sqlite_url  # noqa: PLC0415
        from cmo.store.record import Record  # noqa: PLC0415

        if not self._opened_as_it_is():
            return ok("audit", "nothing to look at yet")
        held, url = self._held, self._settings.database_url
        with Record.open(
            url or sqlite_url(held.folder), held.clock
        ) as record:  # its own: others close theirs meanwhile
            lines, fault = record.access.height()[0], audited(record.access)
        if fault is not None:
            return broken("audit", f"it does not hold: {fault.what}", "See docs/runbooks/breach.md.")
        return ok("audit", f"{lines:,} lines hold")

    def _retention(self) -> Finding:
        from cmo.cast.rounds import kept_days  # noqa: PLC0415
        from cmo.stories.privacy import overdue  # noqa: PLC0415

        held = self._held
        if not self._opened_as_it_is():
            return ok("retention", "nothing to look at yet")
        try:
            rows_of = overdue(held.record.persons, kept_days(self._settings), held.clock.now())
        finally:
            held.record.close()
        late = {kind: count for kind, count in rows_of.items() if count}
        if late:
            rows = ", ".join(f"{count} {kind}" for kind, count in late.items())
            fix = "A service does so each day: see its log. `cmo privacy tidy` does it now."
            return degraded("retention", f"kept for two days longer than they may be: {rows}", fix)
        return ok("retention", "nothing is kept longer than its days")

    def _rates(self) -> Finding:
        """Who counts together how often a key asks; a Redis that is gone is told by its own check."""
        s = self._settings
        if redis_url_of(s):
            return ok("rates", "requests of a key are counted by all machines together, over Redis")
        said = "requests of a key in a minute are counted by all workers of this machine together"
        if not s.database_url:
            return ok("rates", said)
        return ok("rates", f"{said}; several machines need CMO_REDIS_URL, else each lets through as many")

    def _index(self) -> Finding:
        from cmo.index.snapshot import Snapshot  # noqa: PLC0415

        manifest = self._held.shelf.current()
        if manifest is None:
            return degraded("index", "There is no snapshot yet", "Run `cmo ingest` on a folder of papers.")
        Snapshot.open(self._held.shelf, manifest)
        said = f"snapshot {manifest.id}: {manifest.papers} papers, {manifest.live} passages, can be read"
        if self._held.pending:
            return degraded("index", f"{said}; a change was begun and not published", "Run `cmo kb rebuild`.")
        return ok("index", said)

    def _port(self) -> Finding:
        from cmo.kit.neighbour import Neighbour  # noqa: PLC0415

        s = self._settings
        ours = Neighbour(s.host, s.port, s.tls_certificate).answers(seconds=CALL_SECONDS)
        return vitals.port("port", s.host, s.port, ours=ours)

    def _smtp(self) -> Finding:
        s = self._settings
        return reach.smtp(
            "smtp", s.smtp_host, s.smtp_port, security=s.smtp_security, user=s.smtp_user,
            password=s.smtp_password.get_secret_value(), seconds=CALL_SECONDS,
        )  # fmt: skip

    def _clock(self) -> Finding:
        until = self._held.clock.monotonic() + _AFTER
        for asked in self._outside:
            asked.wait(max(0.0, until - self._held.clock.monotonic()))
        return reach.clock("clock", self._times)
