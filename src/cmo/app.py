"""The cast list: the one file that chooses implementations.

Constructors are cheap; what costs (the database, the model) opens when it is first needed, so that `cmo papers` does
not load a model and `cmo ask` does not open the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cmo
from cmo import wire
from cmo.assess.yesno import Deciding
from cmo.cast.answering import Answering
from cmo.cast.tenants import based, lodged
from cmo.engines import Engines
from cmo.errors import NotFound, OverBudget, StoreError
from cmo.model.concepts import Mention
from cmo.model.money import Need, Payer
from cmo.model.ports import Answerer, Encoder, Entailment, Linker, Retriever
from cmo.model.questions import Question
from cmo.oracle import Oracle
from cmo.settings import Settings

if TYPE_CHECKING:  # these cost a quarter of a second, and a question needs none of them
    from cmo.agents import Deep
    from cmo.cache.semantic import Audit
    from cmo.cast.delivering import BuiltRecalls, Delivering
    from cmo.cast.outside import Outside
    from cmo.cast.released import Released
    from cmo.cast.trials import Trials
    from cmo.cast.tried import Tried
    from cmo.delivery.gates import Judged
    from cmo.delivery.releases import Bundle
    from cmo.delivery.rollout import Status
    from cmo.model.delivery import StoredRollout
    from cmo.stories.atlas import Atlas
    from cmo.stories.beside import Beside
    from cmo.stories.recall import Recall
    from cmo.stories.rephrased import Rephrased
    from cmo.stories.replay import Replayer
    from cmo.stories.treasury import Treasury

log = logging.getLogger("cmo.app")

UNSEEN = Payer(user="shadow")
"""Who pays for answers that nobody sees."""


class App(Answering):
    """Everything, wired. Enter `opened(settings)` to get one."""

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
        finds: Retriever = self.lightrag if engine == "lightrag" else self.finder
        says: Answerer = self.lightrag if engine == "lightrag" else self.speaker
        if least:
            from cmo.answer.cautious import CautiousAnswerer  # noqa: PLC0415

            says = CautiousAnswerer(says, least)
        says = Deciding(says, lambda: self.decider)
        engines = Engines(
            finds, says, self.clock, web=lambda: self.conditions.web, judge=self.judge if self.judges else None
        )
        return Oracle(
            engines, self.clock, self.executor, router=router, conditions=lambda: self.conditions, tongues=self.tongues
        )

    @cached_property
    def recall(self) -> Recall:
        """Answers questions, from what is kept where that may be."""
        return self._recall(self.oracle)

    def _recall(self, oracle: Oracle, variant: str = "") -> Recall:
        from cmo.stories.recall import Recall  # noqa: PLC0415

        keeping = self.keeping
        self._linker()  # what it goes by is part of every key
        return Recall(
            oracle,
            keeping.tiers if self.settings.cache else None,
            edition=self.editions.now,
            basis=lambda edition: keeping.basis(edition, variant + self.voice),
            reach=self.reach.now,
            clock=self.clock,
            seconds=keeping.seconds,
            rephrased=self.rephrased if self.settings.semantic_cache == "answers" else None,
            note=self._note if self.settings.audit_days else lambda _question, _reply: None,
        )

    def _note(self, question: Question, reply: Mapping[str, Any]) -> None:
        self.chronicle.note(question, {**reply, "release": question.release} if question.release else reply)

    def _note_deep(self, question: Question, answer: Mapping[str, Any]) -> None:
        self.chronicle.note(question, answer, deep=True)

    @cached_property
    def replayer(self) -> Replayer:
        """Asks again what was asked before."""
        from cmo.stories.replay import Replayer  # noqa: PLC0415

        return Replayer(self.record.answers, self.record, self.oracle, cmo.__version__, self._in_steps_again)

    def _in_steps_again(self, question: Question) -> Mapping[str, Any]:
        return self.deep.again(question)

    @cached_property
    def recalls(self) -> BuiltRecalls:
        """Who answers by each release."""
        from cmo.cast.delivering import BuiltRecalls  # noqa: PLC0415

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
        from cmo.cast.delivering import Delivering  # noqa: PLC0415

        return Delivering(
            self.delivery,
            self.settings,
            self.clock,
            prepare=self.recalls.make,
            support=self._support_of,
            told=self.tell_of_release,
            hears=self.fanout,
        )

    def tell_of_release(self, rollout: StoredRollout, status: Status, judged: Judged) -> None:
        """People hear of what was taken back, held, promoted, or waits for them."""
        from cmo.cast.delivering import notice_of  # noqa: PLC0415

        if (notice := notice_of(rollout, status, judged)) is not None:
            self.trials.notifier.tell(notice)

    @cached_property
    def released(self) -> Released:
        """Answers questions by the release that each asker has."""
        from cmo.cast.released import Released  # noqa: PLC0415

        return Released(self.delivering.traffic, self.recalls, self.reach.now, self.clock)

    @cached_property
    def rephrased(self) -> Rephrased:
        """Finds the same question in other words."""
        from cmo.cache.semantic import SemanticTier  # noqa: PLC0415
        from cmo.stories.rephrased import Rephrased  # noqa: PLC0415

        return Rephrased(SemanticTier(self.guard, lambda: self.questions, self.audit), self.executor)

    @cached_property
    def audit(self) -> Audit:
        """Whether questions in other words may share a reply."""
        from cmo.cache.semantic import Audit  # noqa: PLC0415
        from cmo.kit.chance import CHANCE  # noqa: PLC0415

        return Audit(self.folder / "semantic_audit.json", CHANCE)

    @cached_property
    def trials(self) -> Trials:
        """What is tried out, and who is told."""
        from cmo.cast.trials import Trials  # noqa: PLC0415

        return Trials(
            self.settings,
            self.clock,
            self.folder,
            store=lambda: self.record.experiments,
            unseen=self.unseen,
            support=self._support_of,
        )

    @cached_property
    def tried(self) -> Tried:
        """Answers questions by what is in place, and tries out what is to be tried."""
        from cmo.cast.tried import Tried  # noqa: PLC0415

        trials = self.trials
        return Tried(
            self.released,
            self.recalls,
            self.reach.now,
            self.clock,
            laboratory=trials.laboratory,
            shadow=trials.shadow,
        )

    def unseen(self, bundle: Bundle, question: Question) -> Mapping[str, Any]:
        """A reply by a bundle that nobody sees, as it would be sent: not kept, not written down, paid from what is spare.

        Raises:
            OverBudget: money is short, and this can be left out.
        """
        settings, reach = self.settings, self.reach.now()
        engine = settings.engine if bundle.engine is None else bundle.engine
        routing = settings.routing if bundle.routing is None else bundle.routing
        if engine == "lightrag" or settings.llm_url:
            accounts = self.treasury.budget.accounts(UNSEEN)
            if not all(account.rung.admits(Need.OPTIONAL) for account in accounts):
                raise OverBudget("Money is short: nothing is answered that nobody sees.")
        asked = replace(bundle.on(question, reach), payer=UNSEEN)
        oracle = self._oracle(engine, routing=routing, least=bundle.min_confidence)
        return wire.reply(oracle.reply(replace(asked, reach=asked.reach or reach)))

    @cached_property
    def deep(self) -> Deep:
        """Answers questions of several parts, step by step; a language model plans where one is set."""
        from cmo.agents import Deep, Planner, Proposer, chain  # noqa: PLC0415
        from cmo.llm import Bill  # noqa: PLC0415

        def names(text: str) -> Sequence[Mention]:
            linker = self._linker()
            return linker.link_question(text) if linker else ()

        def between(text: str) -> Sequence[str]:
            snapshot = self.snapshots.current()
            return chain(snapshot.graph, names(text)) if snapshot and snapshot.graph else ()

        def refused(text: str) -> bool:
            return self.settings.routing and self.router.route(text, self.conditions).refuses

        chat = self.chat.billed(Bill("deep")) if self.chat else None
        plans = Proposer(chat, Planner(names, between), refused)
        note = self._note_deep if self.settings.audit_days else lambda _question, _answer: None
        path, seal = self.folder / "deep.sqlite3", self.seal
        return Deep(lambda: self.oracle, plans, path, self.clock, lambda: self.support, note=note, seal=seal)

    def sibling(self, tenant: str) -> App:
        """The house of another tenant, for the caller to close: it shares models and money, and nothing that was said.

        Raises:
            AccessRefused: no tenant can be called that.
            StoreError: its database cannot be made.
        """
        return _Sibling(lodged(self.settings, tenant), self)

    @cached_property
    def beside(self) -> Beside:
        """Looks around a sentence: its neighbours, and what other papers say to the same."""
        from cmo.stories.beside import Beside  # noqa: PLC0415

        def atlas() -> Atlas | None:
            try:
                return self.atlas()
            except NotFound:  # there is no graph yet
                return None

        return Beside(self.record, self.retriever, lambda: self.support, atlas=atlas, linker=lambda: self.linker)

    def atlas(self) -> Atlas:
        """Looks at the graph of the newest snapshot.

        Raises:
            NotFound: there is no graph.
        """
        from cmo.stories.atlas import Atlas  # noqa: PLC0415

        snapshot = self.snapshots.current()
        if snapshot is None or snapshot.graph is None:
            raise NotFound("There is no graph yet. Ingest papers; `cmo kb rebuild` reads those that are there already.")
        return Atlas(snapshot.graph, snapshot, lambda: self.linker)

    def close(self) -> None:
        """Give everything back."""
        if "trials" in self.__dict__:
            self.trials.close()
        super().close()


class _Sibling(App):
    """The house of another tenant. What is shared is the front house's own, opened there when it is first needed."""

    def __init__(self, settings: Settings, front: App) -> None:
        super().__init__(settings)
        self.workers = front.workers
        self._front = front

    @cached_property
    def encoder(self) -> Encoder:
        """The model."""
        return self._front.encoder

    @cached_property
    def entailment(self) -> Entailment | None:
        """What says what follows from what."""
        return self._front.entailment

    @cached_property
    def linker(self) -> Linker:
        """Names to concepts: vocabularies are no secret."""
        return self._front.linker

    @cached_property
    def outside(self) -> Outside:
        """Language models and the web."""
        return self._front.outside

    @cached_property
    def treasury(self) -> Treasury:
        """The money, which is of all; every call says for which tenant it was."""
        return self._front.treasury

    def close(self) -> None:
        """Give back what is its own."""
        self.__dict__.pop("outside", None)
        super().close()


@contextmanager
def opened(settings: Settings) -> Iterator[App]:
    """An app for the length of a block.

    Raises:
        StoreError: the operating system refuses something in the app's folder.
    """
    app = App(based(settings))
    try:
        yield app
    except OSError as error:
        if not Path(str(error.filename or "")).absolute().is_relative_to(app.folder.absolute()):
            raise
        what = f"The knowledge base {app.folder} cannot be used ({error.filename}: {error.strerror})."
        raise StoreError(f"{what} Check its permissions, or name another folder with CMO_HOME or --home.") from error
    finally:
        app.close()
