"""A service asked by a second process (`cmo.bench.asker`), and what is wrong with its replies said at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import orjson

from cmo.bench.job import Heard, Job
from cmo.errors import NotFound

_LOOKS: Final = 0.5
"""Seconds between two looks at whether it is done."""
_PATIENCE: Final = 90.0


def asked(job: Job, meanwhile: Callable[[float], object] | None = None, *, wrong: int = 0) -> Heard:
    """Have a service asked.

    Args:
        job: what, and how.
        meanwhile: called now and then with the seconds since the asker was started.
        wrong: replies that may be.

    Raises:
        NotFound: more replies were broken or wrong, or the asker failed.
    """
    command = [sys.executable, "-m", "cmo.bench.asker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asker:  # noqa: S603 - our own
        try:
            assert asker.stdin is not None
            asker.stdin.write(orjson.dumps(asdict(job)))
            asker.stdin.close()
            asker.stdin = None
            began = time.monotonic()
            said = _until_done(asker, began, job.warm_seconds + job.seconds + _PATIENCE, meanwhile)
        finally:
            asker.kill()
    if asker.returncode:
        raise NotFound(f"The process that asks ended with {asker.returncode}; what it wrote stands above.")
    heard = Heard.read(said)
    if heard.wrong > wrong:
        told = f"{heard.wrong} of {sum(heard.statuses.values())} replies were wrong ({heard.statuses})"
        raise NotFound(f"{told}; one of them: {heard.example}")
    return heard


def _until_done(
    asker: subprocess.Popen[bytes], began: float, patience: float, meanwhile: Callable[[float], object] | None
) -> bytes:
    while True:
        try:
            return asker.communicate(timeout=_LOOKS)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() - began > patience:
                raise NotFound(f"The process that asks did not end within {patience:g} s.") from None
            if meanwhile is not None:
                meanwhile(time.monotonic() - began)


def cores() -> int:
    """That both share."""
    return len(os.sched_getaffinity(0))
