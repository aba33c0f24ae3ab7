"""Who holds connections and says nothing: a process of its own. ``python -m cmo.bench.holder PORT COUNT``.

It writes how many it has once it has them, and for each line that it reads how many are still open.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from typing import Final

_SPARE: Final = 64
_SECONDS, _PAUSE = 5.0, 0.05
_WITHIN: Final = 15.0


def held(port: int, count: int) -> list[socket.socket]:
    """As many connections as can be had before the first of them are let go, count at most."""
    lines: list[socket.socket] = []
    ends = time.monotonic() + _WITHIN
    while len(lines) < count and time.monotonic() < ends:
        line = socket.socket()
        line.settimeout(_SECONDS)
        try:
            line.connect(("127.0.0.1", port))
        except OSError:  # no port, no descriptor, or a queue that is full: it may be there in a moment
            line.close()
            time.sleep(_PAUSE)
            continue
        line.setblocking(False)  # noqa: FBT003 - as the library has it
        lines.append(line)
    return lines


def still(line: socket.socket) -> bool:
    """Whether the other side has not closed it."""
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def main() -> None:
    """Hold them until standard input ends."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = held(port, min(count, hard - _SPARE))
    while True:
        sys.stdout.write(f"{sum(map(still, lines))}\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main()
