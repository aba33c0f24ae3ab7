"""A word in every key. Another word, and nothing that was kept before is found again, wherever it may lie.

It stands in a file, so that all processes of a knowledge base take it up with their next question. If it cannot be
written, this process at least goes on with a word of its own.
"""

from __future__ import annotations

import logging
import re
import secrets
from pathlib import Path

from cmo.kit.hot import HotFile

log = logging.getLogger("cmo.cache")
_WORD = re.compile(rb"[0-9a-f]{16}")


class Era:
    """The word.

    Args:
        path: its file; there is none before the first change.
    """

    def __init__(self, path: Path) -> None:
        self._hot = HotFile(path, decode=_decode, encode=str.encode, default=str)
        self._own = ""

    def now(self) -> str:
        """The word that holds now."""
        return self._hot.now() + self._own

    def renew(self) -> None:
        """Take another."""
        try:
            self._hot.change(secrets.token_hex(8))
        except OSError as error:
            log.warning("other processes may still find what was kept: %s", error)
            self._own = secrets.token_hex(8)


def _decode(data: bytes) -> str:
    if not _WORD.fullmatch(data):
        raise ValueError("this is no era")
    return data.decode()
