"""The part of the cast list that holds the papers: the record, the originals, the index, what names mean.

Constructors are cheap; what costs (the database, the model) opens when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cmo
from cmo.errors import AccessRefused
from cmo.index.edition import Editions
from cmo.index.shelf import PENDING, Shelf
from cmo.index.snapshot import Snapshots
from cmo.kit.clock import SystemClock
from cmo.kit.hashing import hex_hash
from cmo.kit.seal import Seal, seal_of
from cmo.model.access import AccessStore
from cmo.model.concepts import Concept
from cmo.model.ports import Encoder, Linker, PaperReader
from cmo.settings import Settings, sealing_keys

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.access import KeyRing, Mark, Meter, Warden
    from cmo.access.signin import SignIn
    from cmo.cast.keeping import Keeping
    from cmo.cast.rounds import Rounds
    from cmo.delivery.fanout import Fanout
    from cmo.ingest.limits import Limits
    from cmo.ingest.pipeline import Pipeline
    from cmo.spend import Budget
    from cmo.store.delivery import SqlDelivery
    from cmo.store.originals import Originals
    from cmo.store.record import Record
    from cmo.stories.chronicle import Chronicle
    from cmo.stories.curator import Curator
    from cmo.stories.importer import Importer
    from cmo.stories.subscribers import Subscribers
    from cmo.stories.treasury import Treasury
    from cmo.stories.viewer import Viewer
    from cmo.vocabulary.compiled import CompiledVocabulary
    from cmo.vocabulary.installed import Vocabularies

COMPILED = "compiled"
"""Folder of the vocabulary as it is looked up."""


class Holdings:
    """The papers and all that is made of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.run: Path | None = None
        """Folder in which the processes of one service tell each other what they count; None where there is but one."""
        self.workers = 1
        """Processes of that service."""
        self.clock = SystemClock()
        self.folder = settings.working_dir.expanduser()
        self.terms = (settings.vocabularies_dir or settings.working_dir).expanduser()
        """Where vocabularies are installed."""
        self.shelf = Shelf(self.folder / "index")
        self.snapshots = Snapshots(self.shelf, self._heal)
        self.editions = Editions(self.shelf)

    @cached_property
    def encoder(self) -> Encoder:
        """The model, loaded."""
        settings = self.settings
        if settings.embed_url:
            from cmo.embed import EndpointEmbedder  # noqa: PLC0415 - see the module's docstring

            return EndpointEmbedder(
                base_url=settings.embed_url,
                model=settings.embed_model,
                api_key=settings.embed_api_key.get_secret_value(),
            )
        from cmo.embed import open_onnx  # noqa: PLC0415

        return open_onnx(
            settings.embed_model,
            models_dir=settings.models_dir.expanduser(),
            use_gpu=settings.use_gpu,
            threads=settings.threads,
        )

    @property
    def pending(self) -> bool:
        """Whether a change was begun and is not published yet."""
        return (self.folder / PENDING).exists()

    @cached_property
    def record(self) -> Record:
        """The papers."""
        from cmo.store.engine import sqlite_url  # noqa: PLC0415
        from cmo.store.record import Record  # noqa: PLC0415

        url = self.settings.database_url
        if url and self.folder.parent.name == "tenants" and "search_path" not in url:
            raise AccessRefused(
                f"{self.folder} is the base of a tenant, and DATABASE_URL leads to that of the service: their papers would "
                f"mix. Leave --home out, and set CMO_BASE_OF={self.folder.name}."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        return Record.open(self.settings.database_url or sqlite_url(self.folder), self.clock, self.seal)

    @cached_property
    def seal(self) -> Seal:
        """Seals what people asked and were told before it is kept."""
        return seal_of(sealing_keys(self.settings))

    @cached_property
    def originals(self) -> Originals:
        """Their files."""
        from cmo.store.originals import Originals  # noqa: PLC0415

        return Originals(self.folder / "originals")

    @cached_property
    def viewer(self) -> Viewer:
        """Draws pages."""
        from cmo.ingest.drawing import Drawer  # noqa: PLC0415
        from cmo.stories.viewer import Viewer  # noqa: PLC0415

        return Viewer(self.record, self.originals, Drawer())

    @cached_property
    def vocabularies(self) -> Vocabularies:
        """What things are called, as it was installed."""
        from cmo.vocabulary.installed import Vocabularies  # noqa: PLC0415

        return Vocabularies(self.terms)

    @cached_property
    def vocabulary(self) -> CompiledVocabulary:
        """The same put together, made anew when one was installed or removed."""
        from cmo.vocabulary.compile import current  # noqa: PLC0415

        installed = self.vocabularies
        return current(self.terms / COMPILED, installed.digest, lambda: installed.merged().concepts)

    @cached_property
    def linker(self) -> Linker:
        """Names to concepts."""
        from cmo.vocabulary.linker import DictionaryLinker  # noqa: PLC0415
        from cmo.vocabulary.tagger import shipped  # noqa: PLC0415

        return DictionaryLinker(self.vocabulary, shipped())

    @cached_property
    def reader(self) -> PaperReader:
        """Papers to what they say of concepts."""
        from cmo.relate.reader import RelationReader  # noqa: PLC0415

        return RelationReader(self.linker, self.vocabulary.digest)

    @cached_property
    def curator(self) -> Curator:
        """Changes the papers."""
        from cmo.index.graph_publish import GraphMaker  # noqa: PLC0415
        from cmo.index.publish import Publisher  # noqa: PLC0415
        from cmo.stories.curator import Curator  # noqa: PLC0415
        from cmo.vocabulary.curated import InstalledEdges  # noqa: PLC0415

        graph = GraphMaker(self.record.readings, self._concept, InstalledEdges(self.vocabularies))
        return Curator(
            folder=self.folder,
            record=self.record,
            originals=self.originals,
            shelf=self.shelf,
            publisher=Publisher(self.shelf, self.record, self.clock, keep=self.settings.keep_snapshots, graph=graph),
            encoder=lambda: self.encoder,
            clock=self.clock,
            reader=lambda: self.reader,
            changed=self.keeping.forget_outdated,
        )

    @contextmanager
    def pipeline(self, workers: int) -> Iterator[Pipeline]:
        """Files to recorded papers, with its worker processes."""
        from cmo.ingest.isolate import ParserPool  # noqa: PLC0415
        from cmo.ingest.pipeline import Chunking, Pipeline  # noqa: PLC0415

        settings = self.settings
        with ParserPool(workers, self._limits()) as pool:
            yield Pipeline(
                pool,
                self.encoder,
                self.record,
                self.originals,
                chunking=Chunking(settings.chunk_size, settings.chunk_overlap),
                clock=self.clock,
                max_bytes=settings.max_file_megabytes * 1_000_000,
                reader=self.reader,
            )

    @cached_property
    def importer(self) -> Importer:
        """Brings in what other programs left."""
        from cmo.stories.importer import Importer  # noqa: PLC0415

        return Importer(self.curator, self.record, lambda: self.linker, self.folder / "importing")

    @cached_property
    def keeping(self) -> Keeping:
        """Where answers are kept."""
        from cmo.cast.keeping import Keeping  # noqa: PLC0415

        return Keeping(self.settings, self.folder, self.editions, self._versions, self.clock)

    @cached_property
    def chronicle(self) -> Chronicle:
        """Writes answers down."""
        from cmo.stories.chronicle import Chronicle  # noqa: PLC0415

        return Chronicle(lambda: self.record.answers, self.clock, cmo.__version__, days=self.settings.audit_days)

    @cached_property
    def treasury(self) -> Treasury:
        """What may be spent, what was, and what calls cost."""
        from cmo.stories.treasury import Treasury  # noqa: PLC0415

        settings, prices = self.settings, self.folder / "prices.json"
        budgets = settings.daily_budget, settings.monthly_budget
        return Treasury(self.record.ledger, prices, self.clock, budgets, alert=settings.cost_alert_threshold)

    @cached_property
    def delivery(self) -> SqlDelivery:
        """Flags, releases and rollouts."""
        fanout = self.fanout
        return self.record.delivery if fanout is None else self.record.delivery.announcing(fanout.announce)

    @cached_property
    def fanout(self) -> Fanout | None:
        """Word of changes to all processes; None where they share no Redis."""
        if not self.keeping.redis_url:
            return None
        from cmo.delivery.fanout import Fanout  # noqa: PLC0415 - redis is an extra

        return Fanout(self.keeping.redis_url, self.clock)

    @cached_property
    def keyring(self) -> KeyRing:
        """Makes, rotates and revokes keys."""
        from cmo.access import KeyRing  # noqa: PLC0415

        return KeyRing(lambda: self.record.access, self.clock, self._mark.make)

    @cached_property
    def warden(self) -> Warden:
        """Knows who asks."""
        from cmo.access import Mode, Rules, Warden  # noqa: PLC0415

        settings = self.settings
        mode = Mode(settings.access)
        rules = Rules(
            Mode.KEYS if mode is Mode.AUTO and settings.oidc_issuer else mode,
            settings.tenant,
            settings.admin_token.get_secret_value(),
            settings.session_hours * 3600,
        )
        return Warden(self._access, self.clock, rules, self._mark.seen)

    @property
    def _mark(self) -> Mark:
        """Says to all processes of this machine that keys were made."""
        from cmo.access import Mark  # noqa: PLC0415

        return Mark(self.folder / "keys.made")

    @cached_property
    def sign_in(self) -> SignIn | None:
        """Lets in whom a provider vouches for; None where nobody is asked."""
        from cmo.cast.signing import sign_in_of  # noqa: PLC0415

        return sign_in_of(self.settings, self.warden, self.clock)

    @cached_property
    def meter(self) -> Meter:
        """Counts what keys ask."""
        from cmo.cast.metering import meter_of  # noqa: PLC0415

        return meter_of(self.settings, self._access, self.clock, self.keeping.redis_url, self.run)

    @cached_property
    def rounds(self) -> Rounds:
        """What the service does by itself: sends webhooks, deletes what is old."""
        from cmo.cast.rounds import Rounds  # noqa: PLC0415

        return Rounds(self.settings, self.clock, self.seal, lambda: None if self._access() is None else self.record)

    @property
    def subscribers(self) -> Subscribers:
        """Other programs that are told."""
        from cmo.stories.subscribers import Subscribers  # noqa: PLC0415

        return Subscribers(self.record.outbox, self.clock, self.settings.tenant, private=self.settings.webhook_private)

    def tidy(self) -> dict[str, int]:
        """Delete what is kept longer than it may be; returns how many rows of each kind."""
        from cmo.cast.rounds import kept_days  # noqa: PLC0415
        from cmo.stories.privacy import tidy  # noqa: PLC0415

        if self._access() is None:
            return {}
        return tidy(self.record.persons, kept_days(self.settings), self.clock.now())

    def _access(self) -> AccessStore | None:
        """What keys are kept in; None where there is no base yet, so that looking makes none."""
        there = self.settings.database_url or self.settings.oidc_issuer or (self.folder / "record.sqlite3").exists()
        return self.record.access if there else None

    @property
    def budget(self) -> Budget:
        """Sets money aside around every call that costs."""
        return self.treasury.budget

    def close(self) -> None:
        """Give everything back."""
        for name in ("viewer", "keeping", "chronicle", "fanout", "record"):
            if self.__dict__.get(name) is not None:
                getattr(self, name).close()

    def _versions(self) -> tuple[str, ...]:
        """Of all that makes an answer what it is, besides the papers and the settings."""
        vocabulary = self.terms / COMPILED / "manifest.json"
        read_by = hex_hash(vocabulary.read_text("utf-8") if vocabulary.exists() else "")
        return cmo.__version__, str(self.encoder.identity), read_by

    def _concept(self, concept_id: str) -> Concept | None:
        """As the vocabularies know it, which are loaded only when a concept is new."""
        return self.linker.concept(concept_id)

    def _heal(self) -> bool:
        return self.curator.heal()

    def _limits(self) -> Limits:
        from cmo.ingest.limits import Limits  # noqa: PLC0415

        settings = self.settings
        return Limits(
            wall_seconds=settings.parse_seconds,
            cpu_seconds=int(settings.parse_seconds) + 1,
            memory_bytes=settings.parse_megabytes * 1_000_000,
            file_bytes=settings.max_file_megabytes * 1_000_000,
        )
