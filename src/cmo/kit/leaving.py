"""Whether whoever asked has gone: it goes along in the context, so that nothing is done, or paid, for nobody.

::

    a task that waits --cancelled--> leave() --> whoever reads a reply of the outside hangs up, in the thread of the task
                                        '------> `check` raises Left, in the thread that works

`Left` is no `Exception`, as with tasks that are cancelled: nobody takes it for a failure, tries again or asks elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

Errand = Callable[[], None]


class Left(BaseException):
    """Nobody waits for this any longer."""


class Leaving:
    """One question's. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errands: dict[int, Errand] = {}
        self._names = count()
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether nobody waits any longer."""
        return self._gone

    def leave(self) -> None:
        """Say that nobody waits any longer."""
        with self._lock:
            self._gone = True
            waiting, self._errands = list(self._errands.values()), {}
        for errand in waiting:
            errand()

    def then(self, errand: Errand) -> Errand:
        """Have something done when that is said; at once where it was. What is returned takes it back."""
        with self._lock:
            gone, name = self._gone, next(self._names)
            if not gone:
                self._errands[name] = errand
        if gone:
            errand()
        return lambda: self._forget(name)

    def _forget(self, name: int) -> None:
        with self._lock:
            self._errands.pop(name, None)


_current: ContextVar[Leaving | None] = ContextVar("cmo_leaving", default=None)


def current() -> Leaving:
    """The one of this context; one that nobody leaves where none is."""
    return _current.get() or Leaving()


def check() -> None:
    """Go on only while somebody waits.

    Raises:
        Left: nobody does.
    """
    if (leaving := _current.get()) is not None and leaving.gone:
        raise Left


@contextmanager
def noticing(leaving: Leaving) -> Iterator[None]:
    """Let what is done in a block notice it."""
    token = _current.set(leaving)
    try:
        yield
    finally:
        _current.reset(token)
