"""Conversations, kept in a file of this machine (SQLite), sealed where the service seals, for as long as answers are.

::

    person --< thread --< step: a message, or a step on the way to one; its rating
                    '---< element: a page beside an answer
                    '---- gone: what was deleted, and is not to come back by what a tab still tells

Steps and elements are what Chainlit makes of them, as JSON: they are its own business. This file knows no Chainlit, so that
`cmo privacy` tells and erases conversations where it is not installed. Calls come from one thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from cmo.errors import StoreError
from cmo.kit.clock import Clock
from cmo.kit.seal import Seal

FILE: Final = "threads.sqlite3"
_FORM: Final = 1
"""Of the file; 0 had neither `parent` nor `answer`, and names and comments as they are."""
_NAME_CHARS: Final = 80
_TIDY_AGAIN: Final = timedelta(hours=1)
_WAITS: Final = 10.0
"""Seconds for which another process may write."""
_TABLES: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS person (id TEXT PRIMARY KEY, identifier TEXT UNIQUE NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS thread (id TEXT PRIMARY KEY, at TEXT NOT NULL, name BLOB, person TEXT, metadata BLOB);
CREATE TABLE IF NOT EXISTS step (
  id TEXT PRIMARY KEY, thread TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL, rating INTEGER, comment BLOB,
  parent TEXT, answer TEXT
);
CREATE INDEX IF NOT EXISTS step_of ON step (thread, at);
CREATE TABLE IF NOT EXISTS element (id TEXT PRIMARY KEY, thread TEXT NOT NULL, step TEXT, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS element_of ON element (thread);
CREATE TABLE IF NOT EXISTS gone (thread TEXT PRIMARY KEY, at TEXT NOT NULL);
"""
_FROM_0: Final = """
ALTER TABLE step ADD COLUMN parent TEXT;
ALTER TABLE step ADD COLUMN answer TEXT;
UPDATE step SET parent = json_extract(body, '$.parentId'), answer = json_extract(body, '$.metadata.answer_id');
UPDATE step SET comment = json_quote(comment) WHERE comment IS NOT NULL;
UPDATE thread SET name = json_quote(name) WHERE name IS NOT NULL;
"""
_SEALED: Final = (
    ("thread", "name"),
    ("thread", "metadata"),
    ("step", "body"),
    ("step", "comment"),
    ("element", "body"),
)
Row = tuple[Any, ...]


class History:
    """Conversations of a file, which is made where there is none.

    Args:
        path: the file.
        clock: for dates.
        seal: seals what was said. What was kept before there was a key is sealed at once.
        days: for how long a conversation is kept after it began.

    Raises:
        StoreError: the file cannot be used.
    """

    def __init__(self, path: Path, clock: Clock, seal: Seal, days: float) -> None:
        self._clock = clock
        self._seal = seal
        self._kept = timedelta(days=days)
        self._tidied: datetime | None = None
        path.touch(mode=0o600)
        try:
            self._connection = sqlite3.connect(path, _WAITS, check_same_thread=False, isolation_level=None)
            self._begin()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{path} cannot be used ({error}). Delete it: only the chat's history is lost.") from error

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    # -- people --------------------------------------------------------------------------------------------------

    def person(self, identifier: str) -> tuple[str, str] | None:
        """Id of a person by name, and since when they are known."""
        found = self._rows("SELECT id, at FROM person WHERE identifier = ?", identifier)
        return (found[0][0], found[0][1]) if found else None

    def meet(self, identifier: str) -> None:
        """Know a person from now on: by the same id as before, should they have been erased."""
        self._rows("INSERT OR IGNORE INTO person VALUES (?, ?, ?)", _id_of(identifier), identifier, self._now())

    def said(self, user: str) -> list[Mapping[str, Any]]:
        """All conversations of somebody, oldest first, as they are kept."""
        return [self._whole(key) for key in self.threads(user)]

    def threads(self, user: str) -> list[str]:
        """Ids of them."""
        whose = "SELECT id FROM person WHERE identifier = ?"
        found = self._rows(
            f"SELECT id FROM thread WHERE person IN ({whose}) OR person = ? ORDER BY at",  # noqa: S608 - our own words
            *(user, _id_of(user)),
        )
        return [key for (key,) in found]

    def erase(self, user: str) -> int:
        """Delete them, and that there is such a person; returns how many there were."""
        threads = self.threads(user)
        for key in threads:
            self.drop(key)
        self._rows("DELETE FROM person WHERE identifier = ?", user)
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted is not to stay in the log
        return len(threads)

    def tidy(self) -> int:
        """Delete what is kept for longer than it may be; returns how many conversations."""
        self._tidied = now = self._clock.now()
        oldest = _stamp(now - self._kept)
        old = self._rows("SELECT id FROM thread WHERE at < ?", oldest)
        for (key,) in old:
            self.drop(key)
        self._rows("DELETE FROM gone WHERE at < ?", oldest)
        return len(old)

    # -- conversations -------------------------------------------------------------------------------------------

    def author(self, thread: str) -> str:
        """Whose conversation it is; empty for nobody's."""
        found = self._rows(
            "SELECT identifier FROM thread JOIN person ON person.id = thread.person WHERE thread.id = ?", thread
        )
        return str(found[0][0]) if found else ""

    def note(self, thread: str, name: str | None, person: str | None, metadata: Mapping[str, Any] | None) -> None:
        """What is known of a conversation, as far as it is told."""
        if not self._here(thread):
            return
        short = None if name is None else self._closed(" ".join(name.split())[:_NAME_CHARS], thread)
        told = None if metadata is None else self._closed(dict(metadata), thread)
        self._rows(
            "UPDATE thread SET name = coalesce(?, name), person = coalesce(?, person), metadata = coalesce(?, metadata)"
            " WHERE id = ?",
            *(short, person, told, thread),
        )

    def drop(self, thread: str) -> None:
        """Forget a conversation for good."""
        self._rows("INSERT OR REPLACE INTO gone VALUES (?, ?)", thread, self._now())
        for table, column in (("element", "thread"), ("step", "thread"), ("thread", "id")):
            self._rows(f"DELETE FROM {table} WHERE {column} = ?", thread)  # noqa: S608 - our own names

    def listed(self, person: str, words: str) -> list[tuple[str, str, str | None]]:
        """A person's conversations, newest first, or those in which words were said: id, date and name."""
        self._tidy_now_and_then()
        found = self._rows("SELECT id, at, name FROM thread WHERE person = ? ORDER BY at DESC, rowid DESC", person)
        return [(key, at, self._open(name, key)) for key, at, name in found if not words or self._told(key, words)]

    def read(self, thread: str) -> dict[str, Any] | None:
        """A conversation with all that was said, as Chainlit has it."""
        found = self._rows("SELECT person FROM thread WHERE id = ?", thread)
        if not found:
            return None
        return {**self._whole(thread), "userId": found[0][0], "userIdentifier": self.author(thread), "tags": []}

    # -- what was said -------------------------------------------------------------------------------------------

    def keep(self, step: Mapping[str, Any]) -> None:
        """A message, or a step on the way to one, as it is now."""
        thread = str(step["threadId"])
        if not self._here(thread):
            return
        answer = (step.get("metadata") or {}).get("answer_id")
        self._rows(
            "INSERT INTO step (id, thread, at, body, parent, answer) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET body = excluded.body, parent = excluded.parent, answer = excluded.answer",
            *(step["id"], thread, step.get("createdAt") or self._now(), self._closed(dict(step), thread)),
            *(step.get("parentId"), answer),
        )

    def forget_step(self, step: str) -> None:
        """Forget one, and what stands beside it."""
        self._rows("DELETE FROM step WHERE id = ?", step)
        self._rows("DELETE FROM element WHERE step = ?", step)

    def rate(self, step: str, rating: int | None, comment: str | None) -> None:
        """What somebody thinks of it; None takes it back."""
        found = self._rows("SELECT thread FROM step WHERE id = ?", step)
        if found:
            sealed = None if comment is None else self._closed(comment, found[0][0])
            self._rows("UPDATE step SET rating = ?, comment = ? WHERE id = ?", rating, sealed, step)

    def answer_of(self, step: str) -> str | None:
        """The answer that a message is, or that stands beside it under the same question."""
        found = self._rows(
            "SELECT coalesce(answer, (SELECT other.answer FROM step AS other WHERE other.thread = step.thread AND"
            " other.answer IS NOT NULL AND other.parent IN (step.id, step.parent) ORDER BY other.at DESC LIMIT 1))"
            " FROM step WHERE id = ?",
            step,
        )
        return found[0][0] if found else None

    def keep_element(self, key: str, thread: str, step: str | None, body: Mapping[str, Any]) -> None:
        """A page beside an answer."""
        if self._here(thread):
            sealed = self._closed(dict(body), thread)
            self._rows("INSERT OR REPLACE INTO element VALUES (?, ?, ?, ?)", key, thread, step, sealed)

    def element(self, thread: str, key: str) -> Any:
        """One of them; None where it is not."""
        found = self._rows("SELECT body FROM element WHERE thread = ? AND id = ?", thread, key)
        return self._open(found[0][0], thread) if found else None

    def forget_element(self, key: str, thread: str | None) -> None:
        """Forget one."""
        self._rows("DELETE FROM element WHERE id = ? AND thread = coalesce(?, thread)", key, thread)

    # -- the file ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        old = {name for _, name, *_ in self._rows("PRAGMA table_info(step)")}
        if old and "parent" not in old:
            self._connection.executescript(f"BEGIN; {_FROM_0} COMMIT;")
        self._connection.executescript(_TABLES)
        self._rows(f"PRAGMA user_version = {_FORM}")
        if self._seal.hides:
            self._seal_what_is_plain()

    def _seal_what_is_plain(self) -> None:
        for table, column in _SEALED:
            place = "id" if table == "thread" else "thread"
            plain = self._rows(
                f"SELECT rowid, {place}, {column} FROM {table} WHERE substr(CAST({column} AS BLOB), 1, 1) <> x'01'"  # noqa: S608 - our own names
            )
            for row, thread, value in plain:
                sealed = self._closed(self._open(value, thread), thread)
                self._rows(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", sealed, row)  # noqa: S608 - as above

    def _here(self, thread: str) -> bool:
        """Whether a conversation is kept, from now on where it is new; one that was deleted does not come back."""
        self._tidy_now_and_then()
        if self._rows("SELECT 1 FROM gone WHERE thread = ?", thread):
            return False
        self._rows("INSERT OR IGNORE INTO thread (id, at) VALUES (?, ?)", thread, self._now())
        return True

    def _whole(self, thread: str) -> dict[str, Any]:
        ((at, name, metadata),) = self._rows("SELECT at, name, metadata FROM thread WHERE id = ?", thread)
        elements = self._rows("SELECT body FROM element WHERE thread = ? ORDER BY rowid", thread)
        return {
            "id": thread,
            "createdAt": at,
            "name": self._open(name, thread),
            "metadata": self._open(metadata, thread) or {},
            "steps": list(self._steps(thread)),
            "elements": [self._open(body, thread) for (body,) in elements],
        }

    def _steps(self, thread: str) -> Iterator[dict[str, Any]]:
        rows: Iterable[Row] = self._rows(
            "SELECT body, rating, comment FROM step WHERE thread = ? ORDER BY at, rowid", thread
        )
        for body, rating, comment in rows:
            step: dict[str, Any] = self._open(body, thread)
            if rating is not None:
                said = {"value": rating, "comment": self._open(comment, thread)}
                step["feedback"] = {"forId": step["id"], "id": step["id"], **said}
            yield step

    def _told(self, thread: str, words: str) -> bool:
        wanted = words.casefold()
        return any(
            wanted in str(step.get(part) or "").casefold()
            for step in self._steps(thread)
            for part in ("name", "input", "output")
        )

    def _tidy_now_and_then(self) -> None:
        if self._tidied is None or self._clock.now() - self._tidied >= _TIDY_AGAIN:
            self.tidy()

    def _closed(self, value: Any, thread: str) -> bytes:
        return self._seal.seal(orjson.dumps(value, default=str), _about(thread))

    def _open(self, value: bytes | str | None, thread: str) -> Any:
        if value is None:
            return None
        data = value.encode() if isinstance(value, str) else value
        return orjson.loads(self._seal.opened(data, _about(thread)))

    def _now(self) -> str:
        return _stamp(self._clock.now())

    def _rows(self, statement: str, *values: object) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()


def _about(thread: str) -> str:
    return f"conversation {thread}"


def _id_of(identifier: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"cmo-chat:{identifier}"))


def _stamp(moment: datetime) -> str:
    """As Chainlit's page reads it; sorts as time does."""
    return moment.isoformat().replace("+00:00", "Z")
