"""Something of which each event loop needs its own: connections and tasks cannot change loops.

Whoever runs a loop for each of his calls closes what he had in it (`pop`), else it goes when the next loop comes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One for each running loop, made when it is first needed.

    Args:
        make: makes one.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}
        self._lock = threading.Lock()

    def here(self) -> T:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if (found := self._made.get(loop)) is None:
                for ended in [loop for loop in self._made if loop.is_closed()]:
                    del self._made[ended]
                found = self._made[loop] = self._make()
        return found

    def pop(self) -> T | None:
        """That of the running loop, if there is one, for whoever closes it."""
        with self._lock:
            return self._made.pop(asyncio.get_running_loop(), None)
