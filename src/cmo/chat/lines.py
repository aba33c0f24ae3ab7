"""Lines to the tabs: all tabs of a conversation hear what is said in it, whichever was asked, and whenever it was opened.

::

    tab --asks--> the answer --as it comes--> this tab, and those beside it
    tab --opened, reloaded, or its line is back, in the midst of an answer-->
        the conversation as it is by now --> the answer as far as it is said --> what is said from then on
    any tab --stop--> the answer is no longer made; `handlers` says so, in the language of the tab that asked

Chainlit tells an answer to the tab that asked alone, and only what happens from then on where a line was lost; and it says
in English that something was stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.utils import utc_now

from cmo.chat.threads import Threads

Tell = Callable[[str, Any], Awaitable[None]]
_STREAMED: Final = frozenset({"stream_start", "stream_token"})
_WHOLE: Final = frozenset({"new_message", "update_message", "delete_message"})
_SHARED: Final = (
    _STREAMED
    | _WHOLE
    | {"task_start", "task_end", "element", "remove_element", "action", "remove_action", "set_sidebar_elements"}
)
_ALONE: Final = ContextVar("alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Within it what is said is for its own tab: files that another one could not open, how a line begins."""
    before = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(before)


def tabs(session: WebsocketSession) -> list[WebsocketSession]:
    """A tab, and those beside it: of the same conversation and the same person."""
    beside = (other for other in ws_sessions_id.values() if other is not session and _same(session, other))
    return [session, *beside]


def busy(session: WebsocketSession) -> bool:
    """Whether an answer is being made in the conversation of a tab."""
    tasks = (tab.current_task for tab in tabs(session))
    return any(task is not None and not task.done() for task in tasks)


def mend(sio: Any, threads: Threads | None) -> None:
    """Let lines behave so.

    Args:
        sio: Chainlit's lines.
        threads: what was said; None where it is not kept, so that no conversation is opened twice.
    """
    sio.on("stop", _stop)
    if threads is not None:
        lines, chainlits = Lines(threads), sio.handlers["/"]
        for event, ours in (
            ("connect", lines.connect),
            ("connection_successful", lines.connected),
            ("client_message", lines.asked),
        ):
            sio.on(event, partial(ours, chainlits[event]))


async def _stop(sid: str) -> None:
    session = WebsocketSession.get(sid)
    for tab in [] if session is None else tabs(session):
        if tab.current_task is not None:
            tab.current_task.cancel()


class Line:
    """To one tab.

    Args:
        tell: sends an event.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._held: list[tuple[str, Any]] | None = None

    async def tell(self, event: str, data: Any) -> None:
        """Send an event, or keep it until the tab knows what came before."""
        if self._held is None:
            await self._tell(event, data)
        else:
            self._held.append((event, data))

    def hold(self) -> None:
        """Keep what is said from now on."""
        self._held = []

    async def resume(self, thread: Any, parts: list[dict[str, Any]]) -> None:
        """Tell a conversation, what is said so far of its answers, and then what was kept, which those hold in part.

        Args:
            thread: as it was kept since `hold`; None where there is none.
            parts: answers as far as they are said by now.
        """
        missed = [(event, data) for event, data in self._held or () if event not in _STREAMED]
        told = [] if thread is None else [("resume_thread", thread)]
        self._held = held = [*told, *missed, *(("stream_start", part) for part in parts)]
        while held:
            await self._tell(*held.pop(0))
        self._held = None


class Lines:
    """To all tabs. Chainlit's own handler of each event is the first argument of ours.

    Args:
        threads: what was said.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._lines: WeakKeyDictionary[WebsocketSession, Line] = WeakKeyDictionary()
        self._parts: dict[str, dict[str, dict[str, Any]]] = {}

    async def connect(self, chainlits: Callable[..., Awaitable[Any]], sid: str, environ: Any, auth: Any) -> Any:
        """A line is there, or there again."""
        told = await chainlits(sid, environ, auth)
        session = WebsocketSession.get(sid)
        if session is not None:
            self._lines[session] = Line(session.emit)
            session.emit = partial(self._say, session)
        return told

    async def connected(self, chainlits: Callable[[str], Awaitable[None]], sid: str) -> None:
        """A tab listens."""
        with alone():
            await chainlits(sid)
        session = WebsocketSession.get(sid)
        if session is None or not session.has_first_interaction:
            return
        if session.restored or len(tabs(session)) > 1:
            await self._catch_up(session, self._lines[session])

    async def asked(self, chainlits: Callable[[str, Any], Awaitable[None]], sid: str, payload: Any) -> None:
        """Somebody says something, which their own tab shows by itself."""
        session = WebsocketSession.get(sid)
        if session is not None:
            said = {**payload["message"], "threadId": session.thread_id, "createdAt": utc_now()}
            for tab in tabs(session)[1:]:
                await self._lines[tab].tell("new_message", said)
        await chainlits(sid, payload)

    async def _catch_up(self, session: WebsocketSession, line: Line) -> None:
        line.hold()
        thread = None
        try:
            await asyncio.sleep(0)  # what was said before is on its way to be kept
            thread = await self._threads.get_thread(session.thread_id)
        finally:
            parts = self._parts.get(session.thread_id, {}).values()
            await line.resume(thread, [dict(part) for part in parts])
        if busy(session):
            await line.tell("task_start", {})

    async def _say(self, session: WebsocketSession, event: str, data: Any) -> None:
        """What Chainlit tells a tab."""
        if _ALONE.get() or event not in _SHARED:
            await self._lines[session].tell(event, data)
            return
        self._note(session.thread_id, event, data)
        for tab in tabs(session):
            await self._lines[tab].tell(event, data)

    def _note(self, thread: str, event: str, data: Any) -> None:
        """Keep what is said of an answer until it is whole."""
        parts = self._parts.setdefault(thread, {})
        if event == "stream_start":
            parts[data["id"]] = dict(data)
        elif event == "stream_token" and (part := parts.get(data["id"])) is not None:
            part["output"] = data["token"] if data["isSequence"] else part["output"] + data["token"]
        elif event in _WHOLE:
            parts.pop(data["id"], None)
        elif event == "task_end":
            parts.clear()
        if not parts:
            del self._parts[thread]


def _same(one: WebsocketSession, other: WebsocketSession) -> bool:
    people = [tab.user.identifier if tab.user else None for tab in (one, other)]
    return one.thread_id == other.thread_id and people[0] == people[1] and not other.to_clear
