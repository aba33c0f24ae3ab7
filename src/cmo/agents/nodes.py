"""The nodes of a deep question's graph: what is done in each step, and what is known after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Final, Protocol, cast

from cmo import wire
from cmo.agents.check import denied, reversed_by
from cmo.agents.plan import Plan
from cmo.agents.state import Run, Step
from cmo.agents.write import written
from cmo.errors import OracleError
from cmo.kit.clock import Clock
from cmo.kit.deadline import Until, affords, under
from cmo.kit.hashing import hex_hash
from cmo.model.answers import RefusalReason
from cmo.model.money import dollars
from cmo.model.ports import Scorer
from cmo.model.questions import Mode, Question
from cmo.oracle import Reply
from cmo.spend.purse import Purse, paying

_KEPT: Final = 50
"""Questions of a thread that are remembered."""
_LEAST: Final = 0.05
"""Seconds that a further question of the plan needs at least."""
_NO_TIME: Final = "The time was up before it was asked."
_NO_GOING_ON: Final = frozenset({RefusalReason.UNSAFE.value, RefusalReason.EMPTY_BASE.value})
"""Refusals of the question itself after which its parts are not asked."""


class Asks(Protocol):
    """Whoever answers one question; the Oracle does."""

    def reply(self, question: Question) -> Reply:
        """The answer, and what it took."""
        ...


class Plans(Protocol):
    """Whoever makes the plan."""

    def plan(self, question: str) -> Plan:
        """The questions, the whole one first."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """The nodes of the graph for one question."""

    question: Question
    until: Until | None
    oracle: Callable[[], Asks]
    plans: Plans
    clock: Clock
    scorer: Callable[[], Scorer] | None

    def plan(self, run: Run) -> Run:
        """The questions that are to be asked."""
        came = self.clock.monotonic()
        with under(self.until), paying(Purse(self.question.payer, run["id"], self._left(run))) as purse:
            plan = self.plans.plan(run["question"])
        steps = [
            Step(question=one.text, why=one.why, mode=self.question.mode.value, tries=0, reply=None, gap="")
            for one in plan.questions
        ]
        told = f"{_count(steps, 'question')}, by {plan.by}: " + " | ".join(one.text for one in plan.questions)
        cost = run["cost"] + purse.spent
        return self._update(
            run, "plan", told, came, Run(steps=steps, cost=cost, planned_by=plan.by, notice=plan.remark)
        )

    def retrieve(self, run: Run) -> Run:
        """Ask the question in hand."""
        came = self.clock.monotonic()
        step = run["steps"][run["at"]]
        asked = replace(self.question, text=step["question"], mode=Mode(step["mode"]), max_cost=self._left(run))
        with under(self.until):
            if run["at"] and not affords(_LEAST):
                return self._after(run, "retrieve", came, Step({**step, "gap": _NO_TIME}), _NO_TIME)
            try:
                reply = self.oracle().reply(asked)
            except OracleError as error:
                if not run["at"]:
                    raise  # nothing is answered yet, and whoever asks should know why
                return self._after(run, "retrieve", came, Step({**step, "gap": str(error)}), str(error))
        done = Step({**step, "tries": step["tries"] + 1, "reply": wire.reply(reply), "gap": ""})
        told = f"{step['question']} ({len(reply.answer.evidence)} pieces of evidence, {reply.milliseconds:.0f} ms)"
        return self._after(run, "retrieve", came, done, told, cost=reply.cost)

    def read(self, run: Run) -> Run:
        """What the answer says; where it is a refusal, the graph is tried before it is a gap."""
        came = self.clock.monotonic()
        step = run["steps"][run["at"]]
        reply = step["reply"]
        if reply is None:
            return self._after(run, "read", came, step, f"a gap: {step['gap']}")
        if reply["answered"]:
            told = f"{_count(reply['sentences'], 'sentence')} of {_count(reply['citations'], 'paper')}"
            return self._after(run, "read", came, step, told)
        reason = reply["refusal"]["reason"]
        if reason not in _NO_GOING_ON and step["tries"] == 1 and step["mode"] == Mode.HYBRID:
            return self._after(
                run, "read", came, Step({**step, "mode": Mode.MIX.value}), "not enough; once more through the graph"
            )
        return self._after(run, "read", came, Step({**step, "gap": reply["answer"]}), f"a gap: {reply['answer']}")

    def check(self, run: Run) -> Run:
        """What speaks against what was found, and whether to go on."""
        came = self.clock.monotonic()
        step = run["steps"][run["at"]]
        found = list(run["disputes"])
        if (reply := step["reply"]) is not None and not step["gap"]:
            before = [other["reply"] for other in run["steps"][: run["at"]] if other["reply"] and not other["gap"]]
            found += denied(reply)
            if self.scorer is not None and before:
                found += reversed_by(reply, before, self.scorer())
        disputes = list({dispute["text"]: dispute for dispute in found}.values())
        ends = not run["at"] and reply is not None and (reply["refusal"] or {}).get("reason") in _NO_GOING_ON
        told = _count(disputes[len(run["disputes"]) :], "contradiction")
        steps = run["steps"][:1] if ends else run["steps"]
        return self._update(run, "check", told, came, Run(disputes=disputes, at=run["at"] + 1, steps=steps))

    def write(self, run: Run) -> Run:
        """One answer of all."""
        came = self.clock.monotonic()
        answer = written(run["question"], run["steps"], run["disputes"])
        counted = ("sentence", answer["sentences"]), ("paper", answer["citations"]), ("gap", answer["gaps"])
        told = ", ".join(_count(things, name) for name, things in counted)
        update = self._update(run, "write", told, came, Run())
        answer |= {
            "id": run["id"],
            "mode": "deep",
            "planned_by": run["planned_by"],
            "notice": run["notice"],
            "cost_usd": dollars(run["cost"]),
            "processing_time_ms": round(update["milliseconds"], 3),
            "agent_history": update["trace"],
        }
        entry = {
            name: answer[name] for name in ("id", "question", "answer", "answered", "sources", "gaps", "agent_history")
        }
        entry["at"] = self.clock.now().isoformat()
        update["answer"] = answer
        update["history"] = [*run["history"], entry][-_KEPT:]
        update["steps"], update["disputes"] = [], []
        return update

    def _left(self, run: Run) -> int | None:
        most = self.question.max_cost
        return None if most is None else max(0, most - run["cost"])

    def _after(self, run: Run, stage: str, came: float, step: Step, told: str, *, cost: int = 0) -> Run:
        steps = [*run["steps"][: run["at"]], step, *run["steps"][run["at"] + 1 :]]
        return self._update(run, stage, told, came, Run(steps=steps, cost=run["cost"] + cost))

    def _update(self, run: Run, stage: str, told: str, came: float, changes: Run) -> Run:
        took = (self.clock.monotonic() - came) * 1000
        entry = {"agent": stage, "text": told, "milliseconds": round(took, 3)}
        rest = Run(trace=[*run["trace"], entry], milliseconds=run["milliseconds"] + took)
        return cast("Run", {**changes, **rest})


def fresh(question: Question, history: Sequence[Mapping[str, Any]] = (), owner: str | None = None) -> Run:
    """A run that has not begun, after what its thread was asked before; a thread stays whose it was."""
    return Run(
        id=token_hex(8), owner=question.payer.user if owner is None else owner, question=question.text, about=about(question), steps=[], at=0, disputes=[], trace=[],
        cost=0, milliseconds=0.0, answer=None, history=[dict(entry) for entry in history][-_KEPT:],
    )  # fmt: skip


def about(question: Question) -> str:
    """What is asked, so that another question is not taken for the one that was begun."""
    of = question.filters
    sets = (of.journals, of.sections, of.papers, of.without)
    return hex_hash(question.text, question.mode.value, repr((of.year_from, of.year_to, *map(sorted, sets))))


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
