"""Ctrl-C that cannot get lost.

Python drops a KeyboardInterrupt that strikes inside a callback or a finaliser ("Exception ignored in …"); the command
would go on as if nobody had pressed a key. So it is noted as well, and looked for between two pieces of work.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """Gives what raises KeyboardInterrupt once the key was pressed; to be called between two pieces of work."""
    pressed = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
