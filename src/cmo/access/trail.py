"""Whether the lines that were written down are all there, in order, and say what they said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from cmo.model.access import AccessStore, Line

_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the lines do not hold."""

    number: int
    what: str


def audited(store: AccessStore) -> Fault | None:
    """The first fault of all lines that a store holds, or None; what is written meanwhile is left to the next look."""
    height = store.height()
    return verify(takewhile(lambda line: line.number <= height[0], all_lines(store)), height)


def all_lines(store: AccessStore) -> Iterator[Line]:
    """All lines, in order."""
    after = 0
    while lines := store.lines(after, _AT_ONCE):
        yield from lines
        after = lines[-1].number


def verify(lines: Iterable[Line], height: tuple[int, str]) -> Fault | None:
    """The first fault of all lines from the first on, or None.

    Args:
        lines: all of them, as they are kept.
        height: number and hash of the last one, as they were noted elsewhere.
    """
    number, before = 0, ""
    for line in lines:
        wanted = Line.after(number, before, line.deed)
        number += 1
        if line.number != number:
            return Fault(number, f"line {number} is missing; line {line.number} stands in its place")
        if line.before != before:
            return Fault(number, f"line {number} does not follow on the line before it")
        if line != wanted:
            return Fault(number, f"line {number} was altered")
        before = line.hash
    if (number, before) != height:
        return Fault(height[0], f"the last lines are gone or forged: {height[0]} were written, {number} are there")
    return None
