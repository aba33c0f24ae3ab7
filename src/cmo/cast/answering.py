"""The part of the cast list that finds, says and judges: engines, language models, the router, the assessor.

As in `cmo.cast.holdings`, constructors are cheap, and what costs opens when it is first needed.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.assess.heads import Head
from cmo.cast.holdings import COMPILED, Holdings
from cmo.errors import VocabularyCorrupt
from cmo.kit.hands import Hands, Patience, turns
from cmo.kit.hot import HotFile
from cmo.model.answers import Answer
from cmo.model.assessments import Assessment
from cmo.model.outside import WebSearch
from cmo.model.ports import Answerer, Entailment, Linker, Retriever, Router
from cmo.model.questions import Filters, Reach
from cmo.model.routes import Conditions, Standing
from cmo.retrieve.fuse import Weights
from cmo.retrieve.hybrid import HybridRetriever
from cmo.settings import Settings

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.assess import Assessor, SupportScorer
    from cmo.assess.yesno import Decider
    from cmo.cache.semantic import SemanticGuard
    from cmo.cast.outside import Outside
    from cmo.embed.recent import RecentQuestions
    from cmo.lightrag.engine import LightRagEngine
    from cmo.llm import ChatEndpoint, LlmReader
    from cmo.route import Adviser
    from cmo.tongues import Tongues

log = logging.getLogger("cmo.app")

_WAITING = 16  # questions that are worked on at once where a model or the web is waited for


class Answering(Holdings):
    """All that it takes to answer a question, and to say what an answer is worth."""

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
    def questions(self) -> RecentQuestions:
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
        """What a router has to reckon with now."""
        paid = self.websearch is not None
        left = self.treasury.left() if paid else 1.0
        return Conditions(web=paid and left > 0, llm=self.settings.llm_classification, budget_left=left)

    @cached_property
    def finder(self) -> Retriever:
        """Question to passages: of papers, and of the web where it is set up and a question wants it."""
        if (web := self.websearch) is None:
            return self.retriever
        from cmo.answer.coverage import coverage  # noqa: PLC0415
        from cmo.ingest.sentences import split  # noqa: PLC0415
        from cmo.retrieve.pages import PageReader  # noqa: PLC0415
        from cmo.retrieve.wide import WideRetriever  # noqa: PLC0415

        reader = PageReader(self.encoder, split, coverage)
        return WideRetriever(
            self.retriever, web, reader, self.questions, self.abroad, seconds=self.settings.web_seconds
        )

    @cached_property
    def abroad(self) -> ThreadPoolExecutor:
        """Where questions wait for the web; threads of its own, since those of the questions wait for these."""
        return ThreadPoolExecutor(8, thread_name_prefix="cmo-web")

    @cached_property
    def speaker(self) -> Answerer:
        """Passages to a cited answer: in their own words, or in those of a language model where that is wanted.

        Raises:
            SettingsError: it is wanted, and no model is set.
        """
        if self.settings.answers == "extractive":
            return self.answerer
        from cmo.answer.generate import GeneratedAnswerer, Limits  # noqa: PLC0415
        from cmo.ingest.sentences import split  # noqa: PLC0415

        settings = self.settings
        limits = Limits(most_foreign=settings.foreign_words, mark_unsupported=settings.mark_unsupported)
        return GeneratedAnswerer(
            self.outside.needed("generate"), self.support, self.answerer, split, limits, reach=self.reach.now
        )

    @cached_property
    def tongues(self) -> Tongues:
        """Understands questions in other languages."""
        from cmo.kit.language import language  # noqa: PLC0415
        from cmo.llm import Bill  # noqa: PLC0415
        from cmo.llm.translate import Translator  # noqa: PLC0415
        from cmo.tongues import Tongues  # noqa: PLC0415

        chat = self.chat if self.settings.translate else None
        return Tongues(language, Translator(chat.billed(Bill("translate"))) if chat else None)

    @cached_property
    def voice(self) -> str:
        """What makes an answer another one than in the papers' own words; part of every key of kept answers."""
        said = self.speaker
        model = getattr(said, "identity", "") if said is not self.answerer else ""
        translator = self.chat.name if self.chat is not None and self.settings.translate else ""
        return ";".join(part for part in ("web" if self.websearch is not None else "", model, translator) if part)

    @property
    def judges(self) -> bool:
        """Whether answers are judged before they are shown."""
        return self.settings.quality_validation or self.settings.answers == "generated" or self.websearch is not None

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

        return SupportScorer(self.encoder, quantities, linker=self.linker, entailment=self.entailment)

    @cached_property
    def entailment(self) -> Entailment | None:
        """A model that says what follows from what; None where none is set."""
        from cmo.embed.nli import NliModel  # noqa: PLC0415

        folder = self.settings.nli_model
        return NliModel.open(folder.expanduser(), threads=self.settings.threads) if folder else None

    @cached_property
    def assessor(self) -> Assessor:
        """Judges answers."""
        from cmo.assess import Assessor  # noqa: PLC0415

        return Assessor(self.support, acceptable=self.accepting.now())

    @cached_property
    def decider(self) -> Decider:
        """Says yes or no, where what is quoted does."""
        from cmo.assess.yesno import Decider  # noqa: PLC0415
        from cmo.vocabulary.units import quantities  # noqa: PLC0415

        return Decider(quantities)

    @cached_property
    def accepting(self) -> HotFile[Head | None]:
        """What people here accept, learnt from their ratings; None where nothing is."""
        return HotFile(
            self.folder / "accepting.json",
            decode=_head,
            encode=lambda head: json.dumps(head.as_json() if head else None).encode(),
            default=lambda: None,
        )

    @cached_property
    def guard(self) -> SemanticGuard:
        """Says whether two questions are the same one."""
        from cmo.cache.semantic import Likeness, SemanticGuard  # noqa: PLC0415
        from cmo.vocabulary.units import quantities  # noqa: PLC0415

        return SemanticGuard(lambda: self._asking, quantities, lambda: self.questions, Likeness.shipped())

    @cached_property
    def executor(self) -> Hands:
        """Where work runs that would block the event loop: in turns on a core (ADR 28), more at once where it waits for others."""
        threads = _WAITING if self.waits else turns(self.workers)
        return Hands(threads, Patience(self.settings.turn_seconds), what="an answer")

    @property
    def waits(self) -> bool:
        """Whether questions wait for others, such as a language model or the web."""
        return self.settings.answers == "generated" or self.settings.engine == "lightrag" or self.websearch is not None

    def judge(self, answer: Answer) -> Assessment:
        """What an answer is worth."""
        from cmo.assess import reviewed  # noqa: PLC0415

        return self.assessor.assess(reviewed(answer))

    def _support_of(self, reply: Mapping[str, Any]) -> float | None:
        """How well a reply's sentences are supported by what they cite."""
        found = self.judge_sent(reply)
        return found.accuracy if found else None

    def judge_sent(self, reply: Mapping[str, Any]) -> Assessment | None:
        """What an answer is worth that was sent as JSON; None of a refusal."""
        from cmo.assess import Reviewed, Said  # noqa: PLC0415

        sources: dict[str, list[str]] = {}
        for piece in reply["evidence"]:
            sources.setdefault(str(piece["citation"]), []).append(piece["text"])
        said = tuple(Said(s["text"], tuple(map(str, s["citations"]))) for s in reply["sentences"])
        if not said:
            return None
        return self.assessor.assess(Reviewed(reply["question"], said, sources))

    @cached_property
    def outside(self) -> Outside:
        """Language models and the web."""
        from cmo.cast.outside import Outside  # noqa: PLC0415

        return Outside(self.settings, lambda: self.budget, self.clock)

    @property
    def chat(self) -> ChatEndpoint | None:
        """The language model; None where none is set. Each attempt is paid for, unless it is free."""
        return self.outside.chat

    @property
    def websearch(self) -> WebSearch | None:
        """A search of the web; None where no key is set."""
        return self.outside.websearch

    @cached_property
    def _adviser(self) -> Adviser | None:
        """A language model for questions that the head is in doubt about, where it is wanted."""
        from cmo.llm import Bill  # noqa: PLC0415
        from cmo.route import Adviser  # noqa: PLC0415

        seconds = self.settings.llm_classification_seconds
        if not self.settings.llm_classification:
            return None
        chat = self.outside.endpoint(seconds, Bill("route"))
        if chat is None:
            log.warning(
                "ENABLE_LLM_CLASSIFICATION is set, but CMO_LLM_URL and CMO_LLM_MODEL are not: no model is asked"
            )
            return None
        return Adviser(chat, seconds)

    @cached_property
    def llm_reader(self) -> LlmReader:
        """A language model that reads papers."""
        from cmo.llm import LlmReader  # noqa: PLC0415

        return LlmReader(self.outside.needed("read"), self.linker, most_passages=self.settings.llm_max_passages)

    @cached_property
    def lightrag(self) -> LightRagEngine:
        """The other engine, in a folder and a process of its own."""
        from cmo.lightrag.engine import LightRagEngine  # noqa: PLC0415
        from cmo.lightrag.process import Limits, Process  # noqa: PLC0415

        python = self.settings.lightrag_python or Path(sys.executable)
        limits = Limits(call_seconds=self.settings.llm_seconds)
        process = Process(
            python.expanduser(), self.folder / "lightrag", self.encoder, self.outside.needed("lightrag"), limits
        )
        return LightRagEngine(self.snapshots, self.encoder, process, limits)

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
            return DictionaryLinker(CompiledVocabulary.open(self.terms / COMPILED), shipped())
        except VocabularyCorrupt:  # it is made anew
            return self.linker

    def close(self) -> None:
        """Give everything back."""
        opened = self.__dict__
        if "lightrag" in opened:
            self.lightrag.close()
        if opened.get("_adviser") is not None:
            opened["_adviser"].close()
        if "outside" in opened:
            self.outside.close()
        if "abroad" in opened:
            self.abroad.shutdown(wait=False, cancel_futures=True)
        if "executor" in opened:
            self.executor.shutdown(wait=True, cancel_futures=True)
        super().close()


def _head(data: bytes) -> Head | None:
    facts = json.loads(data)
    try:
        return None if facts is None else Head.of(facts)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{facts!r} is no head") from error
