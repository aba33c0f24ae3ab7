"""Conversations, kept in a file of this machine (SQLite), so that they can be found and gone on with.

Steps and elements are what Chainlit makes of them, as JSON: they are its own business, and read by it alone. One thread
writes, in the order in which it is told, since Chainlit does not wait for one write before it orders the next.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from uuid import uuid4

import orjson
from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadFilter
from chainlit.user import PersistedUser, User

from cmo.kit.clock import Clock

P = ParamSpec("P")
T = TypeVar("T")
Rate = Callable[[str, int, str], Awaitable[None]]
"""Told of an answer's id, 1 to 5, and a comment."""
_RATINGS: Final = {0: 1, 1: 5}
"""A thumb down and up as the service counts."""
_NAME_CHARS: Final = 80
_TABLES: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS person (id TEXT PRIMARY KEY, identifier TEXT UNIQUE NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS thread (
  id TEXT PRIMARY KEY, at TEXT NOT NULL, name TEXT, person TEXT, metadata TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS step (
  id TEXT PRIMARY KEY, thread TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, rating INTEGER, comment TEXT
);
CREATE INDEX IF NOT EXISTS step_of ON step (thread, at);
CREATE TABLE IF NOT EXISTS element (id TEXT PRIMARY KEY, thread TEXT NOT NULL, step TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS element_of ON element (thread);
"""


class Threads(BaseDataLayer):  # type: ignore[misc] # its type is unknown where the extra is not installed
    """Conversations.

    Args:
        path: the file.
        clock: for dates.
        rate: told what people think of an answer.
        days: how long a conversation is kept.
    """

    def __init__(self, path: Path, clock: Clock, rate: Rate, days: float) -> None:
        self._clock = clock
        self._rate = rate
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(_TABLES)
        self._one = ThreadPoolExecutor(1, thread_name_prefix="cmo-chat-threads")
        oldest = _stamp(clock.now() - timedelta(days=days))
        for (thread,) in self._connection.execute("SELECT id FROM thread WHERE at < ?", (oldest,)).fetchall():
            self._drop(thread)

    async def close(self) -> None:
        """Give the file back."""
        await self._run(self._connection.close)
        self._one.shutdown()

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """A person by name."""
        rows = await self._rows("SELECT id, at FROM person WHERE identifier = ?", identifier)
        return PersistedUser(id=rows[0][0], createdAt=rows[0][1], identifier=identifier) if rows else None

    async def create_user(self, user: User) -> PersistedUser | None:
        """A person who was not there before."""
        await self._rows("INSERT OR IGNORE INTO person VALUES (?, ?, ?)", str(uuid4()), user.identifier, self._now())
        return await self.get_user(user.identifier)

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """A thumb up or down: goes to the service, with the answer that it is about."""
        answer = await self._answer_of(feedback.forId)
        if answer is not None:
            await self._rate(answer, _RATINGS[int(feedback.value)], feedback.comment or "")
        said = (int(feedback.value), feedback.comment, feedback.forId)
        await self._rows("UPDATE step SET rating = ?, comment = ? WHERE id = ?", *said)
        return str(feedback.forId)

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Take the thumb back here; the service keeps the last rating."""
        await self._rows("UPDATE step SET rating = NULL, comment = NULL WHERE id = ?", feedback_id)
        return True

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def create_element(self, element: Any) -> None:
        """A page beside an answer; what has no address is of its moment only."""
        body = element.to_dict()
        if body["url"] and body["threadId"]:
            row = (body["id"], body["threadId"], body["forId"], orjson.dumps(body).decode())
            await self._rows("INSERT OR REPLACE INTO element VALUES (?, ?, ?, ?)", *row)

    async def get_element(self, thread_id: str, element_id: str) -> Any:
        """One of them."""
        rows = await self._rows("SELECT body FROM element WHERE thread = ? AND id = ?", thread_id, element_id)
        return orjson.loads(rows[0][0]) if rows else None

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Forget one."""
        await self._rows("DELETE FROM element WHERE id = ? AND thread = coalesce(?, thread)", element_id, thread_id)

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def create_step(self, step_dict: Mapping[str, Any]) -> None:
        """A message, or a step on the way to one."""
        await self._keep(step_dict)

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def update_step(self, step_dict: Mapping[str, Any]) -> None:
        """The same, as it is now."""
        await self._keep(step_dict)

    @queue_until_user_message()  # type: ignore[untyped-decorator]
    async def delete_step(self, step_id: str) -> None:
        """Forget one."""
        await self._rows("DELETE FROM step WHERE id = ?", step_id)
        await self._rows("DELETE FROM element WHERE step = ?", step_id)

    async def get_favorite_steps(self, user_id: str) -> list[Any]:  # noqa: ARG002 - the layer's signature
        """None: the chat has no favourites."""
        return []

    async def get_thread_author(self, thread_id: str) -> str:
        """Whose conversation it is; empty for nobody's."""
        rows = await self._rows(
            "SELECT identifier FROM thread JOIN person ON person.id = thread.person WHERE thread.id = ?", thread_id
        )
        return str(rows[0][0]) if rows else ""

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,  # noqa: ARG002 - the layer's signature
    ) -> None:
        """What is known of a conversation, as far as it is told."""
        told = None if metadata is None else orjson.dumps(dict(metadata), default=str).decode()
        short = None if name is None else " ".join(name.split())[:_NAME_CHARS]
        await self._rows("INSERT OR IGNORE INTO thread (id, at) VALUES (?, ?)", thread_id, self._now())
        await self._rows(
            "UPDATE thread SET name = coalesce(?, name), person = coalesce(?, person), metadata = coalesce(?, metadata)"
            " WHERE id = ?",
            *(short, user_id, told, thread_id),
        )

    async def delete_thread(self, thread_id: str) -> None:
        """Forget a conversation."""
        await self._run(self._drop, thread_id)

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> Any:
        """A person's conversations, newest first, or those in which a word was said."""
        rows = await self._rows(
            "SELECT id, at, name FROM thread WHERE person = ? AND (? = '' OR EXISTS ("
            "SELECT 1 FROM step WHERE step.thread = thread.id AND instr(lower(body), lower(?)))) ORDER BY at DESC",
            *(filters.userId, filters.search or "", filters.search or ""),
        )
        ids = [row[0] for row in rows]
        start = ids.index(pagination.cursor) + 1 if pagination.cursor in ids else 0
        shown = rows[start : start + pagination.first]
        data = [{"id": i, "createdAt": at, "name": name, "steps": [], "metadata": {}} for i, at, name in shown]
        more = len(rows) > start + pagination.first
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return PaginatedResponse(PageInfo(hasNextPage=more, startCursor=first, endCursor=last), data)

    async def get_thread(self, thread_id: str) -> Any:
        """A conversation with all that was said."""
        rows = await self._rows("SELECT at, name, person, metadata FROM thread WHERE id = ?", thread_id)
        if not rows:
            return None
        at, name, person, metadata = rows[0]
        steps = await self._rows(
            "SELECT body, rating, comment FROM step WHERE thread = ? ORDER BY at, rowid", thread_id
        )
        elements = await self._rows("SELECT body FROM element WHERE thread = ? ORDER BY rowid", thread_id)
        return {
            "id": thread_id,
            "createdAt": at,
            "name": name,
            "userId": person,
            "userIdentifier": await self.get_thread_author(thread_id),
            "tags": [],
            "metadata": orjson.loads(metadata),
            "steps": [_step(*row) for row in steps],
            "elements": [orjson.loads(body) for (body,) in elements],
        }

    async def build_debug_url(self) -> str:
        """There is none."""
        return ""

    async def _keep(self, step_dict: Mapping[str, Any]) -> None:
        thread, at = str(step_dict["threadId"]), step_dict.get("createdAt") or self._now()
        await self._rows("INSERT OR IGNORE INTO thread (id, at) VALUES (?, ?)", thread, self._now())
        body = orjson.dumps(dict(step_dict), default=str).decode()
        await self._rows(
            "INSERT INTO step (id, thread, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            *(step_dict["id"], thread, at, body),
        )

    async def _answer_of(self, step_id: str) -> str | None:
        """The answer that a message is, or that stands beside it under the same question."""
        rows = await self._rows(
            "SELECT coalesce(json_extract(body, '$.metadata.answer_id'), (SELECT json_extract(other.body,"
            " '$.metadata.answer_id') FROM step AS other WHERE other.thread = step.thread AND json_extract(other.body,"
            " '$.metadata.answer_id') IS NOT NULL AND (json_extract(other.body, '$.parentId') IN"
            " (step.id, json_extract(step.body, '$.parentId'))) ORDER BY other.at DESC LIMIT 1)) FROM step WHERE id = ?",
            step_id,
        )
        return rows[0][0] if rows else None

    def _drop(self, thread: str) -> None:
        for table, column in (("element", "thread"), ("step", "thread"), ("thread", "id")):
            self._connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (thread,))  # noqa: S608 - our own names

    def _now(self) -> str:
        return _stamp(self._clock.now())

    async def _rows(self, statement: str, *values: object) -> list[Any]:
        return await self._run(lambda: self._connection.execute(statement, values).fetchall())

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._one, partial(work, *args, **kwargs))


def _stamp(moment: datetime) -> str:
    """As Chainlit's page reads it; sorts as time does."""
    return moment.isoformat().replace("+00:00", "Z")


def _step(body: str, rating: int | None, comment: str | None) -> dict[str, Any]:
    step: dict[str, Any] = orjson.loads(body)
    if rating is not None:
        step["feedback"] = {"forId": step["id"], "id": step["id"], "value": rating, "comment": comment}
    return step
