"""Who does something, for whoever writes it down: said once at the rim, known all the way down, also in threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

SOMEBODY: Final = "somebody"
_WHO: ContextVar[str] = ContextVar("cmo_actor", default=SOMEBODY)


def actor() -> str:
    """Who does what is being done."""
    return _WHO.get()


@contextmanager
def acting(name: str) -> Iterator[None]:
    """Say who does what is done meanwhile."""
    token = _WHO.set(name)
    try:
        yield
    finally:
        _WHO.reset(token)
