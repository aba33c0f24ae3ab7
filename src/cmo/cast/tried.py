"""The story of a question beside what is tried out: which experiment, which arm, and what a candidate would have said.

::

    asker --experiment?--> arm --has a release--> its recall --fails--> what is in place answers; the failure is counted
                '--no, or the control----------> what is in place
    reply --told at once--> the asker
        '--later, unseen--> the shadow's candidate; the experiment's scores

Nobody waits for either, and nobody's question fails because of one.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cmo.cast.released import Recalls, Released, ReleasedReply
from cmo.delivery.experiment_live import Answered, Enrolled, Laboratory
from cmo.delivery.shadow import Shadow
from cmo.delivery.talks import CONVERSATION_SECONDS
from cmo.delivery.traffic import Asker
from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.model.questions import Question, Reach
from cmo.stories.recall import Told

_FAULT: Final = 500
"""HTTP status from which an error is the service's, not the asker's."""
_ID: Final = re.compile(rb'"id":"([0-9a-f]{1,32})"')
"""Of the reply, which is told before those of its evidence."""
_REMEMBERED: Final = 50_000
"""Conversations."""
_SHORT: Final = 8
"""Words of a short question."""


class Tried:
    """Answers questions, and tries out what is to be tried.

    Args:
        released: answers by what is in place.
        recalls: who answers by each bundle.
        reach: how far the graph carries a search where nobody says otherwise.
        clock: for durations.
        laboratory: the experiments.
        shadow: the candidate that answers unseen; None where there is none.
    """

    def __init__(
        self,
        released: Released,
        recalls: Recalls,
        reach: Callable[[], Reach],
        clock: Clock,
        *,
        laboratory: Laboratory,
        shadow: Shadow | None = None,
    ) -> None:
        self._released = released
        self._recalls = recalls
        self._reach = reach
        self._clock = clock
        self._laboratory = laboratory
        self._shadow = shadow
        self._talking: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def ask(self, question: Question, asker: Asker, *, anew: bool = False) -> ReleasedReply:
        """Answer a question.

        Raises:
            Whatever the baseline raises.
        """
        trial, enrolled = self._laboratory.trial(), None
        if trial is not None and (unit := self._unit(asker)):
            enrolled = self._laboratory.enrol(trial, unit, asker.cohort or part(question))
        if enrolled is None:
            reply = await self._released.ask(question, asker, anew=anew)
        else:
            reply = await self._enrolled(question, asker, enrolled, anew=anew)
        if self._shadow is not None:
            self._shadow.offer(question, lambda: reply.told.facts)
        return reply

    def _unit(self, asker: Asker) -> str:
        """Who is put into an arm: for the length of a conversation who they were at its beginning, before a login too."""
        if not asker.session:
            return asker.unit
        now = self._clock.monotonic()
        unit, seen = self._talking.get(asker.session, (asker.unit, now))
        if now - seen >= CONVERSATION_SECONDS:
            unit = asker.unit
        self._talking[asker.session] = unit, now
        self._talking.move_to_end(asker.session)
        if len(self._talking) > _REMEMBERED:
            self._talking.popitem(last=False)
        return unit

    async def _enrolled(self, question: Question, asker: Asker, enrolled: Enrolled, *, anew: bool) -> ReleasedReply:
        began = self._clock.monotonic()
        answered: Answered | None = None
        blamed = True  # for whatever else happens than a reply, or what follows
        try:
            reply = await self._by_arm(question, asker, enrolled, anew=anew)
            answered = _answered(question, reply.told, self._clock.monotonic() - began)
        except asyncio.CancelledError:  # the asker hung up: no arm's fault
            blamed = False
            raise
        except OracleError as error:
            blamed = error.status >= _FAULT
            if not blamed or not enrolled.release:
                raise
            return replace(await self._released.ask(question, asker, anew=anew), arm="fallback")
        finally:
            if answered is not None or blamed:
                passed = self._clock.monotonic() - began
                self._laboratory.saw(enrolled, answered or Answered(question, "", passed, failed=True))
        return reply

    async def _by_arm(self, question: Question, asker: Asker, enrolled: Enrolled, *, anew: bool) -> ReleasedReply:
        if not enrolled.release:
            return replace(await self._released.ask(question, asker, anew=anew), arm=enrolled.arm)
        return ReleasedReply(await self._by(enrolled, question, anew=anew), enrolled.release, enrolled.arm)

    async def _by(self, enrolled: Enrolled, question: Question, *, anew: bool) -> Told:
        bundle = enrolled.bundle
        recall = self._recalls.get(bundle)
        if recall is None:
            recall = await asyncio.to_thread(self._recalls.make, bundle)
        return await recall.ask(bundle.on(question, self._reach(), enrolled.release), anew=anew)


def part(question: Question) -> str:
    """Of the traffic, by what is known before the answer."""
    return "short questions" if len(question.text.split()) <= _SHORT else "long questions"


def _answered(question: Question, told: Told, seconds: float) -> Answered:
    """Read from the bytes as they are: a reply is long, and most of it is of no interest here."""
    found = _ID.search(told.body)
    refused = b'"answered":false' in told.body  # quotes inside strings are escaped, so this is the field itself
    return Answered(
        question,
        found[1].decode() if found else "",
        seconds,
        refused=refused,
        made=not told.cached,
        reply=lambda: told.facts,
    )
