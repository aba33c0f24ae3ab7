"""The cast list: the one file that chooses implementations.

Constructors are cheap; what costs (the database, the model) opens when it is first needed, so that `cmo papers` does
not load a model and `cmo ask` does not open the database.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cmo
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.errors import NotFound, SettingsError, StoreError, VocabularyCorrupt
from cmo.holdings import COMPILED, Holdings
from cmo.kit.hot import HotFile
from cmo.model.ports import Answerer, Embedder, Entailment, Linker, Retriever, Router
from cmo.model.questions import Filters, Question, Reach
from cmo.model.routes import Conditions, Standing
from cmo.oracle import Oracle
from cmo.retrieve.fuse import Weights
from cmo.retrieve.hybrid import HybridRetriever
from cmo.settings import Settings

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.assess import Assessor, SupportScorer
    from cmo.atlas import Atlas
    from cmo.cache.semantic import Audit, SemanticGuard
    from cmo.delivering import BuiltRecalls, Delivering
    from cmo.delivery.gates import Judged
    from cmo.delivery.rollout import Status
    from cmo.lightrag.engine import LightRagEngine
    from cmo.llm import ChatEndpoint, LlmReader
    from cmo.model.delivery import StoredRollout
    from cmo.recall import Recall
    from cmo.released import Released
    from cmo.rephrased import Rephrased
    from cmo.replay import Replayer
    from cmo.route import Adviser
    from cmo.trials import Trials

log = logging.getLogger("cmo.app")


class App(Holdings):
    """Everything, wired. Enter `opened(settings)` to get one."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.reach = HotFile(
            self.folder / "reach.json",
            decode=lambda data: Reach.of(json.loads(data)),
            encode=lambda reach: json.dumps(asdict(reach)).encode(),
            default=lambda: Reach(settings.multi_hop, settings.max_hops, settings.reasoning),
        )

    @cached_property
    def retriever(self) -> HybridRetriever:
        """Question to passages."""
        return HybridRetriever(self.snapshots, self.questions, self._linker, self.reach.now, Weights())

    @cached_property
    def questions(self) -> Embedder:
        """The model as questions see it: one that is routed and searched is encoded once."""
        from cmo.embed.recent import RecentQuestions  # noqa: PLC0415

        return RecentQuestions(self.encoder)

    @cached_property
    def router(self) -> Router:
        """A question to where it goes: the head where its embedder is ours, else cue words."""
        from cmo.route import Cascade, KeywordRouter, open_model, shipped_model, shipped_rules  # noqa: PLC0415

        folder = self.settings.route_model
        model = open_model(folder.expanduser()) if folder else shipped_model()
        if model.head.model != str(self.questions.identity):
            log.info("routing by cue words: the head was fitted with %s", model.head.model)
            return KeywordRouter(shipped_rules(), self.year)
        return Cascade(shipped_rules(), model, self.questions, self.year, self._adviser)

    @property
    def conditions(self) -> Conditions:
        """What a router has to reckon with now; there is no web engine yet."""
        return Conditions(web=False, llm=self.settings.llm_classification)

    def year(self) -> int:
        """The present one."""
        return self.clock.now().year

    def standing(self, text: str) -> Standing | None:
        """What the papers could say to a question; None where there are none."""
        snapshot = self.snapshots.current()
        if snapshot is None or snapshot.model != self.questions.identity:
            return None
        nearest = snapshot.nearest(self.questions.encode_query(text), 1, snapshot.eligible(Filters()))
        return Standing(float(nearest.scores[0])) if len(nearest.scores) else None

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
    def guard(self) -> SemanticGuard:
        """Says whether two questions are the same one."""
        from cmo.cache.semantic import Likeness, SemanticGuard  # noqa: PLC0415
        from cmo.vocabulary.units import quantities  # noqa: PLC0415

        return SemanticGuard(lambda: self._asking, quantities, lambda: self.questions, Likeness.shipped())

    @cached_property
    def executor(self) -> ThreadPoolExecutor:
        """Where work runs that would block the event loop."""
        return ThreadPoolExecutor(2, thread_name_prefix="cmo")

    @cached_property
    def oracle(self) -> Oracle:
        """Answers questions."""
        lost = (self.folder / "record.sqlite3").exists() and not self.shelf.pointer.exists()
        if lost or self.pending:
            self.curator.heal()
        return self._oracle(self.settings.engine, routing=self.settings.routing)

    def _oracle(self, engine: str, *, routing: bool, least: float = 0.0) -> Oracle:
        """Answers questions by an engine, with a router or without, where it is sure enough."""
        router = self.router if routing else None
        finds: Retriever = self.lightrag if engine == "lightrag" else self.retriever
        says: Answerer = self.lightrag if engine == "lightrag" else self.answerer
        if least:
            from cmo.answer.cautious import CautiousAnswerer  # noqa: PLC0415

            says = CautiousAnswerer(says, least)
        return Oracle(finds, says, self.clock, self.executor, router=router, conditions=lambda: self.conditions)

    @cached_property
    def recall(self) -> Recall:
        """Answers questions, from what is kept where that may be."""
        return self._recall(self.oracle)

    def _recall(self, oracle: Oracle, variant: str = "") -> Recall:
        from cmo.recall import Recall  # noqa: PLC0415

        keeping = self.keeping
        self._linker()  # what it goes by is part of every key
        return Recall(
            oracle,
            keeping.tiers if self.settings.cache else None,
            edition=self.editions.now,
            basis=lambda edition: replace(keeping.basis(edition), variant=variant),
            reach=self.reach.now,
            clock=self.clock,
            seconds=keeping.seconds,
            rephrased=self.rephrased if self.settings.semantic_cache == "answers" else None,
            note=self._note if self.settings.audit_days else lambda _question, _reply: None,
        )

    def _note(self, question: Question, reply: Mapping[str, Any]) -> None:
        self.chronicle.note(question, {**reply, "release": question.release} if question.release else reply)

    @cached_property
    def replayer(self) -> Replayer:
        """Asks again what was asked before."""
        from cmo.replay import Replayer  # noqa: PLC0415

        return Replayer(self.record.answers, self.record, self.oracle, cmo.__version__)

    @cached_property
    def recalls(self) -> BuiltRecalls:
        """Who answers by each release."""
        from cmo.delivering import BuiltRecalls  # noqa: PLC0415

        usual = self.settings.engine, self.settings.routing, 0.0

        def build(engine: str, routing: bool, least: float) -> Recall:
            if (engine, routing, least) == usual:
                return self.recall
            oracle = self._oracle(engine, routing=routing, least=least)
            return self._recall(oracle, f"{engine},{routing},{least:g}")

        return BuiltRecalls(build, self.settings)

    @cached_property
    def delivering(self) -> Delivering:
        """Releases in this process: who has which, what came of it, and the hand that moves them."""
        from cmo.delivering import Delivering  # noqa: PLC0415

        return Delivering(
            self.delivery,
            self.settings,
            self.clock,
            prepare=self.recalls.make,
            support=self._support_of,
            told=self._tell_of_release,
        )

    def _tell_of_release(self, rollout: StoredRollout, status: Status, judged: Judged) -> None:
        """People hear of what was taken back, held, promoted, or waits for them."""
        from cmo.delivering import notice_of  # noqa: PLC0415

        if (notice := notice_of(rollout, status, judged)) is not None:
            self.trials.notifier.tell(notice)

    def _support_of(self, reply: Mapping[str, Any]) -> float | None:
        """How well a reply's sentences are supported by what they cite."""
        from cmo.assess import Reviewed, Said  # noqa: PLC0415

        sources: dict[str, list[str]] = {}
        for piece in reply["evidence"]:
            sources.setdefault(str(piece["citation"]), []).append(piece["text"])
        said = tuple(Said(s["text"], tuple(map(str, s["citations"]))) for s in reply["sentences"])
        if not said:
            return None
        return self.assessor.assess(Reviewed(reply["question"], said, sources)).accuracy

    @cached_property
    def released(self) -> Released:
        """Answers questions by the release that each asker has."""
        from cmo.released import Released  # noqa: PLC0415

        return Released(self.delivering.traffic, self.recalls, self.reach.now, self.clock)

    @cached_property
    def rephrased(self) -> Rephrased:
        """Finds the same question in other words."""
        from cmo.cache.semantic import SemanticTier  # noqa: PLC0415
        from cmo.rephrased import Rephrased  # noqa: PLC0415

        return Rephrased(SemanticTier(self.guard, lambda: self.questions, self.audit), self.executor)

    @cached_property
    def audit(self) -> Audit:
        """Whether questions in other words may share a reply."""
        from cmo.cache.semantic import Audit  # noqa: PLC0415
        from cmo.kit.chance import CHANCE  # noqa: PLC0415

        return Audit(self.folder / "semantic_audit.json", CHANCE)

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
    def _adviser(self) -> Adviser | None:
        """A language model for questions that the head is in doubt about, where it is wanted."""
        from cmo.llm import ChatEndpoint  # noqa: PLC0415
        from cmo.route import Adviser  # noqa: PLC0415

        settings = self.settings
        if not settings.llm_classification:
            return None
        if not (settings.llm_url and settings.llm_model):
            log.warning(
                "ENABLE_LLM_CLASSIFICATION is set, but CMO_LLM_URL and CMO_LLM_MODEL are not: no model is asked"
            )
            return None
        chat = ChatEndpoint(
            base_url=settings.llm_url,
            model=settings.llm_model,
            api_key=settings.llm_api_key.get_secret_value(),
            timeout=settings.llm_classification_seconds,
        )
        return Adviser(chat, settings.llm_classification_seconds)

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
    def trials(self) -> Trials:
        """What is tried out, and who is told."""
        from cmo.trials import Trials  # noqa: PLC0415

        return Trials(self.settings, self.clock)

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

    def close(self) -> None:
        """Give everything back."""
        opened = self.__dict__
        if "trials" in opened:
            self.trials.close()
        if "lightrag" in opened:
            self.lightrag.close()
        if "chat" in opened:
            self.chat.close()
        if opened.get("_adviser") is not None:
            opened["_adviser"].close()
        if "keeping" in opened:
            self.keeping.close()
        if "chronicle" in opened:
            self.chronicle.close()
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
            return DictionaryLinker(CompiledVocabulary.open(self.folder / COMPILED), shipped())
        except VocabularyCorrupt:  # it is made anew
            return self.linker


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
