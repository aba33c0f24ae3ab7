"""What watching costs, out of two services that say what they take."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from cmo.bench import serving_long as long
from cmo.bench.figures import Row


@dataclass
class Stand:
    """Begins services that are none."""

    pace: float = 1.0
    began: list[str] = field(default_factory=list)
    bodies: Sequence[str] = ("{}",)

    def rest(self) -> None:
        self.began.clear()

    @contextmanager
    def another(self, **environment: str) -> Iterator["Stood"]:
        self.began.append("blind" if environment else "watched")
        yield Stood(self.began[-1], len(self.began))

    def lasting(self, _one: "Stood", _most: int) -> list[str]:
        return ["{}"]


@dataclass
class Stood:
    kind: str
    port: int


def told(monkeypatch: pytest.MonkeyPatch, milliseconds: float) -> tuple[list[Row], list[str]]:
    """Figures where watching takes so much of 100 ms; who began first in a pair takes 5 ms more, whoever it is."""
    bench = Stand()

    def rate(_bench: Stand, one: Stood, *_: object) -> tuple[float, float]:
        took = 100.0 + (milliseconds if one.kind == "watched" else 0.0) + 5.0 * (one.port % 2)
        return 1000.0 / took, took / 1000

    monkeypatch.setattr(long, "_rate", rate)
    monkeypatch.setattr(
        long, "_differ", lambda watched, blind: (watched.kind, blind.kind) == ("watched", "blind") or 1 / 0
    )
    return list(long.instruments(bench)), bench.began  # type: ignore[arg-type]


def test_who_begins_first_does_not_tell_and_the_limit_stands_on_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, began = told(monkeypatch, 2.0)
    assert began == ["watched", "blind", "blind", "watched"]
    assert [(row.what.rpartition(", ")[2], row.goal, row.met) for row in rows] == [
        ("by processor time", "≤ 3", True), ("as seen by who asks", "", None),
    ] * 2  # fmt: skip
    assert all(row.value == pytest.approx(100 * 2 / 102, abs=0.2) for row in rows)
    assert all(row.low is not None and row.high is not None and row.low < row.value < row.high for row in rows)


def test_more_than_the_limit_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = told(monkeypatch, 4.0)
    assert [row.met for row in rows] == [False, None, False, None]
