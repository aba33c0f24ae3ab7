"""A mark beside the base that says when a key was made last, so that no other process goes by what it knew before.

::

    key made --> kept by the store --> marked --> whoever made it is told
                                         '--seen by each process of the machine, at its next request
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class Mark:
    """A file of no content, whose time counts. Processes of other machines do not see it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """Say that a key was made. Where that cannot be said, others find out half a second later."""
        with contextlib.suppress(OSError):
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            os.utime(self._path)

    def seen(self) -> int:
        """Another number after each time; 0 for never. Costs a microsecond."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0
