"""An answer that was given, asked again: what would differ today, and why.

::

    what was asked --> the oracle, as it is now --> a reply --compare--> sentences, papers, and what else changed
    what was said  ------------------------------------------^

The same papers, program and settings say the same: answers from papers have no chance in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from cmo import wire
from cmo.model.audit import AnswerLog, Facts
from cmo.model.questions import Question
from cmo.oracle import Oracle
from cmo.store.record import Record
from cmo.stories.chronicle import question_of

_COMPARED: Final = ("answered", "confidence", "mode", "snapshot", "release")


class Fate(StrEnum):
    """What became of a paper that one of the two answers cites."""

    RETRACTED = "retracted"
    REPLACED = "replaced"
    """Another version of it is read now."""
    REMOVED = "removed"
    """It is not there any more."""
    NO_LONGER_CITED = "no longer cited"
    NEWLY_CITED = "newly cited"


@dataclass(frozen=True, slots=True)
class PaperChange:
    """A paper whose part in the answer is not what it was."""

    paper_id: str
    title: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer then and now."""

    id: str
    at: str
    """When it was given, ISO 8601."""
    question: str
    kept: tuple[str, ...]
    """Sentences that are said now as they were."""
    gone: tuple[str, ...]
    new: tuple[str, ...]
    papers: tuple[PaperChange, ...]
    changed: Mapping[str, tuple[Any, Any]]
    """What else differs: then and now."""
    reply: Facts
    """What is said now, whole."""

    @property
    def same(self) -> bool:
        """Whether a reader would see the same sentences of the same papers."""
        return not (self.gone or self.new or self.papers) and "answered" not in self.changed

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        facts = {**asdict(self), "same": self.same}
        facts["changed"] = {name: {"then": then, "now": now} for name, (then, now) in self.changed.items()}
        return facts


class Replayer:
    """Asks again.

    Args:
        answers: what was given.
        record: what became of its papers.
        oracle: who answers now.
        version: of this program.
        deep: answers in steps what was answered so.
    """

    def __init__(
        self, answers: AnswerLog, record: Record, oracle: Oracle, version: str, deep: Callable[[Question], Facts]
    ) -> None:
        self._answers = answers
        self._record = record
        self._oracle = oracle
        self._version = version
        self._deep = deep

    def replay(self, answer: str) -> Replay:
        """Ask again what an answer was given to.

        Raises:
            NotFound: there is no such answer, or it is forgotten.
        """
        given = self._answers.needed(answer)
        question = question_of(given.asked)
        now = self._deep(question) if given.asked.get("deep") else wire.reply(self._oracle.reply(question))
        then, said = _said(given.reply), _said(now)
        changed = _changed(given.reply, now)
        if given.version != self._version:
            changed["version"] = given.version, self._version
        return Replay(
            id=given.id,
            at=given.at.isoformat(),
            question=given.question,
            kept=tuple(s for s in then if s in said),
            gone=tuple(s for s in then if s not in said),
            new=tuple(s for s in said if s not in then),
            papers=tuple(self._papers(given.reply["citations"], now["citations"])),
            changed=changed,
            reply=now,
        )

    def _papers(self, then: Sequence[Facts], now: Sequence[Facts]) -> list[PaperChange]:
        cited, retracted = {c["paper_id"]: c for c in now}, self._record.retracted()
        current = {s.ref.paper_id: s.ref.version for s in self._record.papers()}
        found = []
        for paper in then:
            name = paper["paper_id"]
            if name in retracted:
                fate = Fate.RETRACTED
            elif name not in current:
                fate = Fate.REMOVED
            elif current[name] != paper["version"]:
                fate = Fate.REPLACED
            elif name not in cited:
                fate = Fate.NO_LONGER_CITED
            else:
                continue
            found.append(PaperChange(name, paper["title"], fate))
        before = {paper["paper_id"] for paper in then}
        return found + [
            PaperChange(name, paper["title"], Fate.NEWLY_CITED) for name, paper in cited.items() if name not in before
        ]


def _said(reply: Facts) -> list[str]:
    return [s["text"] for s in reply["sentences"]] or [reply["answer"]]


def _changed(then: Facts, now: Facts) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (then.get(name), now.get(name)) for name in _COMPARED}
    routes = [(reply.get("route") or {}).get("destination") for reply in (then, now)]
    pairs["destination"] = routes[0], routes[1]
    pairs["steps"] = _steps(then), _steps(now)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _steps(reply: Facts) -> list[str]:
    """The questions that were asked on the way; none of an answer that took no steps."""
    return [step["question"] for step in reply.get("steps", ())]
