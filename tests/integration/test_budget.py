"""The ledger on SQLite and on PostgreSQL: the same promises, and a race that may not overshoot."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, text

from cmo.cli import main
from cmo.errors import OverBudget
from cmo.model.money import EACH, Asked, Call, Need, Payer, Service, State, Usage, Window
from cmo.spend import Budget, Price, PriceList
from cmo.store import tables
from cmo.store.ledger import SqlLedger
from cmo.store.record import Record
from cmo.testing import FakeClock
from lightrag_integration import BudgetManager, CostAnalyzer

RACER = Path(__file__).with_name("budget_racer.py")
TASKS, PROCESSES = 1_000, 4
CENT = 10_000
CALL = Call("openai", "a-model", Service.LLM, "generate", Usage(0, CENT), Need.PRIORITY, Payer("acme", "ann"))
OWN = (Price("*", input=Decimal(1), output=Decimal(1)),)


@pytest.fixture
def record(url: str) -> Iterator[Record]:
    with Record.open(url, FakeClock()) as record:
        yield record


@pytest.fixture
def ledger(record: Record) -> SqlLedger:
    return record.ledger({Window.DAY: 100 * CENT, Window.MONTH: 1_000 * CENT})


def budget_of(ledger: SqlLedger, clock: FakeClock | None = None) -> Budget:
    return Budget(ledger, PriceList(lambda: OWN), clock or FakeClock())


def sums(ledger: SqlLedger) -> tuple[int, int]:
    """What the entries add up to, and what the balance of all of them says, over all days."""
    with ledger._database.engine.connect() as connection:
        entries = connection.execute(select(func.coalesce(func.sum(tables.ledger.c.cost), 0))).scalar_one()
        everybody = (tables.balances.c.tenant == "") & (tables.balances.c.user_id == "")
        months = everybody & (func.length(tables.balances.c.period) == 7)
        balance = connection.execute(select(func.sum(tables.balances.c.spent)).where(months)).scalar_one()
    return int(entries), int(balance or 0)


def test_what_is_written_reads_back_the_same(ledger: SqlLedger) -> None:
    clock = FakeClock()
    budget = budget_of(ledger, clock)
    with budget.reserved(replace(CALL, question="q1")) as held:
        held.settle(Usage(30, 20, 10))
    with budget.reserved(replace(CALL, service=Service.WEB, purpose="search", question="q2")):
        pass
    tally = ledger.tally(clock.now(), clock.now())
    assert [(t.purpose, t.state, t.calls, t.cost, t.input_tokens, t.cached_tokens) for t in tally.totals] == [
        ("generate", State.SETTLED, 1, 50, 30, 10),
        ("search", State.UNKNOWN, 1, CENT, 0, 0),
    ]
    assert tally.payers == ((Payer("acme", "ann"), CENT + 50),)
    assert (tally.questions, tally.failed_questions) == (2, 0)
    assert sums(ledger) == (CENT + 50, CENT + 50)


def test_limits_are_kept_for_all_who_open_the_record(url: str, ledger: SqlLedger) -> None:
    ledger.set_limit(Payer(EACH, EACH), Window.DAY, CENT)
    ledger.set_limit(Payer("acme"), Window.MONTH, 7)
    ledger.set_limit(Payer("acme"), Window.MONTH, 8)
    with Record.open(url, FakeClock()) as another:
        assert another.ledger({}).limits() == [
            (Payer(EACH, EACH), Window.DAY, CENT),
            (Payer("acme"), Window.MONTH, 8),
        ]
    held = {(b.account, b.window): b.limit for b in ledger.balances(Payer("acme", "ann"), FakeClock().now())}
    assert held[Payer("acme", "ann"), Window.DAY] == CENT
    assert held[Payer("acme"), Window.MONTH] == 8
    assert held[Payer(), Window.DAY] == 100 * CENT


def test_questions_are_counted_once_and_failed_as_they_were_noted(ledger: SqlLedger) -> None:
    clock = FakeClock()
    budget = budget_of(ledger, clock)
    for question, fails in (("a", True), ("b", True), ("c", False)):
        with suppress(ZeroDivisionError), budget.reserved(replace(CALL, question=question)) as held:
            held.settle(Usage(0, 1))
            assert 1 / (not fails)
    ledger.note(Asked("a", clock.now()))  # its fallback answered
    ledger.note(Asked("a", clock.now(), failed=True))  # told again
    ledger.note(Asked("d", clock.now(), Payer("acme"), "perplexity", 0.4, failed=True))
    tally = ledger.tally(clock.now(), clock.now())
    assert (tally.questions, tally.failed_questions) == (4, 2)


def test_a_report_looks_at_the_days_that_it_is_asked_for(ledger: SqlLedger) -> None:
    clock = FakeClock()
    budget = budget_of(ledger, clock)
    for _ in range(3):
        with budget.reserved(CALL) as held:
            held.settle(Usage(0, 5))
        clock.advance(24 * 3600)
    now = clock.now()
    counts = [sum(t.calls for t in ledger.tally(now - timedelta(days=days), now).totals) for days in range(5)]
    assert counts == [0, 1, 2, 3, 3]


def test_times_read_back_in_another_zone_are_the_same_times(record: Record, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite keeps no zone")
    with record._engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Pacific/Auckland'"))
    record._engine.dispose()
    ledger, clock = record.ledger({}), FakeClock()
    clock.advance(13 * 3600)  # tomorrow, over there
    with budget_of(ledger, clock).reserved(CALL) as held:
        held.settle(Usage(0, 5))
    assert sums(ledger) == (5, 5)
    assert {b.period: b.spent for b in ledger.balances(Payer(), clock.now())} == {"2026-01-01": 5, "2026-01": 5}


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "any"])
def test_a_thousand_tasks_in_four_processes_never_pass_a_limit(url: str, exact: bool) -> None:
    with Record.open(url, FakeClock()) as record:
        ledger = record.ledger({Window.DAY: 100 * CENT})
        ledger.set_limit(Payer("acme", "ann"), Window.DAY, 20 * CENT)
        words = [url, str(TASKS // PROCESSES), "", "exact" if exact else "any"]
        racers = [
            subprocess.Popen(
                [sys.executable, str(RACER), *words[:2], str(seed), words[3]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in range(PROCESSES)
        ]
        said = [said_by(racer) for racer in start(racers)]
        allowed, refused, highest = (sum(s[0] for s in said), sum(s[1] for s in said), max(s[2] for s in said))
        assert allowed + refused == TASKS
        assert highest <= 100 * CENT
        entries, balance = sums(ledger)
        assert entries == balance <= 100 * CENT
        assert allowed >= 100  # nobody was refused what there was money for
        assert not exact or (allowed, balance) == (100, 100 * CENT)
        (ann,) = spent_by(ledger, "ann")
        assert ann <= 20 * CENT


def start(racers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """Let all begin at once, when all are ready."""
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return racers


def said_by(racer: subprocess.Popen[str]) -> tuple[int, int, int]:
    out, _ = racer.communicate(timeout=120)
    assert racer.returncode == 0
    allowed, refused, highest = map(int, out.split())
    return allowed, refused, highest


def spent_by(ledger: SqlLedger, user: str) -> list[int]:
    query = select(func.coalesce(func.sum(tables.ledger.c.cost), 0)).where(tables.ledger.c.user_id == user)
    with ledger._database.engine.connect() as connection:
        return [int(n) for n in connection.execute(query).scalars()]


def test_threads_that_spend_expire_and_change_limits_at_once_do_not_wait_for_one_another_for_ever(
    ledger: SqlLedger,
) -> None:
    clock = FakeClock()
    budget = budget_of(ledger, clock)
    stop = threading.Event()

    def disturb() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            ledger.set_limit(Payer("acme", "bob"), Window.DAY, n * CENT)
            ledger.expire(clock.now() + timedelta(hours=1))
            time.sleep(0.001)

    def spend(n: int) -> bool:
        payer = Payer("acme", ("ann", "bob")[n % 2]) if n % 3 else Payer(f"tenant{n % 5}")
        try:
            with budget.reserved(replace(CALL, payer=payer)) as held:
                held.settle(Usage(0, 100))
        except OverBudget:
            return False
        return True

    disturber = threading.Thread(target=disturb)
    disturber.start()
    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(spend, range(200)))
    stop.set()
    disturber.join()
    assert made > 100
    assert sums(ledger) == (made * 100, made * 100)


# -- the command ---------------------------------------------------------------------------------------------------

Cmo = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMO_HOME", str(tmp_path / "base"))
    return tmp_path / "base"


@pytest.fixture
def cmo(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cmo:
    assert not home.exists()

    def run(*words: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["cmo", *words])
        with pytest.raises(SystemExit) as end:
            main.run()
        said = capsys.readouterr()
        code = end.value.code or 0
        return orjson.loads(said.out) if "--json" in words else (code, said.out + said.err)

    return run


def test_limits_are_set_and_shown(cmo: Cmo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTRAG_DAILY_BUDGET", "42")
    (day, month) = cmo("budget", "status", "--json")["accounts"]
    assert (day["limit_usd"], day["left_usd"], day["rung"], day["alert"]) == (42.0, 42.0, "open", False)
    assert month["limit_usd"] == 2500.0
    cmo("budget", "set", "--daily", "7.5", "--monthly", "0", "--json")
    shown = cmo("budget", "set", "--tenant", "acme", "--daily", "1", "--json")["accounts"]
    assert [(row["account"], row["limit_usd"]) for row in shown] == [
        ("everybody", 7.5), ("tenant acme", 1.0), ("everybody", 0.0), ("tenant acme", None),
    ]  # fmt: skip
    assert cmo("budget", "status", "--json")["accounts"][1]["rung"] == "closed"
    assert "$7.50" in cmo("budget", "status")[1]
    cmo("budget", "set", "--clear", "--json")
    assert cmo("budget", "status", "--json")["accounts"][0]["limit_usd"] == 42.0


@pytest.mark.parametrize(
    "words",
    [
        ("set",), ("set", "--daily", "-1"), ("set", "--daily", "NaN"), ("set", "--daily", "much"),
        ("price", "m"), ("price", "m", "--input", "1e9"), ("report", "--days", "0"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(cmo: Cmo, words: tuple[str, ...]) -> None:
    assert cmo("budget", *words)[0] == 2


def test_prices_are_given_listed_and_taken_away(cmo: Cmo) -> None:
    cmo("budget", "price", "llama3", "--input", "0", "--output", "0")
    cmo("budget", "price", "m", "--provider", "p", "--input", "0.5", "--request", "0.01")
    assert [(p["model"], p["provider"], p["input"]) for p in cmo("budget", "price", "--json")["prices"]] == [
        ("llama3", "", 0.0), ("m", "p", 0.5),
    ]  # fmt: skip
    assert cmo("budget", "price", "m", "--provider", "p", "--remove")[0] == 0
    assert cmo("budget", "price", "m", "--remove")[0] == 5


def test_a_report_says_what_was_spent_on_what(cmo: Cmo, home: Path) -> None:
    from cmo.app import opened
    from cmo.settings import read_settings

    cmo("budget", "price", "a-model", "--input", "1", "--output", "1")
    with opened(read_settings(working_dir=home)) as app:
        for _ in range(2):
            with app.treasury.budget.reserved(replace(CALL, question="q", most=Usage(0, 1_000_000))) as held:
                held.settle(Usage(0, 250_000))
    facts = cmo("budget", "report", "--json")
    assert (facts["cost_usd"], facts["calls"], facts["questions"], facts["average_question_usd"]) == (0.5, 2, 1, 0.5)
    assert facts["by_service"] == {"llm": 0.5}
    assert facts["by_payer"] == [{"tenant": "acme", "user": "ann", "cost_usd": 0.5}]
    assert [a["name"] for a in facts["advice"]] == ["dear-questions"]
    said = cmo("budget", "report")[1]
    assert "$0.50 for 2 calls" in said
    assert "100% of the money goes to generate with a-model (openai)" in said


# -- the documented names ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
async def test_the_documented_manager_says_whether_there_is_money() -> None:
    manager = BudgetManager(daily_budget=0.02)
    assert await manager.can_process_query()
    await manager._house.run(lambda app: app.treasury.own_prices.put(OWN[0]))
    await manager._house.run(spend_two_cents)
    permission = await manager.can_process_query()
    assert not permission
    assert "closed" in permission.reason
    assert 0 < permission.retry_after <= 24 * 3600
    status = await manager.get_status()
    assert (status["daily"]["spent_usd"], status["daily"]["limit_usd"]) == (0.02, 0.02)
    assert (status["alert"], status["can_process_query"]) == (True, False)
    assert orjson.dumps(status)
    await manager.close()


def spend_two_cents(app: Any) -> None:
    for _ in range(2):
        with app.treasury.budget.reserved(replace(CALL, payer=Payer())) as held:
            held.settle(Usage(0, CENT))


@pytest.mark.usefixtures("home")
async def test_the_documented_analyzer_divides_costs_by_questions() -> None:
    manager, analyzer = BudgetManager(), CostAnalyzer()
    empty = await analyzer.generate_cost_report()
    assert (empty.total_costs, empty.average_query_cost, empty.failed_query_ratio) == (0, 0, 0)
    await manager._house.run(lambda app: app.treasury.own_prices.put(OWN[0]))
    await manager._house.run(spend_two_cents)
    await manager.track_usage(query="What is raised?", response="Alanine.", processing_time=1.5)
    await manager.track_query(query="What is raised?", response="Alanine.", user_id="ann", source="lightrag")
    await manager.track_query(query="And then?", response=None, user_id="ann", source="perplexity")
    await manager.track_usage(query="And then?", response="  ")
    report = await analyzer.generate_cost_report()
    assert (report.total_costs, report.llm_costs, report.embedding_costs) == (0.02, 0.02, 0.0)
    assert (report.average_query_cost, report.failed_query_ratio) == (0.005, 0.5)
    assert any("50.0% of 4 questions failed" in said for said in report.recommendations)
    await manager.close()
    await analyzer.close()


@pytest.mark.usefixtures("home")
async def test_the_documented_variables_count_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DAILY_BUDGET", 50), ("MAX_BUDGET", 150), ("MAX_DAILY_BUDGET", 500)):
        monkeypatch.setenv(f"LIGHTRAG_{name}", str(value))
        assert BudgetManager().config.daily_budget == value
    monkeypatch.setenv("LIGHTRAG_MONTHLY_BUDGET", "3")
    assert BudgetManager(monthly_budget=4).config.monthly_budget == 4
    assert (BudgetManager(daily_budget=10.0).config.daily_budget, BudgetManager().config.monthly_budget) == (10, 3)
