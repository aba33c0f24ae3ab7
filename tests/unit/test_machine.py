"""How busy the machine is."""

from pathlib import Path

from cmo.kit.machine import Machine, cores
from cmo.testing import FakeClock


def proc(folder: Path, busy: int, idle: int, available: int = 250) -> Path:
    (folder / "self").mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    (folder / "meminfo").write_text(f"MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: {available} kB\n")
    (folder / "self" / "status").write_text("Name:\tcmo\nVmRSS:\t  64 kB\n")
    return folder


def test_the_processor_is_judged_between_two_looks(tmp_path: Path) -> None:
    clock = FakeClock()
    machine = Machine(clock, 10, proc(tmp_path, 100, 900))
    proc(tmp_path, 175, 925)
    clock.advance(10)
    assert machine.usage().cpu_percent == 75
    proc(tmp_path, 175, 1025)
    clock.advance(5)
    assert machine.usage().cpu_percent == 75, "the look before still holds"
    clock.advance(5)
    assert machine.usage().cpu_percent == 0


def test_memory_is_what_is_left_of_it(tmp_path: Path) -> None:
    usage = Machine(FakeClock(), 10, proc(tmp_path, 1, 1)).usage()
    assert usage.memory_percent is not None
    assert 0 <= usage.memory_percent <= 100
    assert usage.memory_bytes == 64 * 1024


def test_where_the_kernel_tells_nothing_nothing_is_made_up(tmp_path: Path) -> None:
    usage = Machine(FakeClock(), 10, tmp_path / "none").usage()
    assert usage.cpu_percent is None
    assert usage.memory_bytes is None
    (tmp_path / "stat").write_text("rubbish")
    assert Machine(FakeClock(), 10, tmp_path).usage().cpu_percent is None


def test_this_machine_can_be_looked_at() -> None:
    usage = Machine(FakeClock(), 0).usage()
    assert cores() == usage.cores >= 1
    assert 0 <= usage.process_cpu_percent <= 100
