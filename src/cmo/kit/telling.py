"""Who hears of something while it is made: it goes along in the context, as the deadline does.

::

    with heard(by=queue.put): ... tell(fact) --> queue.put(fact)
    with without(Sentence):   ... tell(fact) --> the same, but no sentence: it is not known yet whether it stands
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Hear = Callable[[object], None]
_hearing: ContextVar[Hear | None] = ContextVar("cmo_hearing", default=None)


def tell(fact: object) -> None:
    """Tell whoever listens; in the thread that tells, so listeners are short."""
    if (hear := _hearing.get()) is not None:
        hear(fact)


def hearing() -> Hear | None:
    """Who listens in this context."""
    return _hearing.get()


@contextmanager
def heard(by: Hear | None) -> Iterator[None]:
    """Let somebody, or nobody, hear what is told in a block."""
    token = _hearing.set(by)
    try:
        yield
    finally:
        _hearing.reset(token)


@contextmanager
def without(kind: type) -> Iterator[None]:
    """Let nobody hear facts of a kind in a block."""
    hear = _hearing.get()

    def rest(fact: object) -> None:
        if hear is not None and not isinstance(fact, kind):
            hear(fact)

    with heard(None if hear is None else rest):
        yield
