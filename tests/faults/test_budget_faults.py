"""A process dies, freezes or meets a full disk between setting money aside and settling: nothing is lost or overspent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from cmo.errors import OverBudget, StoreError
from cmo.model.money import Call, Need, Service, Usage, Window
from cmo.spend import Budget, Price, PriceList
from cmo.store import tables
from cmo.store.engine import open_engine
from cmo.store.ledger import SqlLedger
from cmo.testing import FakeClock

CENT = 10_000
CALL = Call("p", "m", Service.LLM, "generate", Usage(0, CENT), Need.PRIORITY, seconds=60)
PRICES = PriceList(lambda: (Price("*", output=Decimal(1)),))
CALLER = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_budget_faults import CALL, budget_at
budget, _ = budget_at(sys.argv[1])
with budget.reserved(CALL) as held:
    print("calling", flush=True)
    sys.stdin.readline()
"""


def budget_at(url: str) -> tuple[Budget, FakeClock]:
    """Of five cents a day."""
    clock = FakeClock()
    return Budget(SqlLedger(open_engine(url), {Window.DAY: 5 * CENT}), PRICES, clock), clock


@pytest.fixture
def url(memory: Path) -> str:
    return f"sqlite:///{memory / 'record.sqlite3'}"


@pytest.fixture
def callers(url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Three processes, each in the middle of a call."""
    budget_at(url)
    started = [
        subprocess.Popen([sys.executable, "-c", CALLER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for caller in started:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "calling\n"
    yield started
    for caller in started:
        caller.kill()
        caller.wait()
        for stream in (caller.stdin, caller.stdout):
            assert stream is not None
            stream.close()


def states(url: str) -> list[tuple[str, int]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        query = select(tables.ledger.c.state, tables.ledger.c.cost).order_by(tables.ledger.c.id)
        found = [(state, cost) for state, cost in connection.execute(query)]
    engine.dispose()
    return found


def test_what_a_killed_process_set_aside_counts_as_spent_and_is_never_lost(
    url: str, callers: list[subprocess.Popen[str]]
) -> None:
    for caller in callers:
        os.kill(caller.pid, signal.SIGKILL)
        caller.wait()
    budget, clock = budget_at(url)
    assert states(url) == [("reserved", CENT)] * 3
    assert [a.balance.exposed for a in budget.accounts()] == [3 * CENT] * 2
    clock.advance(59)
    assert [a.balance.exposed for a in budget.accounts()] == [3 * CENT] * 2
    assert states(url) == [("reserved", CENT)] * 3
    clock.advance(2)
    assert [(a.balance.spent, a.balance.exposed) for a in budget.accounts()] == [(3 * CENT, 3 * CENT)] * 2
    assert states(url) == [("unknown", CENT)] * 3
    for _ in range(2):
        with budget.reserved(CALL) as held:
            held.settle(Usage(0, CENT))
    with pytest.raises(OverBudget), budget.reserved(CALL):
        raise AssertionError


def test_a_frozen_caller_keeps_nobody_from_spending_what_is_left(
    url: str, callers: list[subprocess.Popen[str]]
) -> None:
    for caller in callers:
        os.kill(caller.pid, signal.SIGSTOP)
    budget, _ = budget_at(url)
    for _ in range(2):
        with budget.reserved(CALL) as held:
            held.settle(Usage(0, CENT))
    with pytest.raises(OverBudget), budget.reserved(CALL):
        raise AssertionError
    for caller in callers:
        os.kill(caller.pid, signal.SIGCONT)
        caller.communicate("go on\n", timeout=60)
    assert states(url) == [("unknown", CENT)] * 3 + [("settled", CENT)] * 2


def test_on_a_full_disk_nothing_is_spent(url: str) -> None:
    """The limit on the size of files stands for the disk."""
    code = f"""
import os, resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_budget_faults import CALL, budget_at
from cmo.errors import StoreError
budget, _ = budget_at(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
made = 0
try:
    for _ in range(3):
        with budget.reserved(CALL) as held:
            made += 1
except StoreError as error:
    print(made, type(error).__name__)
"""
    budget_at(url)
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split()[:1] == ["0"], done.stderr
    assert states(url) == []


def test_without_its_database_nothing_is_spent(url: str, memory: Path) -> None:
    budget, _ = budget_at(url)
    for file in memory.glob("record.sqlite3*"):
        file.write_bytes(b"no database at all" * 500)
    with pytest.raises(StoreError), budget.reserved(CALL):
        raise AssertionError("a call was made without money")
