"""The doctor: checks run beside each other, each within its time, and every finding says its fix.

::

    Check(name, look)  --a thread each-->  Finding(ok | degraded | broken, what, fix)  -->  Report, worst first

It changes nothing. A check that takes too long is a finding as well; its thread ends with the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cmo.errors import OracleError
from cmo.kit.clock import Clock


class State(StrEnum):
    """How something is. Degraded works, but not as it should, or not for long."""

    OK = "ok"
    DEGRADED = "degraded"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing."""

    name: str
    state: State
    said: str
    fix: str = ""
    """What to do; empty where all is well."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], Finding]
    fix: str = "Try again; if it stays, see docs/how-to/when-something-is-wrong.md."
    """Where it does not end in time, or fails in a way that nobody thought of."""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order of the checks."""

    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """The worst of them."""
        return max((f.state for f in self.findings), key=list(State).index, default=State.OK)

    def of(self, name: str) -> Finding | None:
        """The finding of one check."""
        return next((f for f in self.findings if f.name == name), None)


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, said)


def degraded(name: str, said: str, fix: str) -> Finding:
    """It works, but not as it should."""
    return Finding(name, State.DEGRADED, said, fix)


def broken(name: str, said: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(name, State.BROKEN, said, fix)


def examine(
    checks: Sequence[Check],
    clock: Clock,
    *,
    seconds: float = 10.0,
    heard: Callable[[Finding], None] = lambda _finding: None,
) -> Report:
    """Look at everything at once.

    Args:
        checks: what to look at.
        clock: for durations.
        seconds: the longest that any of them may take.
        heard: is told each finding as it comes.
    """
    found: queue.SimpleQueue[Finding] = queue.SimpleQueue()
    begun = clock.monotonic()
    for check in checks:
        threading.Thread(target=lambda c=check: found.put(_looked(c, clock)), daemon=True, name=check.name).start()
    known: dict[str, Finding] = {}
    while len(known) < len(checks):
        try:
            finding = found.get(timeout=max(0.0, begun + seconds - clock.monotonic()))
        except queue.Empty:
            break
        known[finding.name] = finding
        heard(finding)
    for check in checks:
        if check.name not in known:
            known[check.name] = late = replace(
                broken(check.name, f"No word within {seconds:g} s.", check.fix), seconds=seconds
            )
            heard(late)
    return Report(tuple(known[check.name] for check in checks))


def _looked(check: Check, clock: Clock) -> Finding:
    begun = clock.monotonic()
    try:
        finding = check.look()
    except OracleError as error:  # its message says what to do
        finding = broken(check.name, str(error), check.fix)
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, whatever it fails by
        finding = broken(check.name, f"{type(error).__name__}: {error}", check.fix)
    return replace(finding, name=check.name, seconds=round(clock.monotonic() - begun, 3))
