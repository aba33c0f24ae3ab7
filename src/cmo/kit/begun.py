"""A program that is begun, waited for until it answers, and ended with whatever needed it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from cmo.errors import OracleError

_ENDS_WITHIN: Final = 20.0
_LOOK_SECONDS: Final = 0.1


@contextmanager
def begun(
    command: Sequence[str], answers: Callable[[], bool], seconds: float, failure: OracleError, *, quiet: bool = False
) -> Iterator[None]:
    """Entered once the program answers; it is told to end afterwards, and made to where it does not.

    Args:
        command: what begins it.
        answers: whether it answers by now.
        seconds: for how long it may not.
        failure: raised where it ends before, or takes longer.
        quiet: whether nothing that it says is shown.

    Raises:
        OracleError: `failure`.
    """
    told = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(command, stdout=told, stderr=told)  # noqa: S603 - our own callers' commands
    try:
        await_answer(process, answers, seconds, failure)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], seconds: float, failure: OracleError
) -> None:
    """Wait until a program that was begun answers.

    Raises:
        OracleError: `failure`, where it ends before, or takes longer.
    """
    ends = time.monotonic() + seconds
    while not answers():
        if process.poll() is not None or time.monotonic() > ends:
            raise failure
        time.sleep(_LOOK_SECONDS)
