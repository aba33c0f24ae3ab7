"""The story of a deep question: a plan, its questions one after another, and one answer of what they found.

::

    plan --> retrieve --> read --> check --> write
               ^           |         |
               '--refused: '         |   once more, through the graph
               '---------------------'   the next question of the plan

Each step is one node of a LangGraph graph and is kept before the next begins, so a thread whose process was killed goes on
where it was when the same question is asked again. Every question is answered by the Oracle, under the deadline and the
purse of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any, Final

from cmo.agents.nodes import Asks, Plans, Work, about, fresh
from cmo.agents.saved import MISSING, checkpoints, forget, tidy
from cmo.agents.state import Run
from cmo.errors import BadQuestion, ExtraMissing, NotFound, StoreLocked
from cmo.kit.clock import Clock
from cmo.kit.deadline import Until
from cmo.kit.seal import PLAIN, Seal
from cmo.model.ports import Scorer
from cmo.model.questions import Question

_THREAD = re.compile(r"[\w.:-]{1,100}")
Note = Callable[[Question, Mapping[str, Any]], None]
Sees = Callable[[str], bool]
"""Whether somebody may see what is kept under a name."""
_STEPS: Final = 60
"""Nodes that a run may visit: five questions, each tried twice."""


def _everything(_owner: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Progress:
    """One step that is done."""

    stage: str
    """``plan``, ``retrieve``, ``read``, ``check`` or ``write``."""
    text: str
    thread: str
    answer: Mapping[str, Any] | None = None
    """Of the last step: the whole answer, as JSON."""


class Deep:
    """Answers deep questions, one at a time in a thread of questions.

    Args:
        oracle: answers each step.
        plans: makes the plan.
        path: the file that threads are kept in.
        clock: for durations and dates.
        scorer: finds what contradicts what; None to look at the relations alone.
        note: told of each answer, to write it down.
        seal: seals what is kept of threads.
    """

    def __init__(
        self,
        oracle: Callable[[], Asks],
        plans: Plans,
        path: Path,
        clock: Clock,
        scorer: Callable[[], Scorer] | None = None,
        *,
        note: Note = lambda _question, _answer: None,
        seal: Seal = PLAIN,
    ) -> None:
        self._oracle = oracle
        self._plans = plans
        self._path = path
        self._clock = clock
        self._scorer = scorer
        self._note = note
        self._seal = seal
        self._busy: set[str] = set()
        self._lock = Lock()

    @staticmethod
    def installed() -> None:
        """Go on only where the extra is.

        Raises:
            ExtraMissing: it is not.
        """
        if find_spec("langgraph") is None:
            raise ExtraMissing(MISSING)

    def answer(self, question: Question, thread: str = "", until: Until | None = None) -> Mapping[str, Any]:
        """The answer as JSON (see `stream`)."""
        *_, last = self.stream(question, thread, until)
        return last.answer or {}

    def again(self, question: Question) -> Mapping[str, Any]:
        """The answer that would be given now, in no thread, and not written down."""
        thread = token_hex(8)
        try:
            *_, last = self._steps(question, thread, None)
        finally:
            self.forget(thread)
        return last.answer or {}

    def stream(
        self, question: Question, thread: str = "", until: Until | None = None, sees: Sees = _everything
    ) -> Iterator[Progress]:
        """Each step as it is done; the last one brings the answer.

        A question that the thread had begun and not finished is gone on with.

        Args:
            question: as admitted; its `max_cost` is for all steps together.
            thread: continues what was asked under this name; a new one where it is empty.
            until: when to stop; what is not asked by then is told as a gap.
            sees: whether whoever asks may see what another one began.

        Raises:
            ExtraMissing: the extra is not installed.
            NotFound: the thread is another's.
            BadQuestion: the thread's name cannot be one.
            StoreLocked: the thread is being worked on.
            OracleError: the question itself cannot be answered at all.
        """
        for progress in self._steps(question, _named(thread or token_hex(8)), until, sees):
            if progress.answer is not None:
                self._note(question, progress.answer)
            yield progress

    def _steps(
        self, question: Question, thread: str, until: Until | None, sees: Sees = _everything
    ) -> Iterator[Progress]:
        with self._held(thread), checkpoints(self._path, self._seal) as saver:
            work = Work(question, until, self._oracle, self._plans, self._clock, self._scorer)
            graph, config = _graph(work, saver), _config(thread)
            state = graph.get_state(config)
            owner = _owner(state.values)
            if owner is not None and not sees(owner):
                raise _unknown(thread)
            began = state.next and state.values.get("id") and state.values.get("about") == about(question)
            given = None if began else fresh(question, state.values.get("history", []), owner)
            if began:
                yield Progress("plan", f"goes on after {len(state.values.get('trace', []))} steps", thread)
            for update in _unwatched(graph.stream(given, config, stream_mode="updates", durability="sync")):
                for stage, change in update.items():
                    yield Progress(stage, change["trace"][-1]["text"], thread, _with(change.get("answer"), thread))
            tidy(saver, thread)

    def history(self, thread: str) -> list[dict[str, Any]]:
        """What was asked in a thread and is done, oldest first, each with its steps; nothing for one that nobody knows."""
        return list(self._values(thread).get("history", []))

    def thread(self, name: str, sees: Sees = _everything) -> dict[str, Any]:
        """A thread: what was asked in it and is done, and what was begun and can be gone on with.

        Raises:
            NotFound: nobody asked anything in it, or it is another's.
        """
        values = self._values(name)
        if (owner := _owner(values)) is None or not sees(owner):
            raise _unknown(name)
        begun = None
        if values.get("answer") is None:
            begun = {"question": values["question"], "agent_history": values["trace"]}
        return {"thread_id": name, "history": list(values.get("history", [])), "unfinished": begun}

    def _values(self, thread: str) -> dict[str, Any]:
        with checkpoints(self._path, self._seal) as saver:
            found = saver.get_tuple(_config(_named(thread)))
            return dict(found.checkpoint["channel_values"]) if found else {}

    def forget(self, thread: str) -> None:
        """Delete a thread with all that was asked in it; nothing happens to one that nobody knows.

        Raises:
            StoreLocked: it is being worked on.
        """
        with self._held(_named(thread)):
            forget(self._path, thread)

    def _held(self, thread: str) -> _Hold:
        return _Hold(self._busy, self._lock, thread)


class _Hold:
    """A thread that nobody else in this process works on meanwhile."""

    def __init__(self, busy: set[str], lock: Lock, thread: str) -> None:
        self._busy, self._lock, self._thread = busy, lock, thread

    def __enter__(self) -> None:
        with self._lock:
            if self._thread in self._busy:
                raise StoreLocked(f"The thread {self._thread!r} is being worked on. Wait for it, or name another one.")
            self._busy.add(self._thread)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._busy.discard(self._thread)


def _graph(work: Work, saver: Any) -> Any:
    """The graph, each node of which is kept before the next one begins.

    Raises:
        ExtraMissing: the extra is not installed.
    """
    try:
        from langgraph.graph import END, START, StateGraph  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(MISSING) from error
    graph = StateGraph(Run)
    for node in (work.plan, work.retrieve, work.read, work.check, work.write):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "retrieve")
    graph.add_edge("retrieve", "read")
    graph.add_conditional_edges("read", _after_reading, ["retrieve", "check"])
    graph.add_conditional_edges("check", _after_checking, ["retrieve", "write"])
    graph.add_edge("write", END)
    return graph.compile(checkpointer=saver)


def _after_reading(run: Run) -> str:
    step = run["steps"][run["at"]]
    again = step["reply"] is not None and not step["reply"]["answered"] and not step["gap"]
    return "retrieve" if again else "check"


def _after_checking(run: Run) -> str:
    return "retrieve" if run["at"] < len(run["steps"]) else "write"


def _unwatched(updates: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same, in a context of their own in which LangSmith, which LangGraph brings along, sends nothing anywhere."""
    from langsmith import tracing_context  # noqa: PLC0415 - comes with the extra

    context = copy_context()
    context.run(tracing_context(enabled=False).__enter__)
    while (update := context.run(next, updates, None)) is not None:
        yield update


def _owner(values: Mapping[str, Any]) -> str | None:
    """Who began a thread; None where nobody did."""
    return str(values.get("owner", "")) if values.get("id") else None


def _unknown(thread: str) -> NotFound:
    return NotFound(
        f"There is no thread {thread!r} of yours, or it is forgotten. A question under another name begins one."
    )


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}, "recursion_limit": _STEPS}


def _named(thread: str) -> str:
    if not _THREAD.fullmatch(thread):
        raise BadQuestion(
            f"{thread[:100]!r} cannot name a thread. Use letters, digits, and . : - _, at most 100 of them."
        )
    return thread


def _with(answer: Mapping[str, Any] | None, thread: str) -> Mapping[str, Any] | None:
    return None if answer is None else {**answer, "thread_id": thread}
