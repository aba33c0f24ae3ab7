"""A value in a small file that may be changed while programs run: whoever asks gets what it says now.

Looking costs one `stat`. Several processes may share the file; it is replaced whole.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cmo.kit.files import write_atomic

T = TypeVar("T")
log = logging.getLogger("cmo.kit")


class HotFile(Generic[T]):
    """What a file says, or a default where there is no file.

    Args:
        path: the file.
        decode: its bytes to a value; raises ValueError where they are none.
        encode: the reverse.
        default: where there is no file, or none that can be read.
    """

    def __init__(
        self, path: Path, *, decode: Callable[[bytes], T], encode: Callable[[T], bytes], default: Callable[[], T]
    ) -> None:
        self._path = path
        self._decode = decode
        self._encode = encode
        self._default = default
        self._seen: tuple[int, int] | None = None
        self._value: T | None = None
        self._fault = ""
        self._lock = threading.Lock()
        self._amending = threading.Lock()

    def now(self) -> T:
        """The value that holds now."""
        try:
            facts = self._path.stat()
        except OSError:
            return self._default()
        mark = facts.st_mtime_ns, facts.st_ino
        with self._lock:
            if mark != self._seen:
                self._value, self._seen = self._read(), mark
            return self._default() if self._value is None else self._value

    def fault(self) -> str:
        """Why the file does not count and the default does, as a sentence; empty where it does, or is not there."""
        self.now()
        with self._lock:
            return self._fault if self._path.exists() else ""

    def change(self, value: T) -> None:
        """Let another value hold, here and in all other processes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._path, self._encode(value))
        with self._lock:
            self._seen = None  # two changes within a tick of the file system's clock may look alike

    def amend(self, amended: Callable[[T], T]) -> T:
        """Let what becomes of the value hold; of two threads that amend it at once neither undoes the other."""
        with self._amending:
            self.change(value := amended(self.now()))
        return value

    def _read(self) -> T | None:
        try:
            value = self._decode(self._path.read_bytes())
        except (OSError, ValueError) as error:
            # A question is answered by the default sooner than not at all.
            self._fault = f"{self._path} cannot be read and does not count: {error}"
            log.warning("%s", self._fault)
            return None
        self._fault = ""
        return value
