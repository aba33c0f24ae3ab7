"""Where threads are kept: LangGraph's checkpoints in one SQLite file of the base, as JSON and nothing else.

LangGraph's own serializer rebuilds objects by the names of their classes, and can be told to fall back to what runs code
on load. Ours reads JSON: whoever can write to the file can change an answer, but run nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from cmo.errors import ExtraMissing, StoreCorrupt, StoreError
from cmo.kit.seal import PLAIN, Seal

MISSING = (
    'Deep mode needs the extra [agents]. Install it with `pip install "clinical-metabolomics-oracle[agents]"`, '
    "or ask without it: `cmo ask`."
)
MOST_THREADS = 1_000
"""Threads that are kept; the one that rested longest goes first."""
_ABOUT = "a thread of deep questions"
_WAITS = 10.0
"""Seconds for which another process may write."""


class JsonSerializer:
    """Values as JSON, under a seal; LangGraph's `SerializerProtocol`.

    Args:
        seal: seals them.
    """

    def __init__(self, seal: Seal = PLAIN) -> None:
        self._seal = seal

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """A value, and that it is JSON; an error, which LangGraph writes down when a step fails, as what it says."""
        return "json", self._seal.seal(orjson.dumps(obj, default=_said), _ABOUT)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value.

        Raises:
            StoreCorrupt: it is not JSON.
        """
        kind, text = data
        if kind != "json":
            raise StoreCorrupt(
                f"A checkpoint is kept as {kind!r}, which is not read here: only JSON is. Delete the file."
            )
        try:
            return orjson.loads(self._seal.opened(text, _ABOUT))
        except orjson.JSONDecodeError as error:
            raise StoreCorrupt(f"A checkpoint cannot be read: {error}. Delete the file that it is in.") from error


@contextmanager
def checkpoints(path: Path, seal: Seal = PLAIN) -> Iterator[Any]:
    """The checkpoints of a file, for the length of a block.

    Raises:
        ExtraMissing: the extra is not installed.
        StoreError: the file cannot be used.
    """
    try:
        from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(MISSING) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with _connected(path) as connection:
        yield SqliteSaver(connection, serde=JsonSerializer(seal))


def forget(path: Path, thread: str) -> None:
    """Delete all of a thread: with SQL alone, as who is to be forgotten need not wait for an extra.

    Raises:
        StoreError: the file cannot be used.
    """
    if not path.exists():
        return
    with _connected(path) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in tables & {"checkpoints", "writes"}:
            connection.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread,))  # noqa: S608 - fixed names


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=_WAITS, check_same_thread=False)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path} cannot be used ({error}). Delete it: only threads of deep questions are lost."
        ) from error


def tidy(saver: Any, thread: str) -> None:
    """Forget how a thread came to where it is, since what is done needs its last checkpoint only; and the oldest threads."""
    with saver.cursor() as cursor:
        newest = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :thread"
        kept = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY max(checkpoint_id) DESC LIMIT :most"
        for table in ("writes", "checkpoints"):
            cursor.execute(
                f"DELETE FROM {table} WHERE (thread_id = :thread AND checkpoint_id < ({newest})) OR thread_id NOT IN ({kept})",  # noqa: S608 - fixed names
                {"thread": thread, "most": MOST_THREADS},
            )


def _said(value: object) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    raise TypeError(type(value).__name__)
