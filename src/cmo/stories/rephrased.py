"""The story of a question that may have been asked in other words: find it -> its reply, now and then checked.

::

    question --the same, in other words?--> key of its reply --still kept?--> reply --one in twenty--> made anew as well
                                                                                                       and compared

Nothing is answered from here that asks for the present, and nothing at all once too many of the checked replies were
not those that would have been made. What goes wrong here costs a hit, never a reply.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from cmo import wire
from cmo.cache import Hit, Key, Tiers
from cmo.cache.semantic import SemanticStatistics, SemanticTier, Told
from cmo.errors import OracleError
from cmo.oracle import Reply

T = TypeVar("T")
log = logging.getLogger("cmo.cache")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A reply to the same question in other words."""

    hit: Hit
    audited: bool
    """Whether a reply is to be made all the same, and compared with this one."""


class Rephrased:
    """Looks for the same question among those whose replies are kept.

    Args:
        tier: knows the questions.
        executor: where questions are read and compared, so that the event loop stays free.
    """

    def __init__(self, tier: SemanticTier[Key], executor: Executor) -> None:
        self._tier = tier
        self._executor = executor

    async def find(self, tiers: Tiers, question: str, key: Key, scope: str) -> Elsewhere | None:
        """The reply to the same question in other words, if it is still kept.

        Args:
            tiers: where replies are kept.
            question: as admitted.
            key: of its own reply, which is not one in other words.
            scope: all that a reply depends on besides its question.
        """
        same = await self._run(lambda: self._tier.find(question, scope))
        if same is None or same.value == key:
            return None
        hit = await tiers.get(same.value)
        return None if hit is None else Elsewhere(hit, same.audited)

    async def keep(self, question: str, scope: str, key: Key) -> None:
        """Remember that the reply to a question is kept."""
        await self._run(lambda: self._tier.keep(question, scope, key))

    async def compare(self, kept: Hit, made: Reply) -> None:
        """Tell the audit what a reply in other words says, and what the question's own says."""
        before, now = told(orjson.loads(kept.value)), told(wire.reply(made))
        await self._run(lambda: self._tier.compared(before, now))

    @property
    def statistics(self) -> SemanticStatistics:
        """What was found, and how the audit stands."""
        return self._tier.statistics

    async def _run(self, work: Callable[[], T]) -> T | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except OracleError as error:  # the model or the vocabulary; whoever answers the question finds out for itself
            log.warning("a question is not looked for in other words: %s", error)
            return None


def told(facts: Mapping[str, Any]) -> Told:
    """What a reply says, by its papers and sentences."""
    papers = frozenset(citation["paper_id"] for citation in facts["citations"])
    return Told(papers, frozenset(sentence["text"] for sentence in facts["sentences"]), facts["refusal"] is not None)
