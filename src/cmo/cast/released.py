"""The story of a question under a release: whose is it -> which release -> answer -> what came of it.

::

    asker --traffic--> release --its recall--> reply ------------------> counted, for the gates
                                  '--the release fails--> the baseline answers; the failure is counted all the same

Nobody's question fails because a release does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cmo.delivery.flags import NEW
from cmo.delivery.observed import Outcome
from cmo.delivery.releases import BASELINE, Bundle
from cmo.delivery.traffic import Asker, Decided, Traffic
from cmo.errors import OracleError, OutOfTime
from cmo.kit.clock import Clock
from cmo.model.questions import Question, Reach
from cmo.stories.recall import Recall, Told

_FAULT: Final = 500
"""HTTP status from which an error is the service's, not the asker's."""
_COST: Final = re.compile(rb'"cost_usd":([0-9.eE+-]+)')
"""Of the reply; quotes inside strings are escaped, so this is the field itself."""


class Recalls(Protocol):
    """Who answers by a release."""

    def get(self, bundle: Bundle) -> Recall | None:
        """The one that is there; None where it is not built yet."""
        ...

    def make(self, bundle: Bundle) -> Recall:
        """The same, built where it is not there; may take long."""
        ...


@dataclass(frozen=True, slots=True)
class ReleasedReply:
    """A reply, and by which release it was made."""

    told: Told
    release: str
    arm: str


class Released:
    """Answers questions by the release that each asker has.

    Args:
        traffic: says which one that is, and counts what came of it.
        recalls: who answers by each.
        reach: how far the graph carries a search where nobody says otherwise.
        clock: for durations.
    """

    def __init__(self, traffic: Traffic, recalls: Recalls, reach: Callable[[], Reach], clock: Clock) -> None:
        self._traffic = traffic
        self._recalls = recalls
        self._reach = reach
        self._clock = clock

    async def ask(self, question: Question, asker: Asker, *, anew: bool = False) -> ReleasedReply:
        """Answer a question.

        Raises:
            Whatever the baseline raises.
        """
        decided = self._traffic.decide(asker)
        try:
            if decided.place is None:
                told = await self._told(question, decided.bundle, decided.release, anew=anew)
            else:
                told = await self._counted(question, decided, anew=anew)
        except OracleError as error:
            unable = decided.arm == NEW and error.status >= _FAULT and not isinstance(error, OutOfTime)
            if not unable or decided.bundle == decided.baseline:
                raise
            told = await self._told(question, decided.baseline, "", anew=anew)
            return ReleasedReply(told, "", "fallback")
        return ReleasedReply(told, decided.release, decided.arm)

    async def _counted(self, question: Question, decided: Decided, *, anew: bool) -> Told:
        began = self._clock.monotonic()
        told: Told | None = None
        gone = False
        try:
            told = await self._told(question, decided.bundle, decided.release, anew=anew)
        except asyncio.CancelledError:  # the asker hung up: no release's fault
            gone = True
            raise
        except OracleError as error:
            gone = error.status < _FAULT
            raise
        finally:
            if not gone:
                self._saw(decided, told, began)
        return told

    def _saw(self, decided: Decided, told: Told | None, began: float) -> None:
        # Quotes inside strings are escaped, so this is the field itself; it comes early in the text.
        if told is not None and told.cached:
            self._traffic.kept(decided, refused=b'"answered":true' not in told.body)
        else:
            self._traffic.saw(decided, _outcome(told, self._clock.monotonic() - began))

    async def _told(self, question: Question, bundle: Bundle, release: str, *, anew: bool) -> Told:
        recall = self._recalls.get(bundle)
        if recall is None:
            recall = await asyncio.to_thread(self._recalls.make, bundle)
        if bundle is not BASELINE:  # looking how far the graph may reach costs as much as deciding who gets what
            reach = self._reach() if bundle.reaches else None
            question = bundle.on(question, reach, release)
        return await recall.ask(question, anew=anew)


def _outcome(told: Told | None, seconds: float) -> Outcome:
    if told is None:
        return Outcome(seconds, failed=True)
    refused = b'"answered":true' not in told.body
    return Outcome(seconds, refused=refused, body=b"" if refused else told.body, scores=_cost(told.body))


def _cost(body: bytes) -> dict[str, float]:
    """What a reply that was made took, without reading the rest of it."""
    found = _COST.search(body, max(0, body.rfind(b'"cost_usd":')))
    return {} if found is None else {"cost": float(found[1])}
