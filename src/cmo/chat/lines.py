"""Lines to the tabs: one that broke and is there again hears what was said meanwhile; one that says stop is not answered twice.

::

    tab --line lost--> the answer goes on being made, and kept --line back--> the conversation as it is by now
        --stop--> the answer is no longer made; `handlers` says so, in the language of the tab

Chainlit takes a session up, and tells only what happens from then on; and it says in English that something was stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession

from cmo.chat.threads import Threads

_CONNECTED: Final = "connection_successful"


def mend(sio: Any, threads: Threads | None) -> None:
    """Let lines behave so.

    Args:
        sio: Chainlit's lines.
        threads: what was said; None where it is not kept, so that what a lost line missed is gone.
    """
    sio.on("stop", _stop)
    if threads is not None:
        sio.on(_CONNECTED, _told_meanwhile(sio.handlers["/"][_CONNECTED], threads))


async def _stop(sid: str) -> None:
    session = WebsocketSession.get(sid)
    if session is not None and session.current_task is not None:
        session.current_task.cancel()


def _told_meanwhile(connected: Callable[[str], Awaitable[None]], threads: Threads) -> Callable[[str], Awaitable[None]]:
    """Chainlit's handler, and then the conversation as it is by now."""

    async def again(sid: str) -> None:
        await connected(sid)
        session = WebsocketSession.get(sid)
        if session is None or not session.restored or not session.has_first_interaction:
            return
        emitter = init_ws_context(session).emitter
        if (thread := await threads.get_thread(session.thread_id)) is not None:
            await emitter.resume_thread(thread)
        if session.current_task is not None and not session.current_task.done():
            await emitter.task_start()

    return again
