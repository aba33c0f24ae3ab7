"""Conversations as Chainlit keeps them and finds them again: its data layer, over `history`.

One thread writes, in the order in which it is told, since Chainlit does not wait for one write before it orders the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadFilter
from chainlit.user import PersistedUser, User

from cmo.chat.history import History

P = ParamSpec("P")
T = TypeVar("T")
Rate = Callable[[str, int, str], Awaitable[None]]
"""Told of an answer's id, 1 to 5, and a comment."""
_RATINGS: Final = {0: 1, 1: 5}
"""A thumb down and up as the service counts."""


class Threads(BaseDataLayer):  # type: ignore[misc] # its type is unknown where the extra is not installed
    """Conversations.

    Args:
        history: keeps them.
        rate: told what people think of an answer.
    """

    def __init__(self, history: History, rate: Rate) -> None:
        self._history = history
        self._rate = rate
        self._one = ThreadPoolExecutor(1, thread_name_prefix="cmo-chat-threads")

    async def close(self) -> None:
        """Give the file back."""
        await self._run(self._history.close)
        self._one.shutdown()

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """A person by name."""
        known = await self._run(self._history.person, identifier)
        return PersistedUser(id=known[0], createdAt=known[1], identifier=identifier) if known else None

    async def create_user(self, user: User) -> PersistedUser | None:
        """A person who was not there before."""
        await self._run(self._history.meet, user.identifier)
        return await self.get_user(user.identifier)

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """A thumb up or down: goes to the service, with the answer that it is about."""
        answer = await self._run(self._history.answer_of, feedback.forId)
        if answer is not None:
            await self._rate(answer, _RATINGS[int(feedback.value)], feedback.comment or "")
        await self._run(self._history.rate, feedback.forId, int(feedback.value), feedback.comment)
        return str(feedback.forId)

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Take the thumb back here; the service keeps the last rating."""
        await self._run(self._history.rate, feedback_id, None, None)
        return True

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def create_element(self, element: Any) -> None:
        """A page beside an answer; what has no address is of its moment only."""
        body = element.to_dict()
        if body["url"] and body["threadId"]:
            await self._run(self._history.keep_element, body["id"], body["threadId"], body["forId"], body)

    async def get_element(self, thread_id: str, element_id: str) -> Any:
        """One of them."""
        return await self._run(self._history.element, thread_id, element_id)

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Forget one."""
        await self._run(self._history.forget_element, element_id, thread_id)

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def create_step(self, step_dict: Mapping[str, Any]) -> None:
        """A message, or a step on the way to one."""
        await self._run(self._history.keep, dict(step_dict))

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def update_step(self, step_dict: Mapping[str, Any]) -> None:
        """The same, as it is now."""
        await self._run(self._history.keep, dict(step_dict))

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def delete_step(self, step_id: str) -> None:
        """Forget one."""
        await self._run(self._history.forget_step, step_id)

    async def get_favorite_steps(self, user_id: str) -> list[Any]:  # noqa: ARG002 - the layer's signature
        """None: the chat has no favourites."""
        return []

    async def get_thread_author(self, thread_id: str) -> str:
        """Whose conversation it is; empty for nobody's."""
        return await self._run(self._history.author, thread_id)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,  # noqa: ARG002 - the layer's signature
    ) -> None:
        """What is known of a conversation, as far as it is told."""
        await self._run(self._history.note, thread_id, name, user_id, metadata)

    async def delete_thread(self, thread_id: str) -> None:
        """Forget a conversation."""
        await self._run(self._history.drop, thread_id)

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> Any:
        """A person's conversations, newest first, or those in which a word was said."""
        rows = await self._run(self._history.listed, filters.userId or "", filters.search or "")
        ids = [row[0] for row in rows]
        start = ids.index(pagination.cursor) + 1 if pagination.cursor in ids else 0
        shown = rows[start : start + pagination.first]
        data: list[dict[str, Any]] = [
            {"id": i, "createdAt": at, "name": name, "steps": [], "metadata": {}} for i, at, name in shown
        ]
        more = len(rows) > start + pagination.first
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return PaginatedResponse(PageInfo(hasNextPage=more, startCursor=first, endCursor=last), data)

    async def get_thread(self, thread_id: str) -> Any:
        """A conversation with all that was said."""
        return await self._run(self._history.read, thread_id)

    async def build_debug_url(self) -> str:
        """There is none."""
        return ""

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._one, partial(work, *args, **kwargs))
