"""Alerts that nobody is to be told of for a while: of a kind, or of a release. Kept in a file that running services look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from cmo.errors import SettingsError
from cmo.kit.clock import Clock
from cmo.kit.hot import HotFile
from cmo.ops.alerts.rule import Rule

_MOST: Final = 200
_LONGEST_HOURS: Final = 24.0 * 14
"""A silence that is forgotten must end by itself."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What nobody is told of."""

    alert: str
    """Name of the alert; empty for all."""
    release: str
    """The release that it must be about; empty for any."""
    until: float
    """Seconds since 1970."""
    by: str
    reason: str

    def covers(self, rule: Rule, key: str, now: float) -> bool:
        """Whether an alert falls under it."""
        about = not self.release or (rule.by == "release" and key == self.release)
        return now < self.until and self.alert in {"", rule.name} and about

    def matchers(self) -> list[dict[str, Any]]:
        """The same for Alertmanager."""
        told = {"alertname": self.alert, "release": self.release}
        return [
            {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in told.items() if value
        ]


def silence(
    alert: str, release: str, hours: float, by: str, reason: str, *, clock: Clock, known: Sequence[Rule]
) -> Silence:
    """A silence that makes sense.

    Raises:
        SettingsError: it names nothing, no alert that there is, or lasts too long.
    """
    if not alert and not release:
        raise SettingsError("Say what is to be silenced: --alert NAME, --release ID, or both.")
    if alert and alert not in {rule.name for rule in known}:
        raise SettingsError(f"There is no alert {alert!r}. `cmo alerts list` shows all.")
    if not 0 < hours <= _LONGEST_HOURS:
        raise SettingsError(f"A silence lasts more than 0 and at most {_LONGEST_HOURS:g} hours, not {hours:g}.")
    return Silence(alert, release, clock.now().timestamp() + 3600 * hours, by, reason)


class Silences:
    """Those of a knowledge base.

    Args:
        folder: of the base.
        clock: the time.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._file: HotFile[tuple[Silence, ...]] = HotFile(
            folder / "silences.json", decode=_decoded, encode=_encoded, default=tuple
        )

    def now(self) -> tuple[Silence, ...]:
        """Those that hold."""
        now = self._clock.now().timestamp()
        return tuple(one for one in self._file.now() if one.until > now)

    def add(self, one: Silence) -> None:
        """One more, from now on in all running services."""
        self._change(lambda held: (*held, one)[-_MOST:])

    def end(self, alert: str, release: str) -> int:
        """End those of an alert and a release; how many there were."""
        before = self.now()
        self._change(lambda held: tuple(one for one in held if (one.alert, one.release) != (alert, release)))
        return len(before) - len(self.now())

    def silenced(self, rule: Rule, key: str) -> bool:
        """Whether nobody is to be told."""
        now = self._clock.now().timestamp()
        return any(one.covers(rule, key, now) for one in self._file.now())

    def _change(self, changed: Callable[[tuple[Silence, ...]], tuple[Silence, ...]]) -> None:
        self._file.amend(lambda _held: changed(self.now()))


def _decoded(data: bytes) -> tuple[Silence, ...]:
    try:
        return tuple(Silence(**row) for row in orjson.loads(data))
    except TypeError as error:
        raise ValueError("no silences") from error


def _encoded(silences: tuple[Silence, ...]) -> bytes:
    return orjson.dumps([asdict(one) for one in silences], option=orjson.OPT_INDENT_2)
