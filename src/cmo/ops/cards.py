"""Memory of graphics cards, as their driver's own tool tells it; nothing where there is none."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from cmo.kit.clock import Clock

EVERY_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 5.0
_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Card:
    """One of them."""

    index: str
    taken: int
    """Bytes."""
    size: int
    """Bytes."""


class Cards:
    """Looks, once in a while. For one thread.

    Args:
        clock: for the time between two looks.
        tool: that tells.
    """

    def __init__(self, clock: Clock, tool: str = "nvidia-smi") -> None:
        self._clock = clock
        self._tool = shutil.which(tool)
        self._looked = -EVERY_SECONDS
        self._cards: tuple[Card, ...] = ()

    def seen(self) -> tuple[Card, ...]:
        """Those that are there."""
        now = self._clock.monotonic()
        if self._tool is not None and now - self._looked >= EVERY_SECONDS:
            self._looked, self._cards = now, _read(self._tool)
        return self._cards


def _read(tool: str) -> tuple[Card, ...]:
    command = [tool, "--query-gpu=index,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=True)  # noqa: S603 - no word of it comes from outside
        rows = [line.split(",") for line in said.stdout.splitlines() if line.strip()]
        return tuple(Card(index.strip(), int(used) * _MEGABYTE, int(size) * _MEGABYTE) for index, used, size in rows)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
