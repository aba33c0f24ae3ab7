"""The story of a question that may have been asked before: key -> kept? -> else the oracle -> keep.

::

    question, snapshot, settings --> key --> memory, disk, shared --> the reply as it was, with its age
                                                  '--nothing--> in other words? (`cmo.stories.rephrased`, where it is on)
                                                                  '--no--> the oracle --> the reply --> kept, if it may be

What is kept is the reply as it is sent, less what differs from one asking to the next; its timings stay those of its
making. Whoever has a name is told it under an id of their own. A refusal, or an answer of
which the papers are not sure, is kept for moments only. A reply that rests on another snapshot than its key says is
not kept at all: the papers changed while it was made.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from cmo import wire
from cmo.cache import Basis, Hit, Key, Made, Statistics, Tiers, Warmed, key_of, warm
from cmo.cache.warm import Progress
from cmo.engines import Source
from cmo.index.edition import Edition
from cmo.kit.clock import Clock
from cmo.kit.hashing import hex_hash
from cmo.model.audit import Facts
from cmo.model.questions import Question, Reach
from cmo.oracle import Oracle, Reply
from cmo.stories.rephrased import Elsewhere, Rephrased

DOUBTFUL: Final = 0.6
"""Confidence below which an answer is kept no longer than a refusal."""
DOUBTFUL_SECONDS: Final = 30.0
Note = Callable[[Question, Facts], None]
OF_THE_WEB: Final = 600.0
"""Seconds for what rests on pages of the web."""
_WEB: Final = frozenset((Source.WEB, Source.BOTH, Source.WEB_INSTEAD))
_BEGINS, _ENDS = b'{"id":"', b'",'
"""Of a kept reply, around its id, which is the first of its facts (see `cmo.wire.reply`)."""
_MOST_THEIRS: Final = 20_000
_NOTED_AGAIN_SECONDS: Final = 60.0
"""An answer that was erased is written down again when somebody asks again; one that is there stays as it is."""
_OF_ONE_ASKING: Final = ("question", "processing_time_ms", "cached", "age_seconds", "cost_usd")


@dataclass(frozen=True, slots=True)
class Told:
    """A reply as JSON, and where it comes from."""

    body: bytes
    tier: str = ""
    """Where it was kept; empty if it was made now."""
    age: float = 0.0
    """Seconds since it was made."""
    made: Facts | None = field(default=None, repr=False, compare=False)
    """What the reply says, where it was made just now, for who looks at it once: as it is before it is JSON."""

    @property
    def cached(self) -> bool:
        """Whether it was kept."""
        return bool(self.tier)

    @property
    def facts(self) -> dict[str, Any]:
        """The reply as a dictionary."""
        read: dict[str, Any] = orjson.loads(self.body)
        return read


class Recall:
    """Answers questions, from what is kept where that may be.

    Args:
        oracle: answers what nobody kept.
        tiers: where replies are kept; None where none are.
        edition: the snapshot that is current, if there is one.
        basis: what replies of a snapshot rest on.
        reach: how far the graph may carry a search, where a question does not say.
        clock: for durations.
        seconds: for how long a good reply may be kept.
        rephrased: finds the same question in other words; None where only the same words count.
        note: told of each answer that was made.
    """

    def __init__(
        self,
        oracle: Oracle,
        tiers: Tiers | None,
        *,
        edition: Callable[[], Edition | None],
        basis: Callable[[Edition], Basis],
        reach: Callable[[], Reach],
        clock: Clock,
        seconds: float,
        rephrased: Rephrased | None = None,
        note: Note = lambda _question, _reply: None,
    ) -> None:
        self._oracle = oracle
        self._tiers = tiers
        self._edition = edition
        self._basis = basis
        self._reach = reach
        self._clock = clock
        self._seconds = seconds
        self._rephrased = rephrased
        self._note = note
        self._scope: str | None = None
        self._turning: set[asyncio.Task[None]] = set()
        self._theirs: OrderedDict[str, float] = OrderedDict()
        """Own names of kept answers that were written down lately, and when that is to be done again."""

    async def ask(self, question: Question, *, anew: bool = False) -> Told:
        """Answer a question.

        Args:
            question: as admitted.
            anew: whether to ask the oracle whatever is kept; its reply is kept instead.

        Raises:
            Whatever the oracle raises.
        """
        began = self._clock.monotonic()
        if question.reach is None:
            question = replace(question, reach=self._reach())  # it may change while the answer is made
        edition = self._edition()
        if self._tiers is None or edition is None:
            return _made((await self._made(question))[1])
        basis = self._basis(edition)
        key = key_of(question.text, basis, question.mode, question.filters, question.reach)
        if key is None:
            return _made((await self._made(question))[1])
        self._turn_to(self._tiers, key.scope)
        return await self._recalled(self._tiers, question, key, edition, anew=anew, began=began)

    async def warm(
        self, questions: Sequence[Question], *, at_once: int = 2, progress: Progress | None = None
    ) -> Warmed:
        """Have replies ready before anybody asks."""
        return await warm(questions, self.ask, at_once=at_once, progress=progress or (lambda _done, _total: None))

    def statistics(self) -> Statistics | None:
        """How often what is kept served; None where nothing is."""
        return None if self._tiers is None else self._tiers.statistics()

    async def aclose(self) -> None:
        """Finish what was begun in this loop, and give back what is open in it."""
        if self._turning:
            await asyncio.wait(self._turning)
        if self._tiers is not None:
            await self._tiers.aclose()

    async def _recalled(
        self, tiers: Tiers, question: Question, key: Key, edition: Edition, *, anew: bool, began: float
    ) -> Told:
        replies: list[Facts] = []
        elsewhere: list[Hit] = []

        async def make() -> Made:
            same = None if anew else await self._in_other_words(tiers, question, key, edition)
            if same is not None and not same.audited:
                elsewhere.append(same.hit)
                return Made(same.hit.value, 0.0)
            reply, facts = await self._made(question)
            replies.append(facts)
            stays = reply.answer.snapshot == edition.id and self._edition() == edition
            made = Made(_kept(facts), worth(reply, self._seconds) if stays else 0.0)
            if same is not None and self._rephrased is not None:
                await self._rephrased.compare(same.hit, reply)
            if made.seconds > DOUBTFUL_SECONDS and self._rephrased is not None:
                await self._rephrased.keep(question.text, self._ways(question, edition), key)
            return made

        hit = await (tiers.make(key, make) if anew else tiers.get_or_make(key, make))
        if replies and not hit.tier:
            return _made(replies[0])
        if elsewhere and not hit.tier:
            hit = replace(elsewhere[0], tier=f"{elsewhere[0].tier}-rephrased")
        return self._found(hit, question, round((self._clock.monotonic() - began) * 1000, 3))

    def _found(self, hit: Hit, question: Question, milliseconds: float) -> Told:
        """A kept reply for one asking; to whoever has a name it is an answer of their own, which is written down."""
        name = own_id(hit.value, question.payer.user)
        told = _found(hit, question, milliseconds, name)
        now = self._clock.monotonic()
        if name and now >= self._theirs.get(name, now):
            self._theirs[name] = now + _NOTED_AGAIN_SECONDS
            self._theirs.move_to_end(name)
            if len(self._theirs) > _MOST_THEIRS:
                self._theirs.popitem(last=False)
            self._note(question, told.facts)
        return told

    async def _made(self, question: Question) -> tuple[Reply, Facts]:
        """A reply, also as it is sent."""
        reply = await self._oracle.ask(question)
        facts = wire.reply(reply)
        self._note(question, facts)
        return reply, facts

    async def _in_other_words(self, tiers: Tiers, question: Question, key: Key, edition: Edition) -> Elsewhere | None:
        if self._rephrased is None:
            return None
        return await self._rephrased.find(tiers, question.text, key, self._ways(question, edition))

    def _ways(self, question: Question, edition: Edition) -> str:
        """All that a reply depends on besides the words of its question: the key of no words at all."""
        key = key_of("", self._basis(edition), question.mode, question.filters, question.reach)
        return key.digest if key else ""

    def _turn_to(self, tiers: Tiers, scope: str) -> None:
        """Forget what was known before the papers changed; at the beginning, whatever an earlier process left.

        Nobody waits for that: what is outdated is under keys that nobody asks for any more.
        """
        before, self._scope = self._scope, scope
        if before == scope:
            return
        work = tiers.drop(scope, others=True) if before is None else tiers.drop(before)
        self._turning.add(task := asyncio.get_running_loop().create_task(work))
        task.add_done_callback(self._turning.discard)


def worth(reply: Reply, seconds: float) -> float:
    """For how long a reply may be kept: less where it may be better in a moment, or rests on pages that move."""
    answer = reply.answer
    if answer.refusal is not None or answer.confidence < DOUBTFUL or reply.fleeting:
        return min(seconds, DOUBTFUL_SECONDS)
    return min(seconds, OF_THE_WEB) if reply.source in _WEB else seconds


def own_id(kept: bytes, user: str) -> str:
    """Under which id a kept reply is somebody's own: an answer is for whom it was given to, and one reply is given to many.

    Empty for who has no name: theirs is everybody's.
    """
    if not user or not kept.startswith(_BEGINS):
        return ""
    return hex_hash(kept[len(_BEGINS) : kept.index(_ENDS)].decode(), user, size=8)


def _kept(facts: Facts) -> bytes:
    """What stays the same from one asking to the next."""
    return orjson.dumps({name: value for name, value in facts.items() if name not in _OF_ONE_ASKING})


def _made(facts: Facts) -> Told:
    return Told(orjson.dumps(facts), made=facts)


def _found(hit: Hit, question: Question, milliseconds: float, name: str) -> Told:
    """A kept reply for one asking: what belongs to that is put before the rest, which is not read for it."""
    mine = {
        "question": question.text,
        "cached": bool(hit.tier),
        "age_seconds": round(hit.age, 3),
        "processing_time_ms": milliseconds,
        "cost_usd": 0.0,
    }
    rest = hit.value[1:]
    if name:
        mine, rest = {"id": name, **mine}, hit.value[hit.value.index(_ENDS) + len(_ENDS) :]
    return Told(orjson.dumps(mine)[:-1] + b"," + rest, hit.tier, hit.age)
