"""Rates of several processes over one file: the same rule as of one, never more admitted than one would."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from cmo.access import machine
from cmo.access.machine import MachineRates
from cmo.kit.rate import Rate, Rates
from cmo.testing import FakeClock

RATE = Rate(1.0, 5)


def admitted(rates: MachineRates, caller: str, rate: Rate = RATE) -> float | None:
    return asyncio.run(rates.admit(caller, rate))


def test_two_that_share_a_file_admit_what_one_alone_would(tmp_path: Path) -> None:
    clock, chance = FakeClock(), Random(7)
    one, other = (MachineRates(tmp_path / "rates", clock.monotonic) for _ in range(2))
    alone = Rates(RATE, monotonic=clock.monotonic)
    for _ in range(400):
        clock.advance(chance.random() * 0.8)
        caller = chance.choice("abc")
        told = admitted(chance.choice((one, other)), caller)
        refused = alone.admit(caller)
        assert told == pytest.approx(refused.after if refused else 0.0)
    for rates in (one, other):
        asyncio.run(rates.aclose())


def test_a_flood_of_names_fits_and_gains_nobody_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_BUCKETS", 16)
    monkeypatch.setattr(machine, "_BYTES", 16 * 8 * 16)
    clock = FakeClock()
    rates = MachineRates(tmp_path / "rates", clock.monotonic)

    async def flood(names: int) -> int:
        return sum([await rates.admit(str(n), Rate(0.1, 1)) == 0 for n in range(names)])

    assert asyncio.run(flood(20)) == 20
    assert asyncio.run(flood(20)) == 0
    size = (tmp_path / "rates").stat().st_size
    assert asyncio.run(flood(1_000)) <= 16 * 8 - 20
    assert (tmp_path / "rates").stat().st_size == size
    clock.advance(10.0)
    assert asyncio.run(flood(20)) == 20, "who has been quiet is as one never seen"
    assert oct((tmp_path / "rates").stat().st_mode)[-3:] == "600"
    asyncio.run(rates.aclose())


def test_where_the_file_cannot_be_had_nobody_knows(tmp_path: Path) -> None:
    assert admitted(MachineRates(tmp_path / "none" / "rates"), "a") is None


def test_a_process_that_was_stopped_with_the_lock_holds_up_nobody(tmp_path: Path) -> None:
    import fcntl

    rates = MachineRates(tmp_path / "rates")
    assert admitted(rates, "a") == 0
    held = os.open(tmp_path / "rates", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert admitted(rates, "a") is None
    os.close(held)
    assert admitted(rates, "a") == 0
    asyncio.run(rates.aclose())
