"""The cast list: the one file that chooses implementations.

Constructors are cheap; what costs (the database, the model) opens when it is first needed, so that `cmo papers` does
not load a model and `cmo ask` does not open the database.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cmo
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import NotFound, SettingsError, StoreError, VocabularyCorrupt
from cmo.index.edition import Editions
from cmo.index.shelf import PENDING, Shelf
from cmo.index.snapshot import Snapshots
from cmo.kit.clock import SystemClock
from cmo.kit.hashing import hex_hash
from cmo.kit.hot import HotFile
from cmo.model.concepts import Concept
from cmo.model.ports import Encoder, Entailment, Linker, PaperReader
from cmo.model.questions import Reach
from cmo.oracle import Oracle
from cmo.retrieve.fuse import Weights
from cmo.retrieve.hybrid import HybridRetriever
from cmo.settings import Settings

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.assess import Assessor, SupportScorer
    from cmo.atlas import Atlas
    from cmo.curator import Curator
    from cmo.importer import Importer
    from cmo.ingest.limits import Limits
    from cmo.ingest.pipeline import Pipeline
    from cmo.keeping import Keeping
    from cmo.lightrag.engine import LightRagEngine
    from cmo.llm import ChatEndpoint, LlmReader
    from cmo.recall import Recall
    from cmo.spend import Budget
    from cmo.store.originals import Originals
    from cmo.store.record import Record
    from cmo.treasury import Treasury
    from cmo.viewer import Viewer
    from cmo.vocabulary.compiled import CompiledVocabulary
    from cmo.vocabulary.installed import Vocabularies

_COMPILED = "compiled"


class App:
    """Everything, wired. Enter `opened(settings)` to get one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.folder = settings.working_dir.expanduser()
        self.shelf = Shelf(self.folder / "index")
        self.snapshots = Snapshots(self.shelf, self._heal)
        self.editions = Editions(self.shelf)
        self.reach = HotFile(
            self.folder / "reach.json",
            decode=lambda data: Reach.of(json.loads(data)),
            encode=lambda reach: json.dumps(asdict(reach)).encode(),
            default=lambda: Reach(settings.multi_hop, settings.max_hops, settings.reasoning),
        )

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

    @cached_property
    def retriever(self) -> HybridRetriever:
        """Question to passages."""
        return HybridRetriever(self.snapshots, self.encoder, self._linker, self.reach.now, Weights())

    @cached_property
    def answerer(self) -> ExtractiveAnswerer:
        """Passages to a cited answer."""
        return ExtractiveAnswerer(Confidence.shipped(), Confidence.shipped("related"))

    @cached_property
    def support(self) -> SupportScorer:
        """Claims against evidence; names are missed only where there is a vocabulary to know them by."""
        from cmo.assess import SupportScorer  # noqa: PLC0415
        from cmo.vocabulary.units import quantities  # noqa: PLC0415

        folder = self.settings.nli_model
        entailment: Entailment | None = None
        if folder:
            from cmo.embed.nli import NliModel  # noqa: PLC0415

            entailment = NliModel.open(folder.expanduser(), threads=self.settings.threads)
        return SupportScorer(self.encoder, quantities, linker=self.linker, entailment=entailment)

    @cached_property
    def assessor(self) -> Assessor:
        """Judges answers."""
        from cmo.assess import Assessor  # noqa: PLC0415

        return Assessor(self.support)

    @cached_property
    def executor(self) -> ThreadPoolExecutor:
        """Where work runs that would block the event loop."""
        return ThreadPoolExecutor(2, thread_name_prefix="cmo")

    @property
    def pending(self) -> bool:
        """Whether a change was begun and is not published yet."""
        return (self.folder / PENDING).exists()

    @cached_property
    def oracle(self) -> Oracle:
        """Answers questions."""
        lost = (self.folder / "record.sqlite3").exists() and not self.shelf.pointer.exists()
        if lost or self.pending:
            self.curator.heal()
        if self.settings.engine == "lightrag":
            return Oracle(self.lightrag, self.lightrag, self.clock, self.executor)
        return Oracle(self.retriever, self.answerer, self.clock, self.executor)

    @cached_property
    def recall(self) -> Recall:
        """Answers questions, from what is kept where that may be."""
        from cmo.recall import Recall  # noqa: PLC0415

        keeping = self.keeping
        self._linker()  # what it goes by is part of every key
        return Recall(
            self.oracle,
            keeping.tiers if self.settings.cache else None,
            edition=self.editions.now,
            basis=keeping.basis,
            reach=self.reach.now,
            clock=self.clock,
            seconds=keeping.seconds,
        )

    @cached_property
    def keeping(self) -> Keeping:
        """Where answers are kept."""
        from cmo.keeping import Keeping  # noqa: PLC0415

        return Keeping(self.settings, self.folder, self.editions, self._versions, self.clock)

    @cached_property
    def chat(self) -> ChatEndpoint:
        """The language model, where one is set.

        Raises:
            SettingsError: none is.
        """
        from cmo.llm import ChatEndpoint  # noqa: PLC0415

        settings = self.settings
        if not (settings.llm_url and settings.llm_model):
            raise SettingsError(
                "No language model is set. Set CMO_LLM_URL and CMO_LLM_MODEL to an OpenAI-compatible one."
            )
        return ChatEndpoint(
            base_url=settings.llm_url,
            model=settings.llm_model,
            api_key=settings.llm_api_key.get_secret_value(),
            timeout=settings.llm_seconds,
        )

    @cached_property
    def llm_reader(self) -> LlmReader:
        """A language model that reads papers."""
        from cmo.llm import LlmReader  # noqa: PLC0415

        return LlmReader(self.chat, self.linker, most_passages=self.settings.llm_max_passages)

    @cached_property
    def lightrag(self) -> LightRagEngine:
        """The other engine, in a folder and a process of its own."""
        from cmo.lightrag.engine import LightRagEngine  # noqa: PLC0415
        from cmo.lightrag.process import Limits, Process  # noqa: PLC0415

        python = self.settings.lightrag_python or Path(sys.executable)
        limits = Limits(call_seconds=self.settings.llm_seconds)
        process = Process(python.expanduser(), self.folder / "lightrag", self.encoder, self.chat, limits)
        return LightRagEngine(self.snapshots, self.encoder, process, limits)

    @cached_property
    def importer(self) -> Importer:
        """Brings in what other programs left."""
        from cmo.importer import Importer  # noqa: PLC0415

        return Importer(self.curator, self.record, lambda: self.linker, self.folder / "importing")

    @cached_property
    def vocabularies(self) -> Vocabularies:
        """What things are called, as it was installed."""
        from cmo.vocabulary.installed import Vocabularies  # noqa: PLC0415

        return Vocabularies(self.folder)

    @cached_property
    def vocabulary(self) -> CompiledVocabulary:
        """The same put together, made anew when one was installed or removed."""
        from cmo.vocabulary.compile import current  # noqa: PLC0415

        installed = self.vocabularies
        return current(self.folder / _COMPILED, installed.digest, lambda: installed.merged().concepts)

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
    def record(self) -> Record:
        """The papers."""
        from cmo.store.engine import sqlite_url  # noqa: PLC0415
        from cmo.store.record import Record  # noqa: PLC0415

        self.folder.mkdir(parents=True, exist_ok=True)
        return Record.open(self.settings.database_url or sqlite_url(self.folder), self.clock)

    @cached_property
    def treasury(self) -> Treasury:
        """What may be spent, what was, and what calls cost."""
        from cmo.treasury import Treasury  # noqa: PLC0415

        settings, prices = self.settings, self.folder / "prices.json"
        budgets = settings.daily_budget, settings.monthly_budget
        return Treasury(self.record.ledger, prices, self.clock, budgets, alert=settings.cost_alert_threshold)

    @property
    def budget(self) -> Budget:
        """Sets money aside around every call that costs."""
        return self.treasury.budget

    @cached_property
    def originals(self) -> Originals:
        """Their files."""
        from cmo.store.originals import Originals  # noqa: PLC0415

        return Originals(self.folder / "originals")

    @cached_property
    def viewer(self) -> Viewer:
        """Draws pages."""
        from cmo.viewer import Viewer  # noqa: PLC0415

        return Viewer(self.record, self.originals)

    def atlas(self) -> Atlas:
        """Looks at the graph of the newest snapshot.

        Raises:
            NotFound: there is no graph.
        """
        from cmo.atlas import Atlas  # noqa: PLC0415

        snapshot = self.snapshots.current()
        if snapshot is None or snapshot.graph is None:
            raise NotFound("There is no graph yet. Ingest papers; `cmo kb rebuild` reads those that are there already.")
        return Atlas(snapshot.graph, snapshot, lambda: self.linker)

    @cached_property
    def curator(self) -> Curator:
        """Changes the papers."""
        from cmo.curator import Curator  # noqa: PLC0415
        from cmo.index.graph_publish import GraphMaker  # noqa: PLC0415
        from cmo.index.publish import Publisher  # noqa: PLC0415
        from cmo.vocabulary.curated import InstalledEdges  # noqa: PLC0415

        graph = GraphMaker(self.record.readings, self._concept, InstalledEdges(self.vocabularies))
        return Curator(
            folder=self.folder,
            record=self.record,
            originals=self.originals,
            shelf=self.shelf,
            publisher=Publisher(self.shelf, self.record, self.clock, keep=self.settings.keep_snapshots, graph=graph),
            encoder=lambda: self.encoder,
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

    def close(self) -> None:
        """Give everything back."""
        opened = self.__dict__
        if "lightrag" in opened:
            self.lightrag.close()
        if "chat" in opened:
            self.chat.close()
        if "keeping" in opened:
            self.keeping.close()
        if "executor" in opened:
            self.executor.shutdown(wait=True, cancel_futures=True)
        if "record" in opened:
            self.record.close()

    def _linker(self) -> Linker | None:
        """Of questions; not loaded where there is no graph that they could lead into."""
        snapshot = self.snapshots.current()
        return self._asking if snapshot and snapshot.graph else None

    @cached_property
    def _asking(self) -> Linker:
        """By the vocabulary that the papers were read by; whether it is still the newest costs too long to find out."""
        from cmo.vocabulary.compiled import CompiledVocabulary  # noqa: PLC0415
        from cmo.vocabulary.linker import DictionaryLinker  # noqa: PLC0415
        from cmo.vocabulary.tagger import shipped  # noqa: PLC0415

        if "linker" in self.__dict__:
            return self.linker
        try:
            return DictionaryLinker(CompiledVocabulary.open(self.folder / _COMPILED), shipped())
        except VocabularyCorrupt:  # it is made anew
            return self.linker

    def _versions(self) -> tuple[str, ...]:
        """Of all that makes an answer what it is, besides the papers and the settings."""
        vocabulary = self.folder / _COMPILED / "manifest.json"
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


@contextmanager
def opened(settings: Settings) -> Iterator[App]:
    """An app for the length of a block.

    Raises:
        StoreError: the operating system refuses something in the app's folder.
    """
    app = App(settings)
    try:
        yield app
    except OSError as error:
        if not Path(str(error.filename or "")).absolute().is_relative_to(app.folder.absolute()):
            raise
        what = f"The knowledge base {app.folder} cannot be used ({error.filename}: {error.strerror})."
        raise StoreError(f"{what} Check its permissions, or name another folder with CMO_HOME or --home.") from error
    finally:
        app.close()
